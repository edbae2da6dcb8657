/* For the encoder's search: a plane at every fraction of a pel, and errors of blocks, as encoder/errors.py has them. */
#include <stdlib.h>
#include <string.h>

#define QUARTERS 4 /* of a pel: steps of vectors */
#define AHEAD 4    /* blocks whose pels are fetched before they are compared */
#define OUT_OF_REACH 1e9f
#define LOG_OF_2 0.6931472f

/* log2(1 + x) = x + x (1 - x) (polynomial), highest power first */
static const float LOGARITHM[5] = {0.02513f, -0.09426f, 0.18058f, -0.27517f, 0.4425f};

/* One row of the plane, gone on beyond its edges, through the taps of one phase; sums, unrounded. */
INLINE void across_row(const uint8_t *line, const int16_t *taps, int count, int width, int16_t *RESTRICT out) {
    for (int j = 0; j < width; j++) {
        int16_t sum = 0;
        for (int k = 0; k < count; k++) sum = (int16_t)(sum + taps[k] * line[j + k]);
        out[j] = sum;
    }
}

INLINE void down_row(const int16_t *const *rows, const int16_t *taps, int count, int width, uint8_t *RESTRICT out) {
    int j = 0;
#if LVCODEC_LEVEL >= 1
    if (count == 8) {
        __m256i pairs[4], loaded[8], low, high;
        for (int k = 0; k < 4; k++) pairs[k] = pair_of_taps(taps + 2 * k);
        for (; j + 16 <= width; j += 16) {
            for (int k = 0; k < 8; k++) loaded[k] = _mm256_loadu_si256((const __m256i *)(rows[k] + j));
            eight_down(loaded, pairs, &low, &high);
            const __m256i sums =
                _mm256_packs_epi32(eight_halved(low, 2 * TAP_BITS), eight_halved(high, 2 * TAP_BITS));
            _mm_storeu_si128((__m128i *)(out + j), _mm_packus_epi16(_mm256_castsi256_si128(sums),
                                                                    _mm256_extracti128_si256(sums, 1)));
        }
    }
#endif
    for (; j < width; j++) {
        int32_t sum = 0;
        for (int k = 0; k < count; k++) sum += taps[k] * (int32_t)rows[k][j];
        out[j] = (uint8_t)clamped(halved(sum, 2 * TAP_BITS), 0, 255);
    }
}

/* All phases across of all phases down, row by row; `count` rows of each phase across are kept. */
INLINE int all_phases(const Phases *p, int count) {
    const int width = p->width + 2 * p->border, height = p->height + 2 * p->border, before = count / 2 - 1;
    const size_t size = (size_t)height * width;
    uint8_t *line = malloc((size_t)width + count);
    int16_t *kept = malloc(sizeof *kept * p->steps * count * width);
    if (!line || !kept) {
        free(line);
        free(kept);
        return NO_MEMORY;
    }
    for (int i = -before; i < height + count - 1 - before; i++) { /* the row that comes in */
        const uint8_t *row = p->plane + (ptrdiff_t)clamped(i - p->border, 0, p->height - 1) * p->width;
        memset(line, row[0], p->border + before);
        memcpy(line + p->border + before, row, p->width);
        memset(line + p->border + before + p->width, row[p->width - 1], p->border + count - before);
        const int slot = (i + before) % count, out = i - (count - 1 - before);
        for (int across = 0; across < p->steps; across++) {
            int16_t *rows = kept + (size_t)across * count * width;
            across_row(line, p->taps + across * count, count, width, rows + (size_t)slot * width);
            if (out < 0) continue;
            const int16_t *in_order[8];
            for (int k = 0; k < count; k++) in_order[k] = rows + (size_t)((slot + 1 + k) % count) * width;
            for (int down = 0; down < p->steps; down++)
                down_row(in_order, p->taps + down * count, count, width,
                         p->shown + (size_t)(down * p->steps + across) * size + (size_t)out * width);
        }
    }
    free(line);
    free(kept);
    return DONE;
}

static int phases(const Phases *p) { return p->count == 8 ? all_phases(p, 8) : all_phases(p, 4); }

/* Squared errors of a block: of the sum of both references to twice what is wanted, of the one, of the other. Without
 * `other`, errors[1] alone. */
#if LVCODEC_LEVEL >= 1
INLINE __m256i sixteen_pels(const uint8_t *pels) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)pels));
}

/* Two rows of a block of 8x8. */
INLINE __m256i twice_eight_pels(const uint8_t *pels, ptrdiff_t stride) {
    const __m128i one = _mm_loadl_epi64((const __m128i *)pels), next = _mm_loadl_epi64((const __m128i *)(pels + stride));
    return _mm256_cvtepu8_epi16(_mm_unpacklo_epi64(one, next));
}

INLINE void add_squares(__m256i *sum, __m256i apart) {
    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(apart, apart));
}

INLINE int32_t total_of(__m256i sum) {
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
    return _mm_cvtsi128_si32(half);
}

INLINE void squared(const uint8_t *one, const uint8_t *other, ptrdiff_t stride, const uint8_t *wanted, int side,
                    int32_t *errors) {
    __m256i sums[3] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    const int rows = 16 / side; /* at a time */
    for (int i = 0; i < side; i += rows) {
        const uint8_t *here = one + i * stride;
        const __m256i pels = sixteen_pels(wanted + i * side);
        const __m256i first = _mm256_sub_epi16(rows == 1 ? sixteen_pels(here) : twice_eight_pels(here, stride), pels);
        add_squares(&sums[1], first);
        if (!other) continue;
        const uint8_t *there = other + i * stride;
        const __m256i second = _mm256_sub_epi16(rows == 1 ? sixteen_pels(there) : twice_eight_pels(there, stride), pels);
        add_squares(&sums[2], second);
        add_squares(&sums[0], _mm256_add_epi16(first, second));
    }
    for (int k = other ? 0 : 1; k < (other ? 3 : 2); k++) errors[k] = total_of(sums[k]);
}
#else
INLINE void squared(const uint8_t *one, const uint8_t *other, ptrdiff_t stride, const uint8_t *wanted, int side,
                    int32_t *errors) {
    int32_t sums[3] = {0, 0, 0};
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            const int first = one[i * stride + j] - wanted[i * side + j];
            sums[1] += first * first;
            if (!other) continue;
            const int second = other[i * stride + j] - wanted[i * side + j];
            sums[2] += second * second;
            sums[0] += (first + second) * (first + second);
        }
    for (int k = 0; k < 3; k++) errors[k] = sums[k];
}
#endif

/* The same of the blocks that there are: both loops are laid out for their side. */
INLINE void squared_of(const Errors *e, const uint8_t *one, const uint8_t *other, int64_t block, int32_t *errors) {
    if (e->side == 16)
        squared(one, other, e->width, e->wanted + block * 256, 16, errors);
    else
        squared(one, other, e->width, e->wanted + block * 64, 8, errors);
}

typedef struct {
    int32_t down, across; /* quarters of a pel */
} Vector;

INLINE int equal(Vector one, Vector other) { return one.down == other.down && one.across == other.across; }

/* Where a vector leads a block, in planes of phases. */
INLINE const uint8_t *shown_at(const Errors *e, const uint8_t *seen, int64_t block, Vector vector) {
    const int row = (int)((uint32_t)block / (uint32_t)e->columns), column = (int)((uint32_t)block % (uint32_t)e->columns);
    const int down = vector.down & (QUARTERS - 1), across = vector.across & (QUARTERS - 1);
    const int top = clamped(row * e->side + e->border + (vector.down - down) / QUARTERS, 0, e->height - e->side);
    const int left = clamped(column * e->side + e->border + (vector.across - across) / QUARTERS, 0, e->width - e->side);
    return seen + (size_t)(down * QUARTERS + across) * e->height * e->width + (size_t)top * e->width + left;
}

/* numerator / denominator of a vector's part, halves away from zero; codec/motion.py has it too. */
INLINE int32_t scaled(int32_t part, int numerator, int denominator) {
    if (numerator == denominator) return part;
    const uint32_t doubled = 2 * (uint32_t)(part < 0 ? -part : part) * (uint32_t)numerator; /* 2^30 at most */
    const uint32_t size = (doubled + (uint32_t)denominator) / (2 * (uint32_t)denominator);
    const int32_t within = size < MOST_VECTOR ? (int32_t)size : MOST_VECTOR;
    return part < 0 ? -within : within;
}

/* What a block of a B-picture sees with a difference from temporal direct: 0 where it leads too far. */
INLINE int both_vectors(const Errors *e, int64_t block, Vector difference, Vector *before, Vector *after) {
    const int distance = e->to_before > e->to_after ? e->to_before : e->to_after;
    const int32_t down = e->direct[block] + difference.down;
    const int32_t across = e->direct[e->block_count + block] + difference.across;
    if (down < -MOST_VECTOR || down > MOST_VECTOR || across < -MOST_VECTOR || across > MOST_VECTOR) return 0;
    *before = (Vector){scaled(down, e->to_before, distance), scaled(across, e->to_before, distance)};
    *after = (Vector){-scaled(down, e->to_after, distance), -scaled(across, e->to_after, distance)};
    return 1;
}

/* The error that squares mean, each `parts` times too large: what a residual mends counts by its logarithm. */
INLINE float counted(const Errors *e, int32_t squares, int parts) {
    const float mean = (float)squares / (float)(e->side * e->side * parts);
    const float times = mean / e->mended;
    if (times <= 1) return mean;
    uint32_t bits;
    memcpy(&bits, &times, sizeof bits);
    const uint32_t digits = (bits & 0x7FFFFFu) | 0x3F800000u;
    float part;
    memcpy(&part, &digits, sizeof part);
    part -= 1;
    float rest = LOGARITHM[0];
    for (int k = 1; k < 5; k++) rest = rest * part + LOGARITHM[k];
    const float octaves = ((float)((int)(bits >> 23) - 127) + part) + (part * (1 - part)) * rest;
    const float mended = e->mended * (1 + LOG_OF_2 * octaves);
    return mended < mean ? mended : mean;
}

/* With both references, the one before, and the one after. */
INLINE void three_errors(const Errors *e, int64_t block, Vector difference, float *found) {
    Vector before, after;
    if (!both_vectors(e, block, difference, &before, &after)) {
        found[0] = found[1] = found[2] = OUT_OF_REACH;
        return;
    }
    int32_t squares[3];
    squared_of(e, shown_at(e, e->seen, block, before), shown_at(e, e->others_seen, block, after), block, squares);
    for (int k = 0; k < 3; k++) found[k] = counted(e, squares[k], k ? 1 : 4);
}

static float compared(const Errors *e, int64_t block, Vector vector) {
    if (e->direct) {
        float found[3];
        three_errors(e, block, vector, found);
        const float one = (found[1] < found[2] ? found[1] : found[2]) + e->price;
        return found[0] < one ? found[0] : one;
    }
    int32_t squares[3];
    squared_of(e, shown_at(e, e->seen, block, vector), NULL, block, squares);
    return counted(e, squares[1], 1);
}

INLINE int64_t slot_of(int64_t block, Vector vector) {
    return (block * SLOTS + (vector.down & (SLOTS - 1))) * SLOTS + (vector.across & (SLOTS - 1));
}

INLINE int32_t packed(Vector vector) { return vector.down * 65536 + vector.across; }

/* Most vectors are tried again and again: errors are kept. */
static float error_of(const Errors *e, int64_t block, Vector vector) {
    const int64_t slot = slot_of(block, vector);
    if (e->known[slot] == packed(vector)) return e->found[slot];
    e->known[slot] = packed(vector);
    return e->found[slot] = compared(e, block, vector);
}

INLINE void fetch_rows(const uint8_t *place, ptrdiff_t stride, int side) {
#ifdef __GNUC__
    for (int row = 0; row < side; row++) __builtin_prefetch(place + row * stride);
#else
    (void)place, (void)stride, (void)side;
#endif
}

/* What an error will be computed from: planes of large pictures lie in no cache. */
INLINE void fetch(const Errors *e, int64_t block, Vector vector) {
    if (e->known[slot_of(block, vector)] == packed(vector)) return;
    Vector before = vector, after;
    if (e->direct) {
        if (!both_vectors(e, block, vector, &before, &after)) return;
        fetch_rows(shown_at(e, e->others_seen, block, after), e->width, e->side);
    }
    fetch_rows(shown_at(e, e->seen, block, before), e->width, e->side);
}

INLINE Vector nth(const int32_t *vectors, int64_t count, int64_t n) {
    return (Vector){vectors[n], vectors[count + n]};
}

static void errors(const Errors *e, const Pairs *p) {
    for (int64_t i = 0; i < p->count; i++) {
        const int64_t next = i + AHEAD;
        if (next < p->count) fetch(e, p->blocks[next], nth(p->vectors, p->count, next));
        p->errors[i] = error_of(e, p->blocks[i], nth(p->vectors, p->count, i));
    }
}

static void errors_of_both(const Errors *e, const Pairs *p) {
    for (int64_t i = 0; i < p->count; i++) {
        float found[3];
        three_errors(e, p->blocks[i], nth(p->vectors, p->count, i), found);
        for (int k = 0; k < 3; k++) p->errors[k * p->count + i] = found[k];
    }
}
