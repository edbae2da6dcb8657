/* A plane moved along a field of vectors, blocks overlapped (exact/warp.py says what is computed).
 *
 * Four blocks make a pel, always the same four in the cell between their centres. So the plane is made cell by cell,
 * and vectors that are equal within a cell are interpolated once, with the sum of their weights. All sums are whole
 * numbers: one pass of taps fits 16 bits, |sum| <= 255 * 128; what a block shows is kept in sixteenths of a level.
 */
#include <string.h>

#define FINE_BITS 4 /* sixteenths of a level */
#define TAP_BITS 6  /* taps sum to 64 */
#define MOST_SIDE 16
#define MOST_TAPS 8

INLINE int clamped(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

/* value / 2^bits, half to even */
INLINE int32_t halved(int32_t value, int bits) {
    return (value + (1 << (bits - 1)) - 1 + ((value >> bits) & 1)) >> bits;
}

INLINE int32_t taps_of(const int16_t *taps, const uint8_t *from, ptrdiff_t step, int count) {
    int16_t sum = 0;
    for (int k = 0; k < count; k++) sum = (int16_t)(sum + taps[k] * from[k * step]);
    return sum;
}

#if LVCODEC_LEVEL >= 1
/* Two neighbouring taps, as the products of pairs want them. */
INLINE __m256i pair_of_taps(const int16_t *taps) {
    return _mm256_set1_epi32((int32_t)((uint32_t)(uint16_t)taps[0] | (uint32_t)(uint16_t)taps[1] << 16));
}

/* 8 taps down 8 rows of 16 sums, each in 32 bits: the first and third four in `low`, the others in `high`. */
INLINE void eight_down(const __m256i *rows, const __m256i *pairs, __m256i *low, __m256i *high) {
    *low = *high = _mm256_setzero_si256();
    for (int k = 0; k < 4; k++) {
        const __m256i one = rows[2 * k], other = rows[2 * k + 1];
        *low = _mm256_add_epi32(*low, _mm256_madd_epi16(_mm256_unpacklo_epi16(one, other), pairs[k]));
        *high = _mm256_add_epi32(*high, _mm256_madd_epi16(_mm256_unpackhi_epi16(one, other), pairs[k]));
    }
}

INLINE __m256i eight_halved(__m256i sums, int bits) {
    const __m256i odd = _mm256_and_si256(_mm256_srai_epi32(sums, bits), _mm256_set1_epi32(1));
    const __m256i half = _mm256_set1_epi32((1 << (bits - 1)) - 1);
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_add_epi32(sums, half), odd), bits);
}

INLINE void down_a_block(const int16_t *middle, const int16_t *taps, int16_t *out) {
    __m256i pairs[4], rows[8], low, high;
    for (int k = 0; k < 4; k++) pairs[k] = pair_of_taps(taps + 2 * k);
    for (int i = 0; i < 16; i++) {
        for (int k = 0; k < 8; k++) rows[k] = _mm256_loadu_si256((const __m256i *)(middle + (i + k) * 16));
        eight_down(rows, pairs, &low, &high);
        _mm256_storeu_si256((__m256i *)(out + i * 16), _mm256_packs_epi32(eight_halved(low, 8), eight_halved(high, 8)));
    }
}
#endif

/* side * side pels in sixteenths. from: the window of side + count - 1 rows and columns around them. down, across: taps,
 * or NULL for whole pels. */
INLINE void interpolate(const uint8_t *from, ptrdiff_t stride, const int16_t *down, const int16_t *across, int side,
                        int count, int16_t *RESTRICT out) {
    const int before = count / 2 - 1;
    if (!down && !across) {
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++)
                out[i * side + j] = (int16_t)(from[(i + before) * stride + before + j] << FINE_BITS);
        return;
    }
    if (!across) {
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++)
                out[i * side + j] = (int16_t)halved(taps_of(down, from + i * stride + before + j, stride, count),
                                                    TAP_BITS - FINE_BITS);
        return;
    }
    if (!down) {
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++)
                out[i * side + j] = (int16_t)halved(taps_of(across, from + (i + before) * stride + j, 1, count),
                                                    TAP_BITS - FINE_BITS);
        return;
    }
    int16_t middle[(MOST_SIDE + MOST_TAPS - 1) * MOST_SIDE];
    for (int i = 0; i < side + count - 1; i++)
        for (int j = 0; j < side; j++)
            middle[i * side + j] = (int16_t)taps_of(across, from + i * stride + j, 1, count);
#if LVCODEC_LEVEL >= 1
    if (side == 16 && count == 8) {
        down_a_block(middle, down, out);
        return;
    }
#endif
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            int32_t sum = 0;
            for (int k = 0; k < count; k++) sum += down[k] * (int32_t)middle[(i + k) * side + j];
            out[i * side + j] = (int16_t)halved(sum, 2 * TAP_BITS - FINE_BITS);
        }
}

/* (16, side, side): what each subset of the four blocks around a cell weighs together; bits in the order of rows. */
INLINE void weights_of(int side, int16_t *weights) {
    for (int subset = 0; subset < 16; subset++)
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++) {
                const int below = 2 * i + 1, right = 2 * j + 1, above = 2 * side - below, left = 2 * side - right;
                weights[(subset * side + i) * side + j] =
                    (int16_t)((subset & 1 ? above * left : 0) + (subset & 2 ? above * right : 0) +
                              (subset & 4 ? below * left : 0) + (subset & 8 ? below * right : 0));
            }
}

/* The window of `size` rows and columns at (top, left): in the plane, or put together in `copy` where it reaches
 * beyond it. */
INLINE const uint8_t *window(const Warp *w, const uint8_t *plane, int top, int left, int size, uint8_t *copy,
                             ptrdiff_t *stride) {
    if (top >= 0 && left >= 0 && top <= w->height - size && left <= w->width - size) {
        *stride = w->width;
        return plane + (ptrdiff_t)top * w->width + left;
    }
    for (int i = 0; i < size; i++) {
        const uint8_t *row = plane + (ptrdiff_t)clamped(top + i, 0, w->height - 1) * w->width;
        for (int j = 0; j < size; j++) copy[i * size + j] = row[clamped(left + j, 0, w->width - 1)];
    }
    *stride = size;
    return copy;
}

/* What a block shows of a cell whose first pel is (y, x), in sixteenths. */
INLINE void show(const Warp *w, const uint8_t *plane, int32_t v, int32_t h, int y, int x, int side, int count, int steps,
                 int16_t *RESTRICT seen) {
    uint8_t copy[(MOST_SIDE + MOST_TAPS - 1) * (MOST_SIDE + MOST_TAPS - 1)];
    const int down = v & (steps - 1), across = h & (steps - 1), before = count / 2 - 1;
    const int top = y + (v - down) / steps - before, left = x + (h - across) / steps - before;
    ptrdiff_t stride;
    const uint8_t *from = window(w, plane, top, left, side + count - 1, copy, &stride);
    interpolate(from, stride, down ? w->taps + down * count : NULL, across ? w->taps + across * count : NULL, side, count,
                seen);
}

/* Whether two blocks show the same. */
INLINE int are_alike(const Warp *w, size_t one, size_t other) {
    const size_t size = (size_t)w->rows * w->columns;
    const int which = w->other ? w->which[one] : 1;
    if (w->other && w->which[other] != which) return 0;
    if (which & 1 && (w->field[one] != w->field[other] || w->field[size + one] != w->field[size + other])) return 0;
    return !(which & 2) || (w->others_field[one] == w->others_field[other] &&
                            w->others_field[size + one] == w->others_field[size + other]);
}

/* One cell of side * side pels, into `cell`. at: the four blocks around it in the field; (y, x): its first pel. */
INLINE void make_cell(const Warp *w, const int16_t *weights, const size_t *at, int y, int x, int side, int count,
                      int steps, uint8_t *RESTRICT cell) {
    const size_t size = (size_t)w->rows * w->columns;
    const int total_bits = FINE_BITS + 2 * (side == 16 ? 5 : side == 8 ? 4 : 3);
    int16_t seen[MOST_SIDE * MOST_SIDE], others[MOST_SIDE * MOST_SIDE];
    int32_t sums[MOST_SIDE * MOST_SIDE] = {0};
    unsigned left = 15;
    for (int block = 0; block < 4; block++) {
        if (!(left >> block & 1)) continue;
        const size_t here = at[block];
        const int which = w->other ? w->which[here] : 1;
        unsigned same = 0;
        for (int other = block; other < 4; other++) same |= (unsigned)are_alike(w, here, at[other]) << other;
        if (which & 1) show(w, w->plane, w->field[here], w->field[size + here], y, x, side, count, steps, seen);
        if (which & 2)
            show(w, w->other, w->others_field[here], w->others_field[size + here], y, x, side, count, steps,
                 which == 2 ? seen : others);
        if (which == 3)
            for (int i = 0; i < side * side; i++) seen[i] = (int16_t)halved(seen[i] + others[i], 1);
        if (same == 15) {
            for (int i = 0; i < side * side; i++) cell[i] = (uint8_t)clamped(halved(seen[i], FINE_BITS), 0, 255);
            return;
        }
        const int16_t *weight = weights + same * side * side;
        for (int i = 0; i < side * side; i++) sums[i] += seen[i] * (int32_t)weight[i];
        left &= ~same;
    }
    for (int i = 0; i < side * side; i++) cell[i] = (uint8_t)clamped(halved(sums[i], total_bits), 0, 255);
}

INLINE void all_cells(const Warp *w, int side, int count, int steps) {
    int16_t weights[16 * MOST_SIDE * MOST_SIDE];
    uint8_t cell[MOST_SIDE * MOST_SIDE];
    weights_of(side, weights);
    for (int r = 0; r <= w->rows; r++)
        for (int c = 0; c <= w->columns; c++) {
            const int y = side * r - side / 2, x = side * c - side / 2;
            if (y >= w->height || x >= w->width) continue;
            const size_t above = r ? r - 1 : 0, below = r < w->rows ? r : w->rows - 1;
            const size_t before = c ? c - 1 : 0, after = c < w->columns ? c : w->columns - 1;
            const size_t at[4] = {above * w->columns + before, above * w->columns + after, below * w->columns + before,
                                  below * w->columns + after};
            make_cell(w, weights, at, y, x, side, count, steps, cell);
            const int first = clamped(-x, 0, side), end = clamped(w->width - x, 0, side);
            for (int i = clamped(-y, 0, side); i < clamped(w->height - y, 0, side); i++)
                memcpy(w->shown + (ptrdiff_t)(y + i) * w->width + x + first, cell + i * side + first, end - first);
        }
}

static void warp(const Warp *w) {
    if (w->count == 8) {
        if (w->side == 16) all_cells(w, 16, 8, 4);
        else if (w->side == 8) all_cells(w, 8, 8, 4);
    } else {
        if (w->side == 8) all_cells(w, 8, 4, 8);
        else if (w->side == 4) all_cells(w, 4, 4, 8);
    }
}
