/* One round of the encoder's decision of blocks. encoder/tree.py says what is decided, and decides the same without this:
 * bits are multiples of 2^-10 (encoder/rates.py), so their sums are exact, and errors are summed in its order. Of what it
 * tries, only what cannot win is left out here: bits and errors below 0 there are none.
 */
#include <math.h>

#define MOST_TRIED (14 + MOST_STEPS)
#define MOST_LARGEST 8 /* places of the largest blocks' side */

enum { MIDDLE, ONE, OTHER, PREDICTED, NEW }; /* kinds of vectors */
enum { UNIFORM, AS_PREDICTED, SPLIT };       /* what a block is */
enum { CLOSE = 4, SMALL = 3 };               /* as in codec/blocks.py */

/* A coded place whose vector is predicted from a block's, seen from that block. */
typedef struct {
    int32_t place;
    int8_t as_one, as_other; /* which of its neighbours the block holds */
} Later;

typedef struct {
    const Errors *errors;
    const Tree *tree;
    float *bits;                  /* of coded places, as they are */
    int32_t *coded, coded_count;  /* places */
    int32_t *starts[MOST_SIZES];  /* (blocks + 1,) of each size: where those after each block begin */
    Later *later[MOST_SIZES];
    float worth[MOST_SIZES][MOST_LARGEST * MOST_LARGEST]; /* of blocks within one of the largest */
} Round;

typedef struct {
    Vector candidates[NEW];
    const float *kinds, *down, *across;
} Expected;

/* The block that is decided. */
typedef struct {
    int level, size, top, left, height, width; /* places of the picture */
    int32_t first;
    Expected expected;
    Vector beside[4];
    int whole; /* whether one vector is predicted for all of it */
    const Later *later, *later_end;
    float saved; /* bits of all of these: no vector can save more */
} Decided;

/* What is best so far. */
typedef struct {
    Vector vector;
    float cost;
    int found;
} Best;

INLINE Vector vector_at(const Tree *t, const int32_t *field, int64_t place) {
    return nth(field, (int64_t)t->rows * t->columns, place);
}

/* Places of the largest blocks' side. */
INLINE int largest_of(const Tree *t) { return 1 << (t->sizes - 1); }

INLINE int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
INLINE int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
INLINE int32_t size_of(int32_t part) { return part < 0 ? -part : part; }
INLINE int32_t distance_of(Vector a, Vector b) {
    return larger(size_of(a.down - b.down), size_of(a.across - b.across));
}
INLINE int32_t middle_of(int32_t a, int32_t b, int32_t c) { return larger(smaller(a, b), smaller(larger(a, b), c)); }

/* Binary digits, none of 0. */
INLINE int class_of(int32_t size) { return digits_of(2 * (uint32_t)size + 1); }

/* `blocks.expected` of codec/. */
INLINE Expected expected_of(const Tree *t, Vector one, Vector other, Vector predicted, int level) {
    const Vector middle = {middle_of(one.down, other.down, predicted.down),
                           middle_of(one.across, other.across, predicted.across)};
    const int32_t apart = distance_of(one, other);
    const int32_t far = smaller(distance_of(predicted, one), distance_of(predicted, other));
    const int32_t differ = larger(apart, distance_of(predicted, middle));
    int pattern;
    if (!apart)
        pattern = far == 0 ? 0 : far < CLOSE ? 1 : 2;
    else
        pattern = far == 0 ? (apart < CLOSE ? 3 : 4) : 5 + (differ >= CLOSE) + (differ >= 4 * CLOSE);
    const int context = (level >= SMALL) * SPREADS + smaller(class_of(differ), SPREADS - 1);
    const float *down = t->differences + context * CLASSES;
    return (Expected){{middle, one, other, predicted}, t->kinds + (level * PATTERNS + pattern) * KINDS,
                      down, down + 2 * SPREADS * CLASSES};
}

INLINE Expected expected_at(const Tree *t, int32_t place) {
    const Vector predicted = vector_at(t, t->predicted, place);
    const int level = t->level[place];
    if (!level) return expected_of(t, predicted, predicted, predicted, level);
    return expected_of(t, vector_at(t, t->vectors, t->one[place]), vector_at(t, t->vectors, t->other[place]), predicted,
                       level);
}

INLINE float bits_of(const Expected *e, Vector vector) {
    for (int kind = 0; kind < NEW; kind++)
        if (equal(vector, e->candidates[kind])) return e->kinds[kind];
    const Vector from = e->candidates[MIDDLE];
    return e->kinds[NEW] + e->down[class_of(size_of(vector.down - from.down))] +
           e->across[class_of(size_of(vector.across - from.across))];
}

INLINE int flag_context(const Decided *d, Vector own, Vector predicted) {
    int agree = 0;
    for (int k = 0; k < 4; k++) agree += equal(d->beside[k], own);
    return ((d->level * 5 + agree) * 3 + (d->whole ? !equal(own, predicted) : 2)) * FLAGS;
}

INLINE int32_t block_of(const Tree *t, int32_t place, int size) {
    return place / t->columns / size * ((t->columns + size - 1) / size) + place % t->columns / size;
}

/* Lists the coded places that are predicted from each block of a size, but lie in another. */
static void list_later(Round *r, int level, int size, int32_t blocks) {
    const Tree *t = r->tree;
    int32_t *starts = r->starts[level];
    Later *later = r->later[level];
    memset(starts, 0, ((size_t)blocks + 1) * sizeof *starts);
    for (int fill = 0; fill < 2; fill++) { /* how many each has, then which */
        for (int32_t i = 0; i < r->coded_count; i++) {
            const int32_t place = r->coded[i];
            if (!t->level[place]) continue;
            const int32_t own = block_of(t, place, size), one = block_of(t, t->one[place], size);
            const int32_t other = block_of(t, t->other[place], size);
            if (one != own) {
                if (fill)
                    later[--starts[one]] = (Later){place, 1, one == other};
                else
                    starts[one]++;
            }
            if (other != own && other != one) {
                if (fill)
                    later[--starts[other]] = (Later){place, 0, 1};
                else
                    starts[other]++;
            }
        }
        for (int32_t b = 0; !fill && b < blocks; b++) starts[b + 1] += starts[b];
    }
}

/* By how much a vector of the block changes the bits of the places after it. */
static float change_of_later(const Round *r, const Decided *d, Vector vector) {
    const Tree *t = r->tree;
    float change = 0;
    for (const Later *after = d->later; after < d->later_end; after++) {
        const int32_t place = after->place;
        const Vector one = after->as_one ? vector : vector_at(t, t->vectors, t->one[place]);
        const Vector other = after->as_other ? vector : vector_at(t, t->vectors, t->other[place]);
        const Expected expected = expected_of(t, one, other, vector_at(t, t->predicted, place), t->level[place]);
        change += bits_of(&expected, vector_at(t, t->vectors, place)) - r->bits[place];
    }
    return change;
}

INLINE float bits_with_later(const Round *r, const Decided *d, Vector vector) {
    const float bits = bits_of(&d->expected, vector);
    return d->later == d->later_end ? bits : bits + r->tree->later * change_of_later(r, d, vector);
}

/* Compares a vector of which the bits are known: a float of errors is never less than one of some of them. */
static void compare(const Round *r, const Decided *d, Vector vector, float price, Best *best) {
    const Tree *t = r->tree;
    double sum = 0;
    for (int i = 0; i < d->height; i++)
        for (int j = 0; j < d->width; j++) {
            const float cost = (float)sum + price;
            if (best->found ? cost >= best->cost : cost > best->cost) return;
            const int64_t place = (int64_t)(d->top + i) * t->columns + d->left + j;
            if (j + 1 < d->width)
                fetch(r->errors, place + 1, vector);
            else if (i + 1 < d->height)
                fetch(r->errors, place - j + t->columns, vector);
            sum += error_of(r->errors, place, vector);
        }
    const float cost = (float)sum + price;
    if (best->found ? cost < best->cost : cost <= best->cost) *best = (Best){vector, cost, 1};
}

/* Tries vectors, in order: counts their bits, and compares those that may win. */
static void try_all(const Round *r, const Decided *d, const Vector *tried, int count, Best *best) {
    const Tree *t = r->tree;
    const Vector predicted = d->expected.candidates[PREDICTED];
    Vector kept[MOST_TRIED];
    float prices[MOST_TRIED];
    int n = 0;
    for (int k = 0; k < count; k++) {
        const float flag =
            d->level + 1 < t->sizes ? t->flags[flag_context(d, tried[k], predicted) + UNIFORM] : 0;
        float bits = bits_of(&d->expected, tried[k]);
        if (d->later != d->later_end) {
            if (t->price * (bits - t->later * d->saved + flag) > best->cost) continue;
            bits += t->later * change_of_later(r, d, tried[k]);
        }
        prices[n] = t->price * (bits + flag);
        if (best->found ? prices[n] >= best->cost : prices[n] > best->cost) continue;
        fetch(r->errors, d->first, tried[k]);
        kept[n++] = tried[k];
    }
    for (int k = 0; k < n; k++) compare(r, d, kept[k], prices[k], best);
}

INLINE Vector moved(Vector vector, const Tree *t, int step) {
    const Vector by = nth(t->steps, t->step_count, step);
    return (Vector){clamped(vector.down + by.down, -MOST_VECTOR, MOST_VECTOR),
                    clamped(vector.across + by.across, -MOST_VECTOR, MOST_VECTOR)};
}

INLINE int add_new(Vector *tried, int count, Vector vector) {
    for (int k = 0; k < count; k++)
        if (equal(tried[k], vector)) return count;
    tried[count] = vector;
    return count + 1;
}

/* The best vector of those that may be its own, if one is worth as much as best->cost or more. */
static void find_best(const Round *r, const Decided *d, Best *best) {
    const Tree *t = r->tree;
    const Vector own = vector_at(t, t->vectors, d->first);
    Vector tried[MOST_TRIED];
    int count = 0;
    for (int kind = 0; kind < NEW; kind++) count = add_new(tried, count, d->expected.candidates[kind]);
    count = add_new(tried, count, own);
    const int likely = count;
    for (int k = 0; k < 4; k++) count = add_new(tried, count, d->beside[k]);
    for (int k = 0; k < t->step_count; k++) tried[count++] = moved(own, t, k);
    tried[count++] = (Vector){0, 0};
    if (d->level + 1 < t->sizes) {
        const int half = d->size / 2;
        for (int i = 0; i < d->height; i += half)
            for (int j = 0; j < d->width; j += half)
                count = add_new(tried, count, vector_at(t, t->new_vectors, d->first + i * t->columns + j));
    }
    try_all(r, d, tried, likely, best);
    try_all(r, d, tried + likely, count - likely, best);
}

/* What a block of a size that may be split is worth as predicted, and split. */
static void count_others(const Round *r, const Decided *d, float *as_predicted, float *split) {
    const Tree *t = r->tree;
    const Vector predicted = d->expected.candidates[PREDICTED];
    *as_predicted = INFINITY;
    if (!d->whole) {
        double sum = 0;
        for (int i = 0; i < d->height; i++)
            for (int j = 0; j < d->width; j++) sum += t->as_predicted[d->first + i * t->columns + j];
        const float flag = t->flags[flag_context(d, predicted, predicted) + AS_PREDICTED];
        *as_predicted = (float)sum + t->price * (bits_with_later(r, d, predicted) + flag);
    }
    const int half = d->size / 2, across = largest_of(t) / half;
    const Vector own = vector_at(t, t->new_vectors, d->first);
    const float *worth = r->worth[d->level + 1];
    float quarters = 0;
    for (int i = 0; i < d->height; i += half)
        for (int j = 0; j < d->width; j += half)
            quarters += worth[(d->top + i) / half % across * across + (d->left + j) / half % across];
    *split = quarters + t->price * t->flags[flag_context(d, own, predicted) + SPLIT];
}

/* Makes a block a leaf, of one vector, or of those predicted. */
static void make_leaf(const Tree *t, const Decided *d, const Vector *vector) {
    const int64_t places = (int64_t)t->rows * t->columns;
    for (int i = 0; i < d->height; i++)
        for (int j = 0; j < d->width; j++) {
            const int32_t place = d->first + i * t->columns + j;
            const Vector own = vector ? *vector : vector_at(t, t->predicted, place);
            t->new_vectors[place] = own.down, t->new_vectors[places + place] = own.across;
            t->new_leaves[place] = d->size;
        }
}

INLINE int is_whole(const Tree *t, const Decided *d) {
    const Vector first = vector_at(t, t->predicted, d->first);
    for (int i = 0; i < d->height; i++)
        for (int j = 0; j < d->width; j++)
            if (!equal(first, vector_at(t, t->predicted, d->first + i * t->columns + j))) return 0;
    return 1;
}

static Decided block_at(const Round *r, int level, int top, int left) {
    static const int8_t DOWN[4] = {-1, 1, 0, 0}, ACROSS[4] = {0, 0, -1, 1};
    const Tree *t = r->tree;
    const int size = largest_of(t) >> level, row = top / size, column = left / size;
    const int rows = (t->rows + size - 1) / size, columns = (t->columns + size - 1) / size;
    Decided d = {.level = level, .size = size, .top = top, .left = left};
    d.height = smaller(size, t->rows - d.top), d.width = smaller(size, t->columns - d.left);
    d.first = d.top * t->columns + d.left;
    d.expected = expected_at(t, d.first);
    d.whole = is_whole(t, &d);
    for (int k = 0; k < 4; k++) {
        const int i = clamped(row + DOWN[k], 0, rows - 1), j = clamped(column + ACROSS[k], 0, columns - 1);
        d.beside[k] = vector_at(t, t->vectors, (int64_t)i * size * t->columns + j * size);
    }
    d.later = d.later_end = r->later[level];
    if (t->later > 0) {
        const int32_t *starts = r->starts[level] + (int64_t)row * columns + column;
        d.later = r->later[level] + starts[0], d.later_end = r->later[level] + starts[1];
        for (const Later *after = d.later; after < d.later_end; after++) d.saved += r->bits[after->place];
    }
    return d;
}

/* Decides a block; returns what it is worth. */
static float decide_block(const Round *r, const Decided *d) {
    float as_predicted = INFINITY, split = INFINITY;
    if (d->level + 1 < r->tree->sizes) count_others(r, d, &as_predicted, &split);
    Best best = {.cost = as_predicted <= split ? as_predicted : split};
    find_best(r, d, &best);
    if (best.found)
        make_leaf(r->tree, d, &best.vector);
    else if (as_predicted <= split)
        make_leaf(r->tree, d, NULL);
    return best.cost;
}

/* Lists what the round has to know of coded places. */
static void look_around(Round *r) {
    const Tree *t = r->tree;
    const int32_t places = t->rows * t->columns;
    for (int32_t place = 0; place < places; place++) {
        const int leaf = t->leaves[place];
        if (place / t->columns % leaf || place % t->columns % leaf) continue;
        const Expected expected = expected_at(t, place);
        r->coded[r->coded_count++] = place;
        r->bits[place] = bits_of(&expected, vector_at(t, t->vectors, place));
    }
    for (int level = 0; level < t->sizes; level++) {
        const int size = largest_of(t) >> level;
        list_later(r, level, size, ((t->rows + size - 1) / size) * ((t->columns + size - 1) / size));
    }
}

/* Decides one of the largest blocks, and those within it before: what they look at stays in the caches. */
static void decide_largest(Round *r, int top, int left) {
    const Tree *t = r->tree;
    const int largest = largest_of(t);
    const int bottom = smaller(top + largest, t->rows), right = smaller(left + largest, t->columns);
    for (int level = t->sizes - 1; level >= 0; level--) {
        const int size = largest >> level;
        for (int i = top; i < bottom; i += size)
            for (int j = left; j < right; j += size) {
                const Decided d = block_at(r, level, i, j);
                r->worth[level][(i - top) / size * (largest / size) + (j - left) / size] = decide_block(r, &d);
            }
    }
}

static int decide(const Errors *e, const Tree *t) {
    const size_t places = (size_t)t->rows * t->columns;
    Round r = {.errors = e, .tree = t};
    r.bits = malloc(places * sizeof *r.bits);
    r.coded = malloc((places + t->sizes * (places + 1)) * sizeof *r.coded);
    r.later[0] = malloc(t->sizes * 2 * places * sizeof *r.later[0]);
    const int enough = r.bits && r.coded && r.later[0];
    if (enough) {
        for (int level = 0; level < t->sizes; level++) {
            r.starts[level] = r.coded + places + level * (places + 1);
            r.later[level] = r.later[0] + level * 2 * places;
        }
        memcpy(t->new_vectors, t->vectors, 2 * places * sizeof *t->vectors);
        memcpy(t->new_leaves, t->leaves, places * sizeof *t->leaves);
        if (t->later > 0) look_around(&r);
        for (int i = 0; i < t->rows; i += largest_of(t))
            for (int j = 0; j < t->columns; j += largest_of(t)) decide_largest(&r, i, j);
    }
    free(r.bits);
    free(r.coded);
    free(r.later[0]);
    return enough ? DONE : NO_MEMORY;
}
