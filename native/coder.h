/* The range coder in both directions (entropy/coder.py and docs/bitstream.md say what is coded in which order).
 *
 * 64-bit state, 32-bit words, tables that sum to 2^24. Elements are taken table by table; those that came to their
 * table's last entry are escaped, and followed by Exp-Golomb bits, digit by digit.
 */
#include <stdlib.h>
#include <string.h>

#define TOTAL_BITS 24
#define ESCAPE_BITS 24
#define WORD_BITS 32
#define NEAR 6 /* entries that are compared one after the other before the rest is halved: small symbols are likely */

/* ---- one symbol ------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t range, distance; /* what is left of the interval, and how far above its low end the code lies */
    const uint32_t *words;
    size_t next, count;
} Source;

INLINE void narrow(Source *s, uint64_t below, uint64_t width) {
    s->distance -= below;
    s->range = width;
    if (width < (uint64_t)1 << WORD_BITS) {
        s->range <<= WORD_BITS;
        s->distance = s->distance << WORD_BITS | (s->next < s->count ? s->words[s->next] : 0);
        s->next++;
    }
}

/* The symbol whose interval holds the code; below: cumulative counts of `length` entries. -1: there is none. */
INLINE int32_t read_symbol(Source *s, const uint32_t *below, int32_t length) {
    const uint64_t unit = s->range >> TOTAL_BITS, distance = s->distance;
    const uint64_t first = unit * below[1];
    if (distance < first) {
        narrow(s, 0, first);
        return 0;
    }
    if (distance >= unit << TOTAL_BITS) return -1;
    int32_t low = 1, high = length; /* unit * below[low] <= distance < unit * below[high] */
    while (low + 1 < high && low < NEAR) {
        if (distance < unit * below[low + 1]) {
            high = low + 1;
            break;
        }
        low++;
    }
    while (low + 1 < high) {
        const int32_t middle = low + (high - low) / 2;
        if (distance < unit * below[middle])
            high = middle;
        else
            low = middle;
    }
    const uint64_t start = unit * below[low];
    narrow(s, start, (high < length ? unit * below[high] : unit << TOTAL_BITS) - start);
    return low;
}

static const uint32_t HALVES[2] = {0, (uint32_t)1 << (TOTAL_BITS - 1)};

typedef struct {
    uint64_t low, range;
    uint32_t *words;
    size_t count, limit; /* words there are, and there is room for */
} Sink;

INLINE void write_interval(Sink *s, uint64_t below, uint64_t width) {
    const uint64_t unit = s->range >> TOTAL_BITS;
    const uint64_t low = s->low + unit * below;
    if (low < s->low) /* the carry: the words before are never all ones */
        for (size_t k = s->count; k-- && ++s->words[k] == 0;) {}
    s->low = low;
    s->range = unit * width;
    if (s->range < (uint64_t)1 << WORD_BITS) {
        if (s->count < s->limit) s->words[s->count++] = (uint32_t)(s->low >> WORD_BITS);
        s->low <<= WORD_BITS;
        s->range <<= WORD_BITS;
    }
}

INLINE void write_symbol(Sink *s, const uint32_t *below, int32_t length, int32_t symbol) {
    const uint32_t end = symbol + 1 < length ? below[symbol + 1] : (uint32_t)1 << TOTAL_BITS;
    write_interval(s, below[symbol], end - below[symbol]);
}

/* ---- a call ----------------------------------------------------------------------------------------------------- */

static int is_in_range(const Symbols *c) {
    int wrong = 0;
    for (int64_t i = 0; i < c->count; i++) wrong |= c->index[i] < 0 || c->index[i] >= c->tables;
    if (wrong) return BAD_INDEX;
    for (int64_t i = 0; i < (c->sign_step ? c->count : 1); i++) wrong |= c->sign[i] != 1 && c->sign[i] != -1;
    return wrong ? BAD_SIGN : DONE;
}

/* What is known of the elements (their numbers, if nothing) by table, raster order within a table. ends: (2, tables);
 * the first row becomes where each table's elements end. */
INLINE void sort_by_table(const Symbols *c, const int32_t *known, int32_t *RESTRICT sorted, int64_t *RESTRICT ends) {
    int64_t *odd = ends + c->tables; /* counts of every second element: neighbours often share a table, and would wait */
    memset(ends, 0, 2 * (size_t)c->tables * sizeof *ends);
    for (int64_t i = 0; i + 1 < c->count; i += 2) ends[c->index[i]]++, odd[c->index[i + 1]]++;
    if (c->count & 1) ends[c->index[c->count - 1]]++;
    int64_t start = 0;
    for (int32_t t = 0; t < c->tables; t++) {
        const int64_t size = ends[t] + odd[t];
        ends[t] = start;
        start += size;
    }
    for (int64_t i = 0; i < c->count; i++) sorted[ends[c->index[i]]++] = known ? known[i] : (int32_t)i;
}

INLINE int digits_of(uint32_t number) { /* that follow its leading one */
#ifdef __GNUC__
    return 31 - __builtin_clz(number | 1);
#else
    int digits = 0;
    while (number >>= 1) digits++;
    return digits;
#endif
}

/* Elements whose symbol is their table's last entry, in raster order. */
static int64_t find_escaped(const Symbols *c, const int32_t *symbols, int32_t *at) {
    int64_t found = 0;
    for (int64_t i = 0; i < c->count; i++)
        if (symbols[i] == c->lengths[c->index[i]] - 1) at[found++] = (int32_t)i;
    return found;
}

/* Symbols to values, in place. */
INLINE void to_values(int64_t count, int32_t *RESTRICT values, const int32_t *RESTRICT centre, int centre_step,
                      const int32_t *RESTRICT sign, int sign_step) {
    for (int64_t i = 0; i < count; i++) {
        /* sums may wrap: a centre far off wraps them back */
        const uint32_t symbol = (uint32_t)values[i], half = (symbol + 1) >> 1, flip = (symbol & 1) - 1;
        const uint32_t against = (uint32_t)(sign[i * sign_step] >> 31) ^ flip; /* all ones where it is subtracted */
        values[i] = (int32_t)(((half ^ against) - against) + (uint32_t)centre[i * centre_step]);
    }
}

static void all_values(const Symbols *c) {
    if (c->centre_step && c->sign_step)
        to_values(c->count, c->values, c->centre, 1, c->sign, 1);
    else
        to_values(c->count, c->values, c->centre, c->centre_step, c->sign, c->sign_step);
}

/* Reads what each escaped symbol has beyond its table. numbers: as many, 1 more than that. */
static int read_escapes(Symbols *c, Source *s, int64_t escaped, int32_t *numbers, int32_t *going) {
    for (int64_t e = 0; e < escaped; e++) numbers[e] = 1, going[e] = (int32_t)e;
    for (int done = 0; done <= ESCAPE_BITS; done++) {
        int64_t left = 0;
        for (int64_t g = 0; g < escaped; g++) {
            const int32_t more = read_symbol(s, HALVES, 2);
            if (more < 0) return DAMAGED;
            going[left] = going[g];
            left += more;
        }
        c->escape_bits += (uint64_t)escaped;
        escaped = left;
        if (!escaped) return DONE;
        if (done == ESCAPE_BITS) return ENDLESS;
        for (int64_t g = 0; g < escaped; g++) {
            const int32_t digit = read_symbol(s, HALVES, 2);
            if (digit < 0) return DAMAGED;
            numbers[going[g]] = numbers[going[g]] << 1 | digit;
        }
        c->escape_bits += (uint64_t)escaped;
    }
    return ENDLESS;
}

static int read_symbols(Symbols *c, int32_t *order, int64_t *ends) {
    Source s = {c->state[0], c->state[1], c->words, (size_t)c->state[2], c->word_count};
    int64_t at = 0, escaped = 0;
    sort_by_table(c, NULL, order, ends);
    for (int32_t t = 0; t < c->tables; t++) {
        const uint32_t *below = c->below + c->starts[t];
        uint32_t *uses = c->uses + c->starts[t];
        const int32_t length = c->lengths[t];
        for (; at < ends[t]; at++) {
            const int32_t symbol = read_symbol(&s, below, length);
            if (symbol < 0) return DAMAGED;
            uses[symbol]++;
            escaped += symbol == length - 1;
            c->values[order[at]] = symbol;
        }
    }
    if (escaped) {
        int32_t *where = malloc(3 * escaped * sizeof *where);
        if (!where) return NO_MEMORY;
        int32_t *numbers = where + escaped;
        find_escaped(c, c->values, where);
        const int status = read_escapes(c, &s, escaped, numbers, numbers + escaped);
        for (int64_t e = 0; e < escaped; e++) c->values[where[e]] += numbers[e] - 1;
        free(where);
        if (status != DONE) return status;
    }
    all_values(c);
    c->state[0] = s.range, c->state[1] = s.distance, c->state[2] = s.next;
    return DONE;
}

/* The symbols of values, without a limit yet; at worst how many words they take. */
static int symbols_to_write(Symbols *c, int32_t *symbols, int64_t *escaped) {
    uint64_t bits = 0;
    *escaped = 0;
    for (int64_t i = 0; i < c->count; i++) {
        const uint32_t apart = (uint32_t)c->values[i] - (uint32_t)c->centre[i * c->centre_step];
        const int32_t offset = (int32_t)(c->sign[i * c->sign_step] < 0 ? 0 - apart : apart);
        if (offset <= -(1 << ESCAPE_BITS) || offset >= 1 << ESCAPE_BITS) return TOO_FAR;
        symbols[i] = offset > 0 ? 2 * offset - 1 : -2 * offset;
        const int32_t beyond = symbols[i] - c->lengths[c->index[i]] + 1;
        if (beyond >= 0) {
            bits += 2 * (uint64_t)digits_of((uint32_t)beyond + 1) + 1;
            ++*escaped;
        }
    }
    c->escape_bits = bits;
    /* An interval shrinks by 24 bits a symbol at most, and by less than 1 more, as its unit is rounded down. */
    c->needed = (size_t)c->state[2] + (size_t)((25 * (uint64_t)c->count + 2 * bits) / WORD_BITS) + 4;
    return c->needed <= c->word_count ? DONE : FULL;
}

static void write_escapes(Sink *s, int64_t escaped, const int32_t *numbers, int32_t *going) {
    for (int64_t e = 0; e < escaped; e++) going[e] = (int32_t)e;
    for (int done = 0; escaped; done++) {
        int64_t left = 0;
        for (int64_t g = 0; g < escaped; g++) {
            const int32_t more = digits_of((uint32_t)numbers[going[g]]) > done;
            write_symbol(s, HALVES, 2, more);
            going[left] = going[g];
            left += more;
        }
        escaped = left;
        for (int64_t g = 0; g < escaped; g++) {
            const uint32_t number = (uint32_t)numbers[going[g]];
            write_symbol(s, HALVES, 2, (int32_t)(number >> (digits_of(number) - 1 - done) & 1));
        }
    }
}

static int write_symbols(Symbols *c, int32_t *sorted, int64_t *ends, int32_t *symbols) {
    int64_t escaped;
    const int status = symbols_to_write(c, symbols, &escaped);
    if (status != DONE) return status;
    int32_t *numbers = NULL;
    if (escaped) {
        numbers = malloc(2 * escaped * sizeof *numbers);
        if (!numbers) return NO_MEMORY;
        int64_t e = 0;
        for (int64_t i = 0; i < c->count; i++) {
            const int32_t last = c->lengths[c->index[i]] - 1;
            if (symbols[i] < last) continue;
            numbers[e++] = symbols[i] - last + 1;
            symbols[i] = last;
        }
    }
    sort_by_table(c, symbols, sorted, ends);
    Sink s = {c->state[0], c->state[1], c->words, (size_t)c->state[2], c->word_count};
    int64_t at = 0;
    for (int32_t t = 0; t < c->tables; t++) {
        const uint32_t *below = c->below + c->starts[t];
        uint32_t *uses = c->uses + c->starts[t];
        for (; at < ends[t]; at++) {
            uses[sorted[at]]++;
            write_symbol(&s, below, c->lengths[t], sorted[at]);
        }
    }
    if (escaped) write_escapes(&s, escaped, numbers, numbers + escaped);
    free(numbers);
    c->state[0] = s.low, c->state[1] = s.range, c->state[2] = s.count;
    return DONE;
}

/* Reads or writes the elements of a call. Where it fails, a writer's state is what it was. */
static int code(Symbols *c, int writes) {
    int status = is_in_range(c);
    if (status != DONE) return status;
    const size_t size = (size_t)c->count + 1;
    int32_t *order = malloc(size * sizeof *order * (writes ? 2 : 1));
    int64_t *ends = malloc(2 * (size_t)c->tables * sizeof *ends);
    if (!order || !ends)
        status = NO_MEMORY;
    else
        status = writes ? write_symbols(c, order, ends, order + size) : read_symbols(c, order, ends);
    free(order);
    free(ends);
    return status;
}
