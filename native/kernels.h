/* What the kernels are: one table of functions for each set of instructions, filled by portable.c, avx2.c, avx512.c.
 *
 * All numbers are integers, or results of single rounded operations. Sizes are checked by module.c, which alone calls
 * these functions; what a kernel reads from a stream (indices, words) it checks itself. No kernel keeps any state.
 */
#ifndef LVCODEC_KERNELS_H
#define LVCODEC_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define RESTRICT restrict
#else
#define INLINE static inline
#define RESTRICT
#endif

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__) && !defined(__clang__)
#define LVCODEC_X86 1
#include <immintrin.h>
#else
#define LVCODEC_X86 0
#endif

enum { PORTABLE, AVX2, AVX512, LEVELS };

typedef struct {
    int height, width;
    const uint8_t *plane; /* (height, width) */
    int rows, columns;
    const int32_t *field;        /* (2, rows, columns) */
    const uint8_t *other;        /* a second plane, or NULL */
    const int32_t *others_field; /* its field */
    const uint8_t *which;        /* (rows, columns) what blocks show: 1 the first plane, 2 the second, 3 both */
    int steps, count;     /* phases of a pel; taps of each */
    const int16_t *taps;  /* (steps, count) */
    int side;             /* pels of a block: 16, 8 or 4 */
    uint8_t *shown;       /* (height, width) */
} Warp;

enum { DONE, NO_MEMORY, BAD_INDEX, BAD_SIGN, TOO_FAR, FULL, DAMAGED, ENDLESS }; /* what became of a call of the coder */

typedef struct {
    int64_t count; /* elements, < 2^31 */
    const int32_t *index;
    const int32_t *centre, *sign; /* of each element, or one for all, where the step is 0 */
    int centre_step, sign_step;
    int32_t *values;
    int32_t tables; /* >= 1 */
    const int64_t *starts;  /* (tables,) first entries */
    const int32_t *lengths; /* (tables,) >= 2 */
    const uint32_t *below;  /* of all entries: counts of the table's entries before; its last one ends at 2^24 */
    uint32_t *uses;         /* of all entries: how often they were coded is added */
    uint64_t *state;        /* reader: range, distance, next word; writer: low, range, words written */
    uint32_t *words;
    size_t word_count, needed;
    uint64_t escape_bits;
} Symbols;

typedef struct {
    int height, width, border; /* of the plane, and how far it is shown beyond its edges */
    const uint8_t *plane;      /* (height, width) */
    int steps, count;
    const int16_t *taps; /* (steps, count) */
    uint8_t *shown;      /* (steps * steps, height + 2 * border, width + 2 * border), phases down first, rounded */
} Phases;

enum { SLOTS = 8 };         /* of each part of a vector, a power of 2: a block keeps errors of SLOTS^2 vectors */
enum { MOST_VECTOR = 8192 }; /* of a part, in quarters of a pel */

/* What blocks are compared with, and what is known of it. */
typedef struct {
    int height, width, border; /* of each plane, border and all, 16 at least */
    const uint8_t *seen;       /* (16, height, width), the reference at quarters of a pel */
    const uint8_t *others_seen; /* a second one, of B-pictures, whose vectors are differences from `direct`; or NULL */
    int side, columns;          /* pels of a block's side, 16 or 8; blocks in a row */
    int64_t block_count;
    const uint8_t *wanted; /* (block_count, side, side) */
    const int32_t *direct; /* (2, block_count), within MOST_VECTOR, or NULL */
    int to_before, to_after; /* pictures, 1 .. 2^16 */
    float price, mended;     /* what it costs to show one of two references; where the logarithm begins, > 0 */
    int32_t *known;          /* (block_count, SLOTS, SLOTS) vectors, 2^16 times the first part and the second */
    float *found;            /* the same: their errors */
} Errors;

typedef struct {
    int64_t count;
    const int32_t *vectors; /* (2, count), within MOST_VECTOR */
    const int64_t *blocks;  /* (count,), < block_count */
    float *errors;          /* (count,); or (3, count), with both references, the one before, the one after */
} Pairs;

typedef struct {
    int rows, columns, side;       /* of groups that are chosen together: 1, or more */
    int32_t *field;                /* (2, rows, columns), within MOST_VECTOR */
    float *errors;                 /* (rows, columns), of the field */
    const int32_t *candidate;      /* another field */
    const float *candidates_errors;
    const float *octaves;          /* (4 * MOST_VECTOR + 1,) what a distance between neighbours counts */
    float price;                   /* of an octave */
} Choice;

enum { MOST_SIZES = 4, KINDS = 5, PATTERNS = 8, SPREADS = 8, FLAGS = 3, CLASSES = 17, MOST_STEPS = 32 };

/* Blocks while they are decided; arrays of places, or two of them for both parts of vectors, within MOST_VECTOR. */
typedef struct {
    int rows, columns;
    int sizes;                           /* of blocks, up to MOST_SIZES: the smallest are places */
    const int32_t *one, *other, *level;  /* what places are coded between, and how finely: 0 .. sizes */
    const int32_t *predicted, *vectors;
    const int32_t *leaves;               /* powers of 2 below 2^sizes */
    const float *as_predicted;           /* errors with what is predicted */
    const float *kinds, *flags, *differences; /* bits by contexts: of KINDS, FLAGS, (2, contexts, CLASSES) */
    int step_count;
    const int32_t *steps; /* (2, step_count), within MOST_VECTOR */
    float price, later;   /* of a bit; the share of bits of later places, or 0 */
    int32_t *new_vectors, *new_leaves;
} Tree;

enum { MOST_CHANNELS = 256, MOST_HIDDEN = 512, MOST_INPUTS = 1024, MOST_TAPS_OF_LAYER = 25 };
enum { RELU, CLAMP, WIDE, ADD }; /* what becomes of a layer's sums */

/* A layer's integers. weights: within +-64; ((outputs + 63) / 64, taps, inputs / 4, 64, 4), or of a layer within each
 * channel (channels / 64, 3 fours of taps, 4 parts, 4 lanes, 4 channels, 4 taps), channel 16 lane + 4 part + i, its bias
 * and shift in that order too. bias: (outputs,) with -zero * sum of weights in it; shift: (outputs,) -6 .. 30. */
typedef struct {
    int inputs, outputs, taps;
    const int8_t *weights;
    const int32_t *bias, *shift;
} Product;

typedef struct {
    int height, width;
    const uint8_t *x; /* (height, width, channels), 128 stands for 0 */
    uint8_t *out;     /* the same */
    Product each, up, down;
    const int64_t *places; /* (count,) positions to compute, or NULL: all */
    int64_t count;
    const int32_t *rows; /* NULL, or (all positions, of several pictures) where x and out have a row for each of `places`
                            alone: which one is a position's, or -1, where x is 0 */
} Block;

typedef struct {
    int height, width, channels; /* channels: product.inputs without what makes them a multiple of 4 */
    const uint8_t *x;            /* (height, width, channels) */
    int zero, kind;              /* the byte that stands for 0 */
    Product product;
    void *out; /* (count, outputs) bytes, or float32 of a WIDE one */
    const int64_t *places;
    int64_t count;
} Layer;

enum { MOST_LINEAR = 512 };

typedef struct {
    int inputs, outputs; /* inputs: even, at most MOST_LINEAR; outputs: a multiple of 16 */
    int64_t count;
    const double *x;           /* (count, inputs) whole numbers within 31 bits */
    const int16_t *low, *high; /* (outputs / 16, inputs / 2, 16, 2) digits of weights, 256 * high + low */
    const int64_t *bias;       /* (outputs,) */
    const int32_t *shift;      /* (outputs,) 0 .. 62 */
    double *out;               /* (count, outputs) */
} Linear;

enum { LACKING_CHANNELS = 384 }; /* of a place: levels of luma and chroma */

typedef struct {
    int height, width, rows, columns; /* of luma; places of 16x16 pels of it */
    const uint8_t *picture[3], *prediction[3];
    int64_t count;         /* of `places`, or of all */
    const int64_t *places; /* (count,), < rows * columns */
    double *levels;        /* (count, LACKING_CHANNELS), four blocks of exact/patches.py channel by channel */
    uint32_t *energies;    /* (count,) */
} Lacking;

typedef struct {
    int64_t count;                       /* places */
    int channels, first, all;            /* of those that are decided, their first, and how many a place has */
    const int64_t *rows;                 /* (count,), < those of real, worth, gain, any */
    const int32_t *index;                /* (count, channels) tables */
    const float *real, *worth, *outward; /* (rows, all) < 2^22 steps; (rows,) bits for a squared step; (all,) steps */
    int32_t tables;
    const int64_t *starts; /* of bits, as in Symbols */
    const int32_t *lengths;
    const float *bits;
    int32_t *symbols; /* (count, channels) */
    float *gain;      /* (rows,) bits, added to */
    uint8_t *any;     /* (rows,), set to 1 where a symbol is not 0 */
} Quantise;

typedef struct {
    void (*warp)(const Warp *);
    void (*linear)(const Linear *);
    void (*block)(const Block *);
    void (*layer)(const Layer *);
    int (*phases)(const Phases *);
    void (*errors)(const Errors *, const Pairs *);
    void (*errors_of_both)(const Errors *, const Pairs *);
    int (*decide)(const Errors *, const Tree *);
    int (*choose)(const Choice *);
    int (*code)(Symbols *, int writes);
    void (*energies)(const Lacking *);
    void (*residual)(const Lacking *);
    int (*quantise)(const Quantise *);
} Kernels;

extern const Kernels kernels_portable;
#if LVCODEC_X86
extern const Kernels kernels_avx2, kernels_avx512;
#endif

#endif
