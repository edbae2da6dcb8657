/* Functions for the encoder's search, as those of module.c. */
#include <math.h>

#include "buffers.h"

PyObject *py_phases(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[3] = {{0}};
    Phases p;
    if (!PyArg_ParseTuple(args, "w*y*y*iiiii", &b[0], &b[1], &b[2], &p.height, &p.width, &p.border, &p.steps, &p.count))
        return NULL;
    int right = (p.count == 8 && p.steps == 4) || (p.count == 4 && p.steps == 8) || wrong("taps of no known form");
    if (right && (p.height < 1 || p.width < 1 || p.border < 0 || p.border > 4096 || p.height > 1 << 16 || p.width > 1 << 16))
        right = wrong("a side is out of range");
    if (right) {
        const int64_t grown = (int64_t)(p.height + 2 * p.border) * (p.width + 2 * p.border);
        right = holds(&b[0], grown * p.steps * p.steps, 1, "shown") &&
                holds(&b[1], (int64_t)p.height * p.width, 1, "plane") &&
                holds(&b[2], (int64_t)p.steps * p.count, 2, "taps") && taps_are_small(b[2].buf, p.steps, p.count);
    }
    int status = DONE;
    if (right) {
        p.shown = b[0].buf, p.plane = b[1].buf, p.taps = b[2].buf;
        Py_BEGIN_ALLOW_THREADS status = kernels->phases(&p);
        Py_END_ALLOW_THREADS
    }
    release(b, 3);
    if (!right) return NULL;
    if (status == NO_MEMORY) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static int all_within(const Py_buffer *numbers, int32_t low, int32_t high, const char *what) {
    const int32_t *values = numbers->buf;
    for (Py_ssize_t i = 0; i < numbers->len / 4; i++)
        if (values[i] < low || values[i] > high) return wrong(what);
    return 1;
}

static int are_vectors(const Py_buffer *buffer, int64_t count, const char *name) {
    return holds(buffer, 2 * count, 4, name) && all_within(buffer, -MOST_VECTOR, MOST_VECTOR, "a vector is too long");
}

enum { ERRORS_BUFFERS = 6 };

/* A tuple: (seen, seen of a second reference or None, wanted, direct or None, known, found, height, width, border,
 * side, columns, pictures to the references before and after, price of one reference, where the logarithm begins) */
static int take_errors(Errors *e, PyObject *tuple, Py_buffer *b) {
    *e = (Errors){0};
    if (!PyArg_ParseTuple(tuple, "y*z*y*z*w*w*iiiiiiiff", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &e->height,
                          &e->width, &e->border, &e->side, &e->columns, &e->to_before, &e->to_after, &e->price, &e->mended))
        return 0;
    if (e->height < 16 || e->width < 16 || e->border < 0 || e->columns < 1 || e->height > 1 << 17 ||
        e->width > 1 << 17 || e->border > 4096 || e->to_before < 1 || e->to_after < 1 || e->to_before > 1 << 16 ||
        e->to_after > 1 << 16 || !(e->mended > 0) || !isfinite(e->mended) || !isfinite(e->price))
        return wrong("a size is out of range");
    if (e->side != 16 && e->side != 8) return wrong("blocks of no known size");
    const int64_t planes = (int64_t)16 * e->height * e->width;
    e->block_count = b[2].len / (e->side * e->side);
    if (e->block_count > INT32_MAX / 16) return wrong("too many blocks");
    if (!(holds(&b[0], planes, 1, "seen") && holds(&b[2], e->block_count * e->side * e->side, 1, "wanted") &&
          holds(&b[4], e->block_count * SLOTS * SLOTS, 4, "known") &&
          holds(&b[5], e->block_count * SLOTS * SLOTS, 4, "found")))
        return 0;
    if (!b[1].obj != !b[3].obj) return wrong("a second reference without temporal direct, or the other way round");
    if (b[1].obj && !(holds(&b[1], planes, 1, "the second seen") && are_vectors(&b[3], e->block_count, "direct")))
        return 0;
    e->seen = b[0].buf, e->others_seen = b[1].buf, e->wanted = b[2].buf, e->direct = b[3].buf;
    e->known = b[4].buf, e->found = b[5].buf;
    return 1;
}

/* (errors, vectors, blocks, what they are compared with) */
static PyObject *run_errors(PyObject *args, int rows) {
    Py_buffer b[3 + ERRORS_BUFFERS] = {{0}};
    PyObject *tuple;
    Errors e;
    Pairs p;
    if (!PyArg_ParseTuple(args, "w*y*y*O!", &b[0], &b[1], &b[2], &PyTuple_Type, &tuple)) return NULL;
    p.count = b[2].len / 8;
    int right = take_errors(&e, tuple, b + 3) && holds(&b[0], rows * p.count, 4, "errors") &&
                are_vectors(&b[1], p.count, "vectors") && holds(&b[2], p.count, 8, "blocks");
    if (right && rows == 3 && !e.direct) right = wrong("there is one reference");
    if (right) {
        p.errors = b[0].buf, p.vectors = b[1].buf, p.blocks = b[2].buf;
        for (int64_t i = 0; right && i < p.count; i++)
            if (p.blocks[i] < 0 || p.blocks[i] >= e.block_count) right = wrong("there is no such block");
    }
    if (right) {
        Py_BEGIN_ALLOW_THREADS(rows == 3 ? kernels->errors_of_both : kernels->errors)(&e, &p);
        Py_END_ALLOW_THREADS
    }
    release(b, 3 + ERRORS_BUFFERS);
    if (!right) return NULL;
    Py_RETURN_NONE;
}

PyObject *py_errors(PyObject *self, PyObject *args) {
    (void)self;
    return run_errors(args, 1);
}

PyObject *py_errors_of_both(PyObject *self, PyObject *args) {
    (void)self;
    return run_errors(args, 3);
}

/* b: new vectors, new leaves, vectors, leaves, predicted, errors as predicted, one, other, level, kinds, flags,
 * differences, steps. */
static int check_tree(Tree *t, const Py_buffer *b, const Errors *e) {
    if (t->rows < 1 || t->columns < 1 || (int64_t)t->rows * t->columns != e->block_count || t->columns != e->columns)
        return wrong("the tree is not of the blocks that are compared");
    if (t->sizes < 2 || t->sizes > MOST_SIZES) return wrong("a tree of too few sizes, or too many");
    const int64_t places = e->block_count;
    const int32_t last = (int32_t)places - 1;
    const int contexts = (MOST_SIZES + 1) * PATTERNS;
    t->step_count = (int)(b[12].len / 8 > MOST_STEPS ? MOST_STEPS : b[12].len / 8);
    if (!(holds(&b[0], 2 * places, 4, "new vectors") && holds(&b[1], places, 4, "new leaves") &&
          are_vectors(&b[2], places, "vectors") && holds(&b[3], places, 4, "leaves") &&
          are_vectors(&b[4], places, "predicted") && holds(&b[5], places, 4, "errors as predicted") &&
          holds(&b[6], places, 4, "one") && all_within(&b[6], 0, last, "there is no such place") &&
          holds(&b[7], places, 4, "other") && all_within(&b[7], 0, last, "there is no such place") &&
          holds(&b[8], places, 4, "level") && all_within(&b[8], 0, t->sizes, "there is no such level") &&
          holds(&b[9], contexts * KINDS, 4, "kinds") && holds(&b[10], (MOST_SIZES - 1) * 15 * FLAGS, 4, "flags") &&
          holds(&b[11], 4 * SPREADS * CLASSES, 4, "differences") && are_vectors(&b[12], t->step_count, "steps")))
        return 0;
    for (int64_t i = 0; i < places; i++) {
        const int32_t leaf = ((const int32_t *)b[3].buf)[i];
        if (leaf < 1 || leaf >= 1 << t->sizes || leaf & (leaf - 1)) return wrong("a leaf of no known size");
    }
    return 1;
}

/* (those of check_tree, rows, columns, sizes, price, later, what blocks are compared with) */
PyObject *py_decide(PyObject *self, PyObject *args) {
    (void)self;
    enum { OWN = 13 };
    Py_buffer b[OWN + ERRORS_BUFFERS] = {{0}};
    PyObject *tuple;
    Errors e;
    Tree t = {0};
    if (!PyArg_ParseTuple(args, "w*w*y*y*y*y*y*y*y*y*y*y*y*iiiffO!", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &b[7],
                          &b[8], &b[9], &b[10], &b[11], &b[12], &t.rows, &t.columns, &t.sizes, &t.price, &t.later, &PyTuple_Type,
                          &tuple))
        return NULL;
    const int right = take_errors(&e, tuple, b + OWN) && check_tree(&t, b, &e);
    int status = DONE;
    if (right) {
        t.new_vectors = b[0].buf, t.new_leaves = b[1].buf, t.vectors = b[2].buf, t.leaves = b[3].buf;
        t.predicted = b[4].buf, t.as_predicted = b[5].buf, t.one = b[6].buf, t.other = b[7].buf, t.level = b[8].buf;
        t.kinds = b[9].buf, t.flags = b[10].buf, t.differences = b[11].buf, t.steps = b[12].buf;
        Py_BEGIN_ALLOW_THREADS status = kernels->decide(&e, &t);
        Py_END_ALLOW_THREADS
    }
    release(b, OWN + ERRORS_BUFFERS);
    if (!right) return NULL;
    if (status == NO_MEMORY) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

/* (field, errors, candidate, the candidate's errors, octaves, rows, columns, side, price) */
PyObject *py_choose(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[5] = {{0}};
    Choice c;
    if (!PyArg_ParseTuple(args, "w*w*y*y*y*iiif", &b[0], &b[1], &b[2], &b[3], &b[4], &c.rows, &c.columns, &c.side,
                          &c.price))
        return NULL;
    int right = (c.rows >= 1 && c.columns >= 1 && c.side >= 1 && c.side <= 64 && c.rows <= 1 << 16 &&
                 c.columns <= 1 << 16 && (int64_t)c.rows * c.columns <= INT32_MAX / 16) ||
                wrong("a size is out of range");
    if (right) {
        const int64_t count = (int64_t)c.rows * c.columns;
        right = are_vectors(&b[0], count, "field") && holds(&b[1], count, 4, "errors") &&
                are_vectors(&b[2], count, "candidate") && holds(&b[3], count, 4, "the candidate's errors") &&
                holds(&b[4], 4 * MOST_VECTOR + 1, 4, "octaves");
    }
    int status = DONE;
    if (right) {
        c.field = b[0].buf, c.errors = b[1].buf, c.candidate = b[2].buf, c.candidates_errors = b[3].buf;
        c.octaves = b[4].buf;
        Py_BEGIN_ALLOW_THREADS status = kernels->choose(&c);
        Py_END_ALLOW_THREADS
    }
    release(b, 5);
    if (!right) return NULL;
    if (status == NO_MEMORY) return PyErr_NoMemory();
    Py_RETURN_NONE;
}
