/* Sums of products of bytes and 8-bit weights, brought back to units: 1x1, 3x3 and 5x5 layers (exact/ops.py says what a
 * layer is), and whole residual blocks in one pass.
 *
 * Weights are within +-64, so that pairs of products fit 16 bits where a processor adds them so. A sum, with its bias,
 * is below 2^24 (exact/bounds.py), so its float32 is exact, and so is its product with a power of two: the one rounding
 * is that to a whole number, half to even, whatever the processor's mode.
 */
#include <string.h>

#define ROWS 6   /* positions that are computed together, for 64 outputs */
#define TILE 48  /* positions between whose layers a block's bytes stay in the cache */
#define LANES 64 /* outputs */

/* ---- sums ------------------------------------------------------------------------------------------------------- */

/* What a layer does with a sum in units. RELU: bytes of 0..255; CLAMP: bytes, 128 for 0; ADD: the same, added to bytes;
 * WIDE: float32. */
typedef struct {
    void *out[ROWS];
    const uint8_t *x[ROWS]; /* what is added to, at the same outputs */
} Ends;

INLINE int32_t in_units(int32_t sum, int32_t shift) {
    if (shift <= 0) return sum * (1 << -shift);
    return (sum + (1 << (shift - 1)) - 1 + ((sum >> shift) & 1)) >> shift;
}

#if LVCODEC_LEVEL == 1
INLINE __m256i eight_in_units(__m256i sums, const int32_t *bias, const int32_t *shift) {
    const __m256i exponent = _mm256_sub_epi32(_mm256_set1_epi32(127), _mm256_loadu_si256((const __m256i *)shift));
    const __m256 scale = _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)); /* 2^-shift */
    sums = _mm256_add_epi32(sums, _mm256_loadu_si256((const __m256i *)bias));
    const __m256 units = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale);
    return _mm256_cvtps_epi32(_mm256_round_ps(units, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* 16 numbers, saturated to bytes. */
INLINE __m128i to_bytes(__m256i one, __m256i other) {
    const __m256i halves = _mm256_permute4x64_epi64(_mm256_packs_epi32(one, other), 0xD8);
    return _mm_packus_epi16(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

INLINE __m256i eight_of(const uint8_t *bytes) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)bytes)); }

/* 16 outputs of a row, from `at` on. */
INLINE void end_sixteen(const int32_t *sums, const Product *p, int at, int kind, void *out, const uint8_t *x) {
    __m256i one = eight_in_units(_mm256_loadu_si256((const __m256i *)sums), p->bias + at, p->shift + at);
    __m256i other = eight_in_units(_mm256_loadu_si256((const __m256i *)(sums + 8)), p->bias + at + 8, p->shift + at + 8);
    if (kind == WIDE) {
        _mm256_storeu_ps((float *)out + at, _mm256_cvtepi32_ps(one));
        _mm256_storeu_ps((float *)out + at + 8, _mm256_cvtepi32_ps(other));
        return;
    }
    if (kind != RELU) {
        one = _mm256_add_epi32(one, kind == ADD ? eight_of(x + at) : _mm256_set1_epi32(128));
        other = _mm256_add_epi32(other, kind == ADD ? eight_of(x + at + 8) : _mm256_set1_epi32(128));
    }
    _mm_storeu_si128((__m128i *)((uint8_t *)out + at), to_bytes(one, other));
}
#endif

INLINE void end_row(const int32_t *sums, const Product *p, int first, int valid, int kind, void *out,
                    const uint8_t *x) {
    int j = 0;
#if LVCODEC_LEVEL == 1
    for (; j + 16 <= valid; j += 16) end_sixteen(sums + j, p, first + j, kind, out, x);
#endif
    for (; j < valid; j++) {
        const int32_t units = in_units(sums[j] + p->bias[first + j], p->shift[first + j]);
        if (kind == WIDE)
            ((float *)out)[first + j] = (float)units;
        else
            ((uint8_t *)out)[first + j] =
                (uint8_t)clamped(units + (kind == CLAMP ? 128 : kind == ADD ? x[first + j] : 0), 0, 255);
    }
}

#if LVCODEC_LEVEL == 2
/* gcc keeps these sums in registers only if it does not see the intrinsic. */
INLINE void add_products(__m512i *sums, __m512i bytes, __m512i weights) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(*sums) : "v"(bytes), "v"(weights));
}

INLINE __m512i sixteen_in_units(__m512i sums, const int32_t *bias, const int32_t *shift) {
    const __m512i exponent = _mm512_sub_epi32(_mm512_set1_epi32(127), _mm512_loadu_si512(shift));
    const __m512 scale = _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23)); /* 2^-shift */
    const __m512 units = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(sums, _mm512_loadu_si512(bias))), scale);
    return _mm512_cvt_roundps_epi32(units, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE __m128i sixteen_bytes(__m512i units) {
    return _mm512_cvtusepi32_epi8(_mm512_max_epi32(units, _mm512_setzero_si512()));
}

INLINE void end_sixteen(__m512i sums, const Product *p, int at, int valid, int kind, void *out, const uint8_t *x) {
    const __mmask16 mask = (__mmask16)(valid >= 16 ? 0xFFFF : valid > 0 ? (1 << valid) - 1 : 0);
    __m512i units = sixteen_in_units(sums, p->bias + at, p->shift + at);
    if (kind == WIDE) {
        _mm512_mask_storeu_ps((float *)out + at, mask, _mm512_cvtepi32_ps(units));
        return;
    }
    if (kind == CLAMP) units = _mm512_add_epi32(units, _mm512_set1_epi32(128));
    if (kind == ADD) units = _mm512_add_epi32(units, _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, x + at)));
    _mm_mask_storeu_epi8((uint8_t *)out + at, mask, sixteen_bytes(units));
}

INLINE void multiply_some(const uint8_t *const *rows, const Product *p, int first, int used, int kind, const Ends *ends,
                          int vectors) {
    __m512i sums[ROWS][4];
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) sums[i][j] = _mm512_setzero_si512();
    const int8_t *weights = p->weights + (size_t)first * p->taps * p->inputs;
    for (int tap = 0; tap < p->taps; tap++) {
        const uint8_t *row[ROWS];
#pragma GCC unroll 6
        for (int i = 0; i < ROWS; i++) row[i] = rows[tap * ROWS + i];
        for (int k = 0; k < p->inputs; k += 4, weights += 4 * LANES) {
            __m512i weight[4];
#pragma GCC unroll 4
            for (int j = 0; j < vectors; j++) weight[j] = _mm512_loadu_si512(weights + j * 64);
#pragma GCC unroll 6
            for (int i = 0; i < ROWS; i++) {
                int32_t four;
                memcpy(&four, row[i] + k, 4);
                const __m512i bytes = _mm512_set1_epi32(four);
#pragma GCC unroll 4
                for (int j = 0; j < vectors; j++) add_products(&sums[i][j], bytes, weight[j]);
            }
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++)
        if (i < used)
#pragma GCC unroll 4
            for (int j = 0; j < vectors; j++)
                end_sixteen(sums[i][j], p, first + 16 * j, p->outputs - first - 16 * j, kind, ends->out[i], ends->x[i]);
}

/* `used` of ROWS positions, 64 outputs from `first` on. rows: (taps, ROWS) where the inputs of each lie. */
INLINE void multiply(const uint8_t *const *rows, const Product *p, int first, int used, int kind, const Ends *ends) {
    if (p->outputs - first > LANES / 2)
        multiply_some(rows, p, first, used, kind, ends, 4);
    else
        multiply_some(rows, p, first, used, kind, ends, 2);
}
#else
#if LVCODEC_LEVEL == 1
/* Sums of 16 of the 64 outputs. */
INLINE void sixteen_sums(const uint8_t *const *rows, const Product *p, const int8_t *weights, int32_t (*out)[LANES]) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[ROWS][2];
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) sums[i][0] = sums[i][1] = _mm256_setzero_si256();
    for (int tap = 0; tap < p->taps; tap++)
        for (int k = 0; k < p->inputs; k += 4, weights += 4 * LANES) {
            const __m256i one = _mm256_loadu_si256((const __m256i *)weights);
            const __m256i other = _mm256_loadu_si256((const __m256i *)(weights + 32));
#pragma GCC unroll 6
            for (int i = 0; i < ROWS; i++) {
                int32_t four;
                memcpy(&four, rows[tap * ROWS + i] + k, 4);
                const __m256i bytes = _mm256_set1_epi32(four);
                sums[i][0] = _mm256_add_epi32(sums[i][0], _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, one), ones));
                sums[i][1] = _mm256_add_epi32(sums[i][1], _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, other), ones));
            }
        }
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) {
        _mm256_storeu_si256((__m256i *)out[i], sums[i][0]);
        _mm256_storeu_si256((__m256i *)(out[i] + 8), sums[i][1]);
    }
}

INLINE void all_sums(const uint8_t *const *rows, const Product *p, const int8_t *weights, int32_t (*sums)[LANES]) {
    for (int part = 0; part < 4; part++)
        sixteen_sums(rows, p, weights + part * 64, (int32_t(*)[LANES])&sums[0][16 * part]);
}
#else
INLINE void all_sums(const uint8_t *const *rows, const Product *p, const int8_t *weights, int32_t (*sums)[LANES]) {
    memset(sums, 0, ROWS * sizeof *sums);
    for (int tap = 0; tap < p->taps; tap++)
        for (int k = 0; k < p->inputs; k += 4, weights += 4 * LANES)
            for (int i = 0; i < ROWS; i++) {
                const uint8_t *four = rows[tap * ROWS + i] + k;
                for (int j = 0; j < LANES; j++)
                    sums[i][j] += four[0] * weights[4 * j] + four[1] * weights[4 * j + 1] +
                                  four[2] * weights[4 * j + 2] + four[3] * weights[4 * j + 3];
            }
}
#endif

INLINE void multiply(const uint8_t *const *rows, const Product *p, int first, int used, int kind, const Ends *ends) {
    int32_t sums[ROWS][LANES];
    all_sums(rows, p, p->weights + (size_t)first * p->taps * p->inputs, sums);
    const int valid = p->outputs - first < LANES ? p->outputs - first : LANES;
    for (int i = 0; i < used; i++) end_row(sums[i], p, first, valid, kind, ends->out[i], ends->x[i]);
}
#endif

/* ---- 3x3 within each channel ------------------------------------------------------------------------------------ */

/* One position, clamped. taps: where its nine inputs lie. Weights lie so that bytes of four taps, interleaved within 16
 * channels, meet theirs. */
#if LVCODEC_LEVEL == 2
INLINE void each_channel(const uint8_t *const *taps, const Product *p, uint8_t *out) {
    const __m512i none = _mm512_setzero_si512(), middle = _mm512_set1_epi32(128);
    for (int c = 0; c < p->outputs; c += 64) {
        const int8_t *weights = p->weights + c * 12;
        __m512i sums[4] = {none, none, none, none};
#pragma GCC unroll 3
        for (int group = 0; group < 3; group++, weights += 256) {
            __m512i in[4] = {none, none, none, none};
            for (int k = 0; k < (group < 2 ? 4 : 1); k++) in[k] = _mm512_loadu_si512(taps[group * 4 + k] + c);
            const __m512i low01 = _mm512_unpacklo_epi8(in[0], in[1]), high01 = _mm512_unpackhi_epi8(in[0], in[1]);
            const __m512i low23 = _mm512_unpacklo_epi8(in[2], in[3]), high23 = _mm512_unpackhi_epi8(in[2], in[3]);
            add_products(&sums[0], _mm512_unpacklo_epi16(low01, low23), _mm512_loadu_si512(weights));
            add_products(&sums[1], _mm512_unpackhi_epi16(low01, low23), _mm512_loadu_si512(weights + 64));
            add_products(&sums[2], _mm512_unpacklo_epi16(high01, high23), _mm512_loadu_si512(weights + 128));
            add_products(&sums[3], _mm512_unpackhi_epi16(high01, high23), _mm512_loadu_si512(weights + 192));
        }
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            sums[j] = _mm512_add_epi32(sixteen_in_units(sums[j], p->bias + c + 16 * j, p->shift + c + 16 * j), middle);
        const __m512i low = _mm512_packs_epi32(sums[0], sums[1]), high = _mm512_packs_epi32(sums[2], sums[3]);
        _mm512_storeu_si512(out + c, _mm512_packus_epi16(low, high));
    }
}
#else
INLINE void each_channel(const uint8_t *const *taps, const Product *p, uint8_t *out) {
    for (int c = 0; c < p->outputs; c += 64) {
        const int8_t *weights = p->weights + c * 12;
        int32_t sums[64] = {0};
#if LVCODEC_LEVEL == 1
        const __m256i ones = _mm256_set1_epi16(1), none = _mm256_setzero_si256();
        for (int half = 0; half < 2; half++) {
            __m256i four[4] = {none, none, none, none};
#pragma GCC unroll 3
            for (int group = 0; group < 3; group++) {
                __m256i in[4] = {none, none, none, none}, mixed[4];
                for (int k = 0; k < (group < 2 ? 4 : 1); k++)
                    in[k] = _mm256_loadu_si256((const __m256i *)(taps[group * 4 + k] + c + 32 * half));
                const __m256i low01 = _mm256_unpacklo_epi8(in[0], in[1]), high01 = _mm256_unpackhi_epi8(in[0], in[1]);
                const __m256i low23 = _mm256_unpacklo_epi8(in[2], in[3]), high23 = _mm256_unpackhi_epi8(in[2], in[3]);
                mixed[0] = _mm256_unpacklo_epi16(low01, low23), mixed[1] = _mm256_unpackhi_epi16(low01, low23);
                mixed[2] = _mm256_unpacklo_epi16(high01, high23), mixed[3] = _mm256_unpackhi_epi16(high01, high23);
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++) {
                    const __m256i weight =
                        _mm256_loadu_si256((const __m256i *)(weights + group * 256 + j * 64 + half * 32));
                    four[j] = _mm256_add_epi32(four[j], _mm256_madd_epi16(_mm256_maddubs_epi16(mixed[j], weight), ones));
                }
            }
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) _mm256_storeu_si256((__m256i *)(sums + 16 * j + 8 * half), four[j]);
        }
#else
        for (int j = 0; j < 64; j++) /* j: (4 parts of a lane, 4 lanes, 4 channels) */
            for (int tap = 0; tap < 9; tap++)
                sums[j] += taps[tap][c + (j >> 2 & 3) * 16 + (j >> 4) * 4 + (j & 3)] *
                           weights[tap / 4 * 256 + j * 4 + tap % 4];
#endif
#if LVCODEC_LEVEL == 1
        const __m256i middle = _mm256_set1_epi32(128);
        for (int half = 0; half < 2; half++) {
            __m256i units[4];
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
                const int at = 16 * j + 8 * half;
                units[j] = eight_in_units(_mm256_loadu_si256((const __m256i *)(sums + at)), p->bias + c + at, p->shift + c + at);
                units[j] = _mm256_add_epi32(units[j], middle);
            }
            const __m256i low = _mm256_packs_epi32(units[0], units[1]), high = _mm256_packs_epi32(units[2], units[3]);
            _mm256_storeu_si256((__m256i *)(out + c + 32 * half), _mm256_packus_epi16(low, high));
        }
#else
        for (int j = 0; j < 64; j++) {
            const int32_t units = in_units(sums[j] + p->bias[c + j], p->shift[c + j]);
            out[c + (j >> 2 & 3) * 16 + (j >> 4) * 4 + (j & 3)] = (uint8_t)clamped(units + 128, 0, 255);
        }
#endif
    }
}
#endif

/* ---- layers ----------------------------------------------------------------------------------------------------- */

/* Where the inputs of a position's taps lie, those `reach` around it, `step` apart in `taps`; outside: what stands for
 * them beyond edges. */
INLINE void taps_around(const uint8_t *x, int height, int width, int channels, int64_t place, int reach,
                        const uint8_t *outside, const uint8_t **taps, int step) {
    const int row = (int)(place / width), column = (int)(place % width);
    for (int dy = -reach; dy <= reach; dy++)
        for (int dx = -reach; dx <= reach; dx++, taps += step) {
            const int inside = row + dy >= 0 && row + dy < height && column + dx >= 0 && column + dx < width;
            *taps = inside ? x + (place + (ptrdiff_t)dy * width + dx) * channels : outside;
        }
}

/* The same, where only some positions have inputs. */
INLINE void nine_rows(const Block *b, int channels, int64_t place, const uint8_t *outside, const uint8_t **taps) {
    const int row = (int)(place / b->width % b->height), column = (int)(place % b->width);
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++, taps++) {
            const int inside = row + dy >= 0 && row + dy < b->height && column + dx >= 0 && column + dx < b->width;
            const int32_t number = inside ? b->rows[place + (ptrdiff_t)dy * b->width + dx] : -1;
            *taps = number < 0 ? outside : b->x + (ptrdiff_t)number * channels;
        }
}

static void block(const Block *b) {
    const int channels = b->each.outputs, hidden = b->up.outputs;
    uint8_t each[TILE * MOST_CHANNELS], wide[TILE * MOST_HIDDEN], outside[MOST_CHANNELS];
    memset(each, 0, sizeof each);
    memset(outside, 128, sizeof outside);
    for (int64_t done = 0; done < b->count;) {
        int64_t places[TILE];
        int tile = 0;
        for (; tile < TILE && done < b->count; tile++, done++) {
            const uint8_t *taps[9];
            const int64_t place = b->places ? b->places[done] : done;
            if (b->rows)
                nine_rows(b, channels, place, outside, taps);
            else
                taps_around(b->x, b->height, b->width, channels, place, 1, outside, taps, 1);
            places[tile] = b->rows ? done : place;
            each_channel(taps, &b->each, each + tile * channels);
        }
        const uint8_t *rows[ROWS];
        Ends ends = {{0}, {0}};
        for (int first = 0; first < hidden; first += LANES)
            for (int at = 0; at < tile; at += ROWS) {
                for (int i = 0; i < ROWS; i++)
                    rows[i] = each + (at + i) * channels, ends.out[i] = wide + (at + i) * hidden;
                multiply(rows, &b->up, first, ROWS, RELU, &ends);
            }
        for (int first = 0; first < channels; first += LANES)
            for (int at = 0; at < tile; at += ROWS) {
                const int used = tile - at < ROWS ? tile - at : ROWS;
                for (int i = 0; i < ROWS; i++) {
                    const size_t place = (size_t)places[at + (i < used ? i : 0)] * channels;
                    rows[i] = wide + (at + i) * hidden, ends.x[i] = b->x + place, ends.out[i] = b->out + place;
                }
                multiply(rows, &b->down, first, used, ADD, &ends);
            }
    }
}

static void layer(const Layer *l) {
    const int taps = l->product.taps, inputs = l->product.inputs, outputs = l->product.outputs;
    uint8_t outside[MOST_INPUTS], copies[ROWS * MOST_INPUTS];
    memset(outside, l->zero, sizeof outside);
    memset(copies, 0, sizeof copies);
    const size_t item = l->kind == WIDE ? sizeof(float) : 1;
    for (int64_t done = 0; done < l->count; done += ROWS) {
        const uint8_t *rows[MOST_TAPS_OF_LAYER * ROWS];
        Ends ends = {{0}, {0}};
        const int used = l->count - done < ROWS ? (int)(l->count - done) : ROWS;
        for (int i = 0; i < ROWS; i++) {
            const int64_t at = done + (i < used ? i : 0), place = l->places ? l->places[at] : at;
            ends.out[i] = (uint8_t *)l->out + (size_t)at * outputs * item;
            if (taps > 1) {
                taps_around(l->x, l->height, l->width, inputs, place, taps == 9 ? 1 : 2, outside, rows + i, ROWS);
            } else if (l->channels == inputs) {
                rows[i] = l->x + (size_t)place * inputs;
            } else { /* inputs are made up to fours */
                memcpy(copies + i * inputs, l->x + (size_t)place * l->channels, l->channels);
                rows[i] = copies + i * inputs;
            }
        }
        for (int first = 0; first < outputs; first += LANES) {
            if (l->kind == WIDE)
                multiply(rows, &l->product, first, used, WIDE, &ends);
            else if (l->kind == RELU)
                multiply(rows, &l->product, first, used, RELU, &ends);
            else
                multiply(rows, &l->product, first, used, CLAMP, &ends);
        }
    }
}
