/* For the encoder's search: a candidate taken where errors and roughness want it, as encoder/search.py has it. */

/* How far a vector is from the four beside its place in a field, in octaves; at the edges from its own there. */
INLINE float roughness(const Choice *c, Vector vector, const int32_t *field, int row, int column) {
    const int64_t count = (int64_t)c->rows * c->columns, place = (int64_t)row * c->columns + column;
    const int64_t beside[4] = {row ? place - c->columns : place, row + 1 < c->rows ? place + c->columns : place,
                               column ? place - 1 : place, column + 1 < c->columns ? place + 1 : place};
    float sum = 0;
    for (int k = 0; k < 4; k++) {
        const Vector near = nth(field, count, beside[k]);
        sum += c->octaves[abs(vector.down - near.down) + abs(vector.across - near.across)];
    }
    return sum;
}

/* What a place gains by the candidate, next to neighbours of the field `others`. */
INLINE float gain_at(const Choice *c, const int32_t *others, int row, int column) {
    const int64_t count = (int64_t)c->rows * c->columns, place = (int64_t)row * c->columns + column;
    const float now = roughness(c, nth(c->field, count, place), c->field, row, column);
    const float then = roughness(c, nth(c->candidate, count, place), others, row, column);
    return c->errors[place] - c->candidates_errors[place] + c->price * (now - then);
}

INLINE void take(const Choice *c, int64_t place) {
    const int64_t count = (int64_t)c->rows * c->columns;
    c->field[place] = c->candidate[place], c->field[count + place] = c->candidate[count + place];
    c->errors[place] = c->candidates_errors[place];
}

/* Odd and even places in turn: those of one parity have neighbours of the other. */
static void choose_each(const Choice *c) {
    for (int parity = 0; parity < 2; parity++)
        for (int row = 0; row < c->rows; row++)
            for (int column = (row + parity) % 2; column < c->columns; column += 2)
                if (gain_at(c, c->field, row, column) > 0) take(c, (int64_t)row * c->columns + column);
}

static void choose_groups(const Choice *c, uint8_t *better) {
    for (int write = 0; write < 2; write++)
        for (int top = 0, group = 0; top < c->rows; top += c->side)
            for (int left = 0; left < c->columns; left += c->side, group++) {
                double sum = 0;
                for (int row = top; row < top + c->side && row < c->rows; row++)
                    for (int column = left; column < left + c->side && column < c->columns; column++)
                        if (!write)
                            sum += gain_at(c, c->candidate, row, column);
                        else if (better[group])
                            take(c, (int64_t)row * c->columns + column);
                if (!write) better[group] = sum > 0;
            }
}

static int choose(const Choice *c) {
    if (c->side == 1) {
        choose_each(c);
        return DONE;
    }
    uint8_t *better = malloc((size_t)c->rows * c->columns);
    if (!better) return NO_MEMORY;
    choose_groups(c, better);
    free(better);
    return DONE;
}
