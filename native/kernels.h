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
    const int32_t *field; /* (2, rows, columns) */
    int steps, count;     /* phases of a pel; taps of each */
    const int16_t *taps;  /* (steps, count) */
    int side;             /* pels of a block: 16, 8 or 4 */
    uint8_t *shown;       /* (height, width) */
} Warp;

typedef struct {
    void (*warp)(const Warp *);
} Kernels;

extern const Kernels kernels_portable;
#if LVCODEC_X86
extern const Kernels kernels_avx2, kernels_avx512;
#endif

#endif
