/* A matrix product of whole numbers of up to 22 bits with weights of up to 17: the linear path.
 *
 * Weights are two digits, 256 * high + low, and inputs 16 bits, so that sums of products fit 32 bits (native/linear.py
 * proves it); rows with a larger input are summed in 64 bits. Sums become units by a product with a power of two and one
 * rounding, half to even: all of it exact in float64 below 2^53.
 */

#define LINEAR_ROWS 8

INLINE double long_in_units(int64_t sum, int32_t shift) {
    if (shift <= 0) return (double)(sum * ((int64_t)1 << -shift));
    return (double)((sum + ((int64_t)1 << (shift - 1)) - 1 + ((sum >> shift) & 1)) >> shift);
}

static void long_row(const Linear *l, const double *x, double *out) {
    for (int n = 0; n < l->outputs; n++) {
        int64_t sum = l->bias[n];
        const int16_t *low = l->low + (size_t)n / 16 * l->inputs * 16, *high = l->high + (size_t)n / 16 * l->inputs * 16;
        for (int k = 0; k < l->inputs; k++) {
            const int at = k / 2 * 32 + n % 16 * 2 + k % 2;
            sum += (int64_t)x[k] * (256 * high[at] + low[at]);
        }
        out[n] = long_in_units(sum, l->shift[n]);
    }
}

#if LVCODEC_LEVEL == 2
INLINE void add_pairs(__m512i *sums, __m512i pair, __m512i weights) {
    __asm__("vpdpwssd %2, %1, %0" : "+v"(*sums) : "v"(pair), "v"(weights));
}

/* Sums of eight outputs, low and high digits, to units. */
INLINE void eight_units(__m256i low, __m256i high, const Linear *l, int n, double *out) {
    const __m512d bias = _mm512_cvtepi64_pd(_mm512_loadu_si512(l->bias + n));
    const __m512i shift = _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(l->shift + n)));
    const __m512d scale =
        _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_sub_epi64(_mm512_set1_epi64(1023), shift), 52)); /* 2^-shift */
    __m512d sum = _mm512_mul_pd(_mm512_cvtepi32_pd(high), _mm512_set1_pd(256));
    sum = _mm512_add_pd(_mm512_add_pd(sum, _mm512_cvtepi32_pd(low)), bias);
    sum = _mm512_roundscale_pd(_mm512_mul_pd(sum, scale), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm512_storeu_pd(out, sum);
}

INLINE void short_rows(const Linear *l, const int16_t *x, int used, double *out) {
    for (int n = 0; n < l->outputs; n += 16) {
        __m512i low[LINEAR_ROWS], high[LINEAR_ROWS];
#pragma GCC unroll 8
        for (int i = 0; i < LINEAR_ROWS; i++) low[i] = high[i] = _mm512_setzero_si512();
        const int16_t *lows = l->low + (size_t)n * l->inputs, *highs = l->high + (size_t)n * l->inputs;
        for (int k = 0; k < l->inputs; k += 2, lows += 32, highs += 32) {
            const __m512i one = _mm512_loadu_si512(lows), other = _mm512_loadu_si512(highs);
#pragma GCC unroll 8
            for (int i = 0; i < LINEAR_ROWS; i++) {
                int32_t two;
                memcpy(&two, x + i * l->inputs + k, 4);
                const __m512i pair = _mm512_set1_epi32(two);
                add_pairs(&low[i], pair, one);
                add_pairs(&high[i], pair, other);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < LINEAR_ROWS; i++) {
            if (i >= used) continue;
            double *at = out + (size_t)i * l->outputs + n;
            eight_units(_mm512_castsi512_si256(low[i]), _mm512_castsi512_si256(high[i]), l, n, at);
            eight_units(_mm512_extracti64x4_epi64(low[i], 1), _mm512_extracti64x4_epi64(high[i], 1), l, n + 8, at + 8);
        }
    }
}
#else
#if LVCODEC_LEVEL == 1
INLINE void sixteen_products(const int16_t *x, const int16_t *weights, int inputs, int32_t *sums) {
    __m256i one = _mm256_setzero_si256(), other = one;
    for (int k = 0; k < inputs; k += 2, weights += 32) {
        int32_t two;
        memcpy(&two, x + k, 4);
        const __m256i pair = _mm256_set1_epi32(two);
        one = _mm256_add_epi32(one, _mm256_madd_epi16(pair, _mm256_loadu_si256((const __m256i *)weights)));
        other = _mm256_add_epi32(other, _mm256_madd_epi16(pair, _mm256_loadu_si256((const __m256i *)(weights + 16))));
    }
    _mm256_storeu_si256((__m256i *)sums, one);
    _mm256_storeu_si256((__m256i *)(sums + 8), other);
}
#else
INLINE void sixteen_products(const int16_t *x, const int16_t *weights, int inputs, int32_t *sums) {
    memset(sums, 0, 16 * sizeof *sums);
    for (int k = 0; k < inputs; k += 2, weights += 32)
        for (int j = 0; j < 16; j++) sums[j] += x[k] * weights[2 * j] + x[k + 1] * weights[2 * j + 1];
}
#endif

INLINE void short_rows(const Linear *l, const int16_t *x, int used, double *out) {
    for (int n = 0; n < l->outputs; n += 16)
        for (int i = 0; i < used; i++) {
            int32_t low[16], high[16];
            sixteen_products(x + i * l->inputs, l->low + (size_t)n * l->inputs, l->inputs, low);
            sixteen_products(x + i * l->inputs, l->high + (size_t)n * l->inputs, l->inputs, high);
            for (int j = 0; j < 16; j++)
                out[(size_t)i * l->outputs + n + j] =
                    long_in_units((int64_t)high[j] * 256 + low[j] + l->bias[n + j], l->shift[n + j]);
        }
}
#endif

/* A row to 16 bits; whether it fits. */
INLINE int to_short(const double *x, int count, int16_t *out) {
    int wide = 0;
    for (int k = 0; k < count; k++) {
        const int32_t value = (int32_t)x[k];
        wide |= (int16_t)value != value;
        out[k] = (int16_t)value;
    }
    return !wide;
}

static void linear(const Linear *l) {
    int16_t x[LINEAR_ROWS * MOST_LINEAR] = {0};
    for (int64_t done = 0; done < l->count; done += LINEAR_ROWS) {
        const int used = l->count - done < LINEAR_ROWS ? (int)(l->count - done) : LINEAR_ROWS;
        const double *from = l->x + (size_t)done * l->inputs;
        double *out = l->out + (size_t)done * l->outputs;
        unsigned fit = 0;
        for (int i = 0; i < used; i++)
            fit |= (unsigned)to_short(from + (size_t)i * l->inputs, l->inputs, x + i * l->inputs) << i;
        short_rows(l, x, used, out);
        for (int i = 0; i < used; i++)
            if (!(fit >> i & 1)) long_row(l, from + (size_t)i * l->inputs, out + (size_t)i * l->outputs);
    }
}
