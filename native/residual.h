/* For the encoder's inter path: what a prediction lacks at places of 16x16 luma pels, and the choice of symbols there.
 *
 * Costs are floats: each operation is rounded by itself, in the order that encoder/inter.py has.
 */

/* One plane's part of a place, `side` pels: squared errors, or the levels themselves, 4 apart, those of blocks of half
 * the side after each other. */
INLINE uint32_t of_plane(const Lacking *l, int plane, int side, int64_t place, double *out) {
    const int height = plane ? (l->height + 1) / 2 : l->height, width = plane ? (l->width + 1) / 2 : l->width;
    const int top = (int)(place / l->columns) * side, left = (int)(place % l->columns) * side;
    const int inside = left + side <= width;
    uint32_t energy = 0;
    for (int i = 0; i < side; i++) {
        const size_t row = (size_t)clamped(top + i, 0, height - 1) * width;
        const uint8_t *wanted = l->picture[plane] + row, *shown = l->prediction[plane] + row;
        int lacks[16];
        if (inside)
            for (int j = 0; j < side; j++) lacks[j] = wanted[left + j] - shown[left + j];
        else
            for (int j = 0; j < side; j++) {
                const int at = clamped(left + j, 0, width - 1);
                lacks[j] = wanted[at] - shown[at];
            }
        const int half = side / 2, part = i / half * 2, channel = i % half * half;
        if (!out)
            for (int j = 0; j < side; j++) energy += (uint32_t)(lacks[j] * lacks[j]);
        else
            for (int j = 0; j < side; j++) out[(channel + j % half) * 4 + part + j / half] = lacks[j];
    }
    return energy;
}

static void energies(const Lacking *l) {
    for (int64_t place = 0; place < l->count; place++)
        l->energies[place] = of_plane(l, 0, 16, place, NULL) + of_plane(l, 1, 8, place, NULL) +
                             of_plane(l, 2, 8, place, NULL);
}

static void residual(const Lacking *l) {
    for (int64_t i = 0; i < l->count; i++) {
        double *out = l->levels + i * LACKING_CHANNELS;
        of_plane(l, 0, 16, l->places[i], out);
        of_plane(l, 1, 8, l->places[i], out + 4 * 64);
        of_plane(l, 2, 8, l->places[i], out + 4 * 80);
    }
}

/* To the nearest whole number, halves to even; 0 <= x < 2^22. */
INLINE float nearest(float x) { return (x + 8388608.0f) - 8388608.0f; }

static int quantise(const Quantise *d) {
    for (int64_t i = 0; i < d->count; i++) {
        const int64_t row = d->rows[i];
        const float *real = d->real + row * d->all + d->first, *outward = d->outward + d->first;
        const float worth = d->worth[row];
        float gain = 0;
        for (int k = 0; k < d->channels; k++) {
            const int32_t table = d->index[i * d->channels + k];
            if (table < 0 || table >= d->tables) return BAD_INDEX;
            const float *bits = d->bits + d->starts[table], size = real[k] < 0 ? -real[k] : real[k];
            const float nothing = worth * (size * size), zero = bits[0] + nothing;
            int32_t symbol = 0;
            float lowest = zero;
            if (size >= 0.5f) {
                const int third = d->lengths[table] - 1 < 3 ? d->lengths[table] - 1 : 3;
                const float one = bits[1], further = bits[third] - one;
                const float near = size < 1 ? 1 : nearest(size), below = near < 2 ? 1 : near - 1;
                const float off = (size - near) - outward[k], other = (size - below) - outward[k];
                const float cost = (one + (near - 1) * further) + worth * (off * off);
                const float less = (one + (below - 1) * further) + worth * (other * other);
                const float best = less < cost ? less : cost;
                if (!(zero < best)) {
                    lowest = best;
                    symbol = (int32_t)(less < cost ? below : near);
                    d->any[row] = 1;
                }
            }
            gain += nothing - lowest;
            d->symbols[i * d->channels + k] = real[k] < 0 ? -symbol : symbol;
        }
        d->gain[row] += gain;
    }
    return DONE;
}
