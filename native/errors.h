/* For the encoder's search: a plane at every fraction of a pel, and squared errors of blocks. */
#include <stdlib.h>
#include <string.h>

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
/* 16 pels: a row of 16, or two of 8. */
INLINE __m256i sixteen_pels(const uint8_t *pels, ptrdiff_t stride, int side) {
    if (side == 16) return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)pels));
    return _mm256_cvtepu8_epi16(_mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)pels),
                                                   _mm_loadl_epi64((const __m128i *)(pels + stride))));
}

INLINE void add_squares(__m256i *sum, __m256i apart) {
    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(apart, apart));
}

INLINE uint32_t total_of(__m256i sum) {
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
    return (uint32_t)_mm_cvtsi128_si32(half);
}

INLINE void errors_of_block(const uint8_t *one, const uint8_t *other, ptrdiff_t stride, const uint8_t *wanted, int side,
                            uint32_t *errors) {
    __m256i sums[3] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int i = 0; i < side; i += side == 16 ? 1 : 2) {
        const __m256i pels = sixteen_pels(wanted + i * side, side, side);
        const __m256i first = _mm256_sub_epi16(sixteen_pels(one + i * stride, stride, side), pels);
        add_squares(&sums[1], first);
        if (!other) continue;
        const __m256i second = _mm256_sub_epi16(sixteen_pels(other + i * stride, stride, side), pels);
        add_squares(&sums[2], second);
        add_squares(&sums[0], _mm256_add_epi16(first, second));
    }
    errors[1] = total_of(sums[1]);
    if (other) errors[0] = total_of(sums[0]), errors[2] = total_of(sums[2]);
}
#else
INLINE void errors_of_block(const uint8_t *one, const uint8_t *other, ptrdiff_t stride, const uint8_t *wanted, int side,
                            uint32_t *errors) {
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
    for (int k = 0; k < 3; k++) errors[k] = (uint32_t)sums[k];
}
#endif

/* Where the vector of a pair leads its block, in planes of phases. */
INLINE const uint8_t *place_of(const Errors *e, const uint8_t *seen, const int32_t *vectors, int64_t pair, int side) {
    const int row = (int)(e->blocks[pair] / e->columns), column = (int)(e->blocks[pair] % e->columns);
    const int32_t v = vectors[pair], h = vectors[e->count + pair];
    const int down = v & (e->steps - 1), across = h & (e->steps - 1);
    const int top = clamped(row * side + e->border + (v - down) / e->steps, 0, e->height - side);
    const int left = clamped(column * side + e->border + (h - across) / e->steps, 0, e->width - side);
    return seen + (size_t)(down * e->steps + across) * e->height * e->width + (size_t)top * e->width + left;
}

#define AHEAD 4 /* pairs: planes of large pictures lie in no cache */

INLINE void fetch(const uint8_t *place, ptrdiff_t stride, int side) {
#ifdef __GNUC__
    for (int row = 0; row < side; row++) __builtin_prefetch(place + row * stride);
#else
    (void)place, (void)stride, (void)side;
#endif
}

INLINE void all_errors(const Errors *e, int side, int references) {
    const uint8_t *places[AHEAD][2] = {{NULL}};
    for (int64_t i = 0; i < e->count + AHEAD; i++) {
        const uint8_t **place = places[i % AHEAD];
        const int64_t done = i - AHEAD;
        if (done >= 0) {
            uint32_t found[3] = {0};
            errors_of_block(place[0], references == 2 ? place[1] : NULL, e->width,
                            e->wanted + (size_t)e->blocks[done] * side * side, side, found);
            if (references == 2)
                for (int k = 0; k < 3; k++) e->errors[k * e->count + done] = found[k];
            else
                e->errors[done] = found[1];
        }
        if (i >= e->count) continue;
        place[0] = place_of(e, e->seen, e->vectors, i, side);
        fetch(place[0], e->width, side);
        if (references == 1) continue;
        place[1] = place_of(e, e->others_seen, e->others_vectors, i, side);
        fetch(place[1], e->width, side);
    }
}

static void errors(const Errors *e) {
    if (e->side == 8)
        all_errors(e, 8, 1);
    else
        all_errors(e, 16, 1);
}

static void errors_of_both(const Errors *e) {
    if (e->side == 8)
        all_errors(e, 8, 2);
    else
        all_errors(e, 16, 2);
}

/* Errors that are known from before, for most vectors are tried again and again. */
static int64_t recall(const Recall *r) {
    int64_t missing = 0;
    for (int64_t i = 0; i < r->count; i++) {
        const int32_t v = r->vectors[i], h = r->vectors[r->count + i];
        const int64_t slot = (r->blocks[i] * SLOTS + (v & (SLOTS - 1))) * SLOTS + (h & (SLOTS - 1));
        r->errors[i] = r->found[slot];
        r->missing[missing] = i;
        missing += r->known[slot] != (int64_t)v * 65536 + h;
    }
    return missing;
}
