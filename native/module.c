/* lvcodec.native._kernels: the kernels for Python. Each function takes buffers and sizes, checks them against each
 * other, and lets other threads run while it computes. Written for the stable ABI, so that one build serves all Pythons.
 */
#include "buffers.h"

const Kernels *kernels = &kernels_portable;

/* The best set of instructions that this processor has. */
static int best_level(void) {
#if LVCODEC_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) {
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vnni"))
            return AVX512;
        return AVX2;
    }
#endif
    return PORTABLE;
}

static void use_level(int level) {
#if LVCODEC_X86
    static const Kernels *const all[LEVELS] = {&kernels_portable, &kernels_avx2, &kernels_avx512};
    kernels = all[level];
#else
    (void)level;
#endif
}

/* ---- functions -------------------------------------------------------------------------------------------------- */

static PyObject *py_best(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    return PyLong_FromLong(best_level());
}

static PyObject *py_use(PyObject *self, PyObject *arg) {
    (void)self;
    const long level = PyLong_AsLong(arg);
    if (level == -1 && PyErr_Occurred()) return NULL;
    if (level < 0 || level > best_level()) return wrong("this processor has no such instructions"), NULL;
    use_level((int)level);
    Py_RETURN_NONE;
}

static int check_warp(const Warp *w, const Py_buffer *b) {
    if (!((w->count == 8 && w->steps == 4 && (w->side == 16 || w->side == 8)) ||
          (w->count == 4 && w->steps == 8 && (w->side == 8 || w->side == 4))))
        return wrong("blocks and taps are not of a form that was compiled");
    if (w->height < 1 || w->width < 1 || w->rows < 1 || w->columns < 1) return wrong("a side is below 1");
    if ((int64_t)w->rows * w->side < w->height || (int64_t)w->columns * w->side < w->width)
        return wrong("the field does not cover the plane");
    const int64_t pels = (int64_t)w->height * w->width, blocks = (int64_t)w->rows * w->columns;
    if (!(holds(&b[0], pels, 1, "shown") && holds(&b[1], pels, 1, "plane") && holds(&b[2], 2 * blocks, 4, "field") &&
          holds(&b[3], (int64_t)w->steps * w->count, 2, "taps") && taps_are_small(b[3].buf, w->steps, w->count)))
        return 0;
    if (!b[4].obj) return 1;
    if (!b[5].obj || !b[6].obj) return wrong("a second plane needs a field and blocks that show it");
    if (!(holds(&b[4], pels, 1, "the second plane") && holds(&b[5], 2 * blocks, 4, "its field") &&
          holds(&b[6], blocks, 1, "what blocks show")))
        return 0;
    for (int64_t i = 0; i < blocks; i++)
        if (((const uint8_t *)b[6].buf)[i] - 1u > 2u) return wrong("a block shows neither plane nor both");
    return 1;
}

/* (shown, plane, field, taps, second plane, its field, which, height, width, rows, columns, steps, count, side) */
static PyObject *py_warp(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[7] = {{0}};
    Warp w;
    if (!PyArg_ParseTuple(args, "w*y*y*y*z*z*z*iiiiiii", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &w.height,
                          &w.width, &w.rows, &w.columns, &w.steps, &w.count, &w.side))
        return NULL;
    const int right = check_warp(&w, b);
    if (right) {
        w.shown = b[0].buf, w.plane = b[1].buf, w.field = b[2].buf, w.taps = b[3].buf;
        w.other = b[4].buf, w.others_field = b[5].buf, w.which = b[6].buf;
        Py_BEGIN_ALLOW_THREADS kernels->warp(&w);
        Py_END_ALLOW_THREADS
    }
    release(b, 7);
    if (!right) return NULL;
    Py_RETURN_NONE;
}

/* The weights, biases and shifts of a product from three buffers. */
static int take_product(Product *p, const Py_buffer *b) {
    if (p->inputs < 1 || p->outputs < 1 || p->inputs > MOST_INPUTS || p->outputs > 4096)
        return wrong("a layer is too wide");
    const int64_t tiles = (p->outputs + 63) / 64;
    if (!(holds(&b[0], tiles * 64 * p->taps * p->inputs, 1, "weights") && holds(&b[1], tiles * 64, 4, "bias") &&
          holds(&b[2], tiles * 64, 4, "shift")))
        return 0;
    p->weights = b[0].buf, p->bias = b[1].buf, p->shift = b[2].buf;
    for (int i = 0; i < p->outputs; i++)
        if (p->shift[i] < -6 || p->shift[i] > 30) return wrong("a shift is out of range");
    return 1;
}

/* Positions to compute: those of a buffer of 64-bit numbers, or all if it is empty. */
static int take_places(const int64_t **places, int64_t *count, const Py_buffer *b, int64_t all) {
    *places = NULL, *count = all;
    if (!b->obj) return 1;
    if (!holds(b, b->len / 8, 8, "places")) return 0;
    *places = b->buf, *count = b->len / 8;
    for (int64_t i = 0; i < *count; i++)
        if ((*places)[i] < 0 || (*places)[i] >= all) return wrong("there is no such place");
    return 1;
}

/* Rows of a block's inputs, b: rows; each position has one of them or none. */
static int take_rows(Block *block, const Py_buffer *b, int64_t all) {
    if (!b->obj) return 1;
    if (!block->places || !holds(b, all, 4, "rows")) return wrong("rows without places");
    block->rows = b->buf;
    for (int64_t i = 0; i < all; i++)
        if (block->rows[i] >= block->count) return wrong("there is no such row");
    return 1;
}

/* (out, x, pictures, height, width, channels, hidden, 3 * (weights, bias, shift), places or None, rows or None) */
static PyObject *py_block(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer buffers[13] = {{0}};
    Block b = {0};
    int pictures, channels, hidden;
    if (!PyArg_ParseTuple(args, "w*y*iiiiiy*y*y*y*y*y*y*y*y*z*z*", &buffers[0], &buffers[1], &pictures, &b.height,
                          &b.width, &channels, &hidden, &buffers[2], &buffers[3], &buffers[4], &buffers[5], &buffers[6],
                          &buffers[7], &buffers[8], &buffers[9], &buffers[10], &buffers[11], &buffers[12]))
        return NULL;
    int right = (channels >= 64 && hidden >= 64 && channels % 64 == 0 && hidden % 64 == 0 &&
                 channels <= MOST_CHANNELS && hidden <= MOST_HIDDEN && pictures >= 1 && pictures <= 1 << 12 &&
                 b.height >= 1 && b.width >= 1 && (int64_t)b.height * b.width <= INT32_MAX) ||
                wrong("a block of no known form");
    if (right && pictures > 1 && !buffers[12].obj) right = wrong("several pictures without rows");
    if (right) {
        const int64_t all = (int64_t)pictures * b.height * b.width;
        b.each = (Product){12, channels, 1, NULL, NULL, NULL};
        b.up = (Product){channels, hidden, 1, NULL, NULL, NULL};
        b.down = (Product){hidden, channels, 1, NULL, NULL, NULL};
        right = take_product(&b.each, buffers + 2) && take_product(&b.up, buffers + 5) &&
                take_product(&b.down, buffers + 8) && take_places(&b.places, &b.count, buffers + 11, all) &&
                take_rows(&b, buffers + 12, all);
        const int64_t bytes = (b.rows ? b.count : all) * channels;
        right = right && holds(&buffers[0], bytes, 1, "out") && holds(&buffers[1], bytes, 1, "x");
        if (right && bytes && buffers[0].buf == buffers[1].buf) right = wrong("out is x");
    }
    if (right) {
        b.out = buffers[0].buf, b.x = buffers[1].buf;
        Py_BEGIN_ALLOW_THREADS kernels->block(&b);
        Py_END_ALLOW_THREADS
    }
    release(buffers, 13);
    if (!right) return NULL;
    Py_RETURN_NONE;
}

/* (out, x, height, width, channels, outputs, taps, zero, kind, weights, bias, shift, places or None) */
static PyObject *py_layer(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[6] = {{0}};
    Layer l;
    int outputs, taps;
    if (!PyArg_ParseTuple(args, "w*y*iiiiiiiy*y*y*z*", &b[0], &b[1], &l.height, &l.width, &l.channels, &outputs, &taps,
                          &l.zero, &l.kind, &b[2], &b[3], &b[4], &b[5]))
        return NULL;
    const int known = taps == 1 || ((taps == 9 || taps == 25) && l.channels % 4 == 0);
    int right = (known && l.channels >= 1 && outputs >= 1 && l.height >= 1 && l.width >= 1 &&
                 (int64_t)l.height * l.width <= INT32_MAX && l.kind >= RELU && l.kind <= WIDE &&
                 l.channels <= MOST_INPUTS - 3 && l.zero >= 0 && l.zero <= 255) ||
                wrong("a layer of no known form");
    if (right) {
        const int64_t places = (int64_t)l.height * l.width;
        l.product = (Product){(l.channels + 3) / 4 * 4, outputs, taps, NULL, NULL, NULL};
        right = holds(&b[1], places * l.channels, 1, "x") && take_product(&l.product, b + 2) &&
                take_places(&l.places, &l.count, b + 5, places) &&
                holds(&b[0], l.count * outputs, l.kind == WIDE ? 4 : 1, "out");
    }
    if (right) {
        l.out = b[0].buf, l.x = b[1].buf;
        Py_BEGIN_ALLOW_THREADS kernels->layer(&l);
        Py_END_ALLOW_THREADS
    }
    release(b, 6);
    if (!right) return NULL;
    Py_RETURN_NONE;
}

/* (out, x, inputs, outputs, low, high, bias, shift) */
static PyObject *py_linear(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[6] = {{0}};
    Linear l;
    if (!PyArg_ParseTuple(args, "w*y*iiy*y*y*y*", &b[0], &b[1], &l.inputs, &l.outputs, &b[2], &b[3], &b[4], &b[5]))
        return NULL;
    int right = (l.inputs >= 2 && l.inputs % 2 == 0 && l.inputs <= MOST_LINEAR && l.outputs >= 16 &&
                 l.outputs % 16 == 0 && l.outputs <= 4096) ||
                wrong("a product of no known form");
    if (right) {
        l.count = b[1].len / 8 / l.inputs;
        const int64_t weights = (int64_t)l.inputs * l.outputs;
        right = holds(&b[1], l.count * l.inputs, 8, "x") && holds(&b[0], l.count * l.outputs, 8, "out") &&
                holds(&b[2], weights, 2, "low") && holds(&b[3], weights, 2, "high") &&
                holds(&b[4], l.outputs, 8, "bias") && holds(&b[5], l.outputs, 4, "shift");
        for (int i = 0; right && i < l.outputs; i++)
            if (((const int32_t *)b[5].buf)[i] < 0 || ((const int32_t *)b[5].buf)[i] > 62)
                right = wrong("a shift is out of range");
    }
    if (right) {
        l.out = b[0].buf, l.x = b[1].buf, l.low = b[2].buf, l.high = b[3].buf, l.bias = b[4].buf, l.shift = b[5].buf;
        Py_BEGIN_ALLOW_THREADS kernels->linear(&l);
        Py_END_ALLOW_THREADS
    }
    release(b, 6);
    if (!right) return NULL;
    Py_RETURN_NONE;
}

/* Tables that cannot send the coder outside of their entries, whatever it reads. */
static int check_tables(const Symbols *c, int64_t entries) {
    if (c->tables < 1) return wrong("no tables");
    for (int32_t t = 0; t < c->tables; t++)
        if (c->lengths[t] < 2 || c->starts[t] < 0 || c->starts[t] > entries - c->lengths[t] || c->below[c->starts[t]])
            return wrong("a table lies outside of the entries");
    return 1;
}

static int one_or_each(const Py_buffer *buffer, int64_t count, int *step, const char *name) {
    *step = buffer->len != 4;
    return holds(buffer, *step ? count : 1, 4, name);
}

static int check_symbols(Symbols *c, const Py_buffer *b) {
    c->count = b[0].len / 4, c->tables = (int32_t)(b[5].len / 4);
    const int64_t entries = b[6].len / 4;
    if (c->count > INT32_MAX || b[5].len / 4 > INT32_MAX) return wrong("too many elements");
    if (!(holds(&b[0], c->count, 4, "index") && one_or_each(&b[1], c->count, &c->centre_step, "centre") &&
          one_or_each(&b[2], c->count, &c->sign_step, "sign") && holds(&b[3], c->count, 4, "values") &&
          holds(&b[4], c->tables, 8, "starts") && holds(&b[5], c->tables, 4, "lengths") &&
          holds(&b[6], entries, 4, "below") && holds(&b[7], entries, 4, "uses") && holds(&b[8], 3, 8, "state") &&
          holds(&b[9], b[9].len / 4, 4, "words")))
        return 0;
    c->index = b[0].buf, c->centre = b[1].buf, c->sign = b[2].buf, c->values = b[3].buf, c->starts = b[4].buf;
    c->lengths = b[5].buf, c->below = b[6].buf, c->uses = b[7].buf, c->state = b[8].buf, c->words = b[9].buf;
    c->word_count = (size_t)b[9].len / 4, c->needed = 0, c->escape_bits = 0;
    return check_tables(c, entries);
}

/* (index, centre, sign, values, starts, lengths, below, uses, state, words) -> (status, escape bits, words needed) */
static PyObject *code_symbols(PyObject *args, const char *format, int writes) {
    Py_buffer b[10] = {{0}};
    Symbols c;
    int status = DONE;
    if (!PyArg_ParseTuple(args, format, &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &b[7], &b[8], &b[9]))
        return NULL;
    int right = check_symbols(&c, b);
    if (right && writes && c.state[2] > c.word_count) right = wrong("more words were written than there are");
    if (right) {
        Py_BEGIN_ALLOW_THREADS status = kernels->code(&c, writes);
        Py_END_ALLOW_THREADS
    }
    release(b, 10);
    if (!right) return NULL;
    if (status == NO_MEMORY) return PyErr_NoMemory();
    return Py_BuildValue("iKK", status, (unsigned long long)c.escape_bits, (unsigned long long)c.needed);
}

static PyObject *py_read(PyObject *self, PyObject *args) {
    (void)self;
    return code_symbols(args, "y*y*y*w*y*y*y*w*w*y*", 0);
}

static PyObject *py_write(PyObject *self, PyObject *args) {
    (void)self;
    return code_symbols(args, "y*y*y*y*y*y*y*w*w*w*", 1);
}

/* b: what is wanted, and the prediction, Y, U, V each. */
static int take_planes(Lacking *l, const Py_buffer *b) {
    if (l->height < 1 || l->width < 1 || l->height > 1 << 16 || l->width > 1 << 16) return wrong("a side is out of range");
    l->rows = (l->height + 15) / 16, l->columns = (l->width + 15) / 16;
    const int64_t luma = (int64_t)l->height * l->width;
    const int64_t chroma = (int64_t)((l->height + 1) / 2) * ((l->width + 1) / 2);
    for (int i = 0; i < 6; i++) {
        if (!holds(&b[i], i % 3 ? chroma : luma, 1, "a plane")) return 0;
        (i < 3 ? l->picture : l->prediction)[i % 3] = b[i].buf;
    }
    return 1;
}

/* (energies, y, u, v, the prediction's y, u, v, height, width) */
static PyObject *py_energies(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[7] = {{0}};
    Lacking l = {0};
    if (!PyArg_ParseTuple(args, "w*y*y*y*y*y*y*ii", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &l.height, &l.width))
        return NULL;
    int right = take_planes(&l, b + 1);
    l.count = (int64_t)l.rows * l.columns;
    right = right && holds(&b[0], l.count, 4, "energies");
    if (right) {
        l.energies = b[0].buf;
        Py_BEGIN_ALLOW_THREADS kernels->energies(&l);
        Py_END_ALLOW_THREADS
    }
    release(b, 7);
    if (!right) return NULL;
    Py_RETURN_NONE;
}

/* (levels, places, y, u, v, the prediction's y, u, v, height, width) */
static PyObject *py_residual(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[8] = {{0}};
    Lacking l = {0};
    if (!PyArg_ParseTuple(args, "w*y*y*y*y*y*y*y*ii", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &b[7], &l.height,
                          &l.width))
        return NULL;
    const int right = take_planes(&l, b + 2) && take_places(&l.places, &l.count, b + 1, (int64_t)l.rows * l.columns) &&
                      holds(&b[0], l.count * LACKING_CHANNELS, 8, "levels");
    if (right) {
        l.levels = b[0].buf;
        Py_BEGIN_ALLOW_THREADS kernels->residual(&l);
        Py_END_ALLOW_THREADS
    }
    release(b, 8);
    if (!right) return NULL;
    Py_RETURN_NONE;
}

/* b: symbols, gain, any, rows, index, real, worth, outward, starts, lengths, bits */
static int check_quantise(Quantise *d, const Py_buffer *b) {
    if (d->all < 1 || d->all > 4096 || d->first < 0 || d->channels < 1 || d->channels > d->all - d->first)
        return wrong("there are no such channels");
    const int64_t rows = b[6].len / 4, entries = b[10].len / 4;
    d->count = b[3].len / 8, d->tables = (int32_t)(b[9].len / 4);
    if (!(holds(&b[0], d->count * d->channels, 4, "symbols") && holds(&b[1], rows, 4, "gain") &&
          holds(&b[2], rows, 1, "any") && holds(&b[3], d->count, 8, "rows") &&
          holds(&b[4], d->count * d->channels, 4, "index") && holds(&b[5], rows * d->all, 4, "real") &&
          holds(&b[6], rows, 4, "worth") && holds(&b[7], d->all, 4, "outward") &&
          holds(&b[8], d->tables, 8, "starts") && holds(&b[9], d->tables, 4, "lengths") &&
          holds(&b[10], entries, 4, "bits")))
        return 0;
    d->symbols = b[0].buf, d->gain = b[1].buf, d->any = b[2].buf, d->rows = b[3].buf, d->index = b[4].buf;
    d->real = b[5].buf, d->worth = b[6].buf, d->outward = b[7].buf;
    d->starts = b[8].buf, d->lengths = b[9].buf, d->bits = b[10].buf;
    for (int64_t i = 0; i < d->count; i++)
        if (d->rows[i] < 0 || d->rows[i] >= rows) return wrong("there is no such row");
    for (int32_t t = 0; t < d->tables; t++)
        if (d->lengths[t] < 2 || d->starts[t] < 0 || d->starts[t] > entries - d->lengths[t])
            return wrong("a table lies outside of the entries");
    return 1;
}

/* (symbols, gain, any, rows, index, real, worth, outward, starts, lengths, bits, channels, first, all) */
static PyObject *py_quantise(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[11] = {{0}};
    Quantise d;
    int status = DONE;
    if (!PyArg_ParseTuple(args, "w*w*w*y*y*y*y*y*y*y*y*iii", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &b[7],
                          &b[8], &b[9], &b[10], &d.channels, &d.first, &d.all))
        return NULL;
    int right = check_quantise(&d, b);
    if (right) {
        Py_BEGIN_ALLOW_THREADS status = kernels->quantise(&d);
        Py_END_ALLOW_THREADS
        right = status == DONE || wrong("there is no such table");
    }
    release(b, 11);
    if (!right) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"best", py_best, METH_NOARGS, "The best set of instructions that this processor has."},
    {"use", py_use, METH_O, "Compute with a set of instructions from now on."},
    {"warp", py_warp, METH_VARARGS, "A plane moved along a field."},
    {"phases", py_phases, METH_VARARGS, "A plane at every fraction of a pel."},
    {"errors", py_errors, METH_VARARGS, "Errors of blocks."},
    {"choose", py_choose, METH_VARARGS, "A candidate taken where it is better."},
    {"decide", py_decide, METH_VARARGS, "A round of the decision of blocks."},
    {"block", py_block, METH_VARARGS, "A residual block."},
    {"layer", py_layer, METH_VARARGS, "A 1x1, 3x3 or 5x5 layer."},
    {"errors_of_both", py_errors_of_both, METH_VARARGS, "Errors of blocks with two references."},
    {"linear", py_linear, METH_VARARGS, "A product with weights of more than 8 bits."},
    {"energies", py_energies, METH_VARARGS, "Squared errors of a prediction, place by place."},
    {"residual", py_residual, METH_VARARGS, "What a prediction lacks at some places."},
    {"quantise", py_quantise, METH_VARARGS, "Symbols of the inter path by rate and distortion."},
    {"read", py_read, METH_VARARGS, "Symbols from the words of a range coder."},
    {"write", py_write, METH_VARARGS, "Symbols into the words of a range coder."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "lvcodec.native._kernels", "Compiled kernels.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernels(void) {
    use_level(best_level());
    return PyModule_Create(&definition);
}
