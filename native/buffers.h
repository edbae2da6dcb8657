/* What Python's functions take: buffers, checked against sizes. */
#ifndef LVCODEC_BUFFERS_H
#define LVCODEC_BUFFERS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels.h"

extern const Kernels *kernels; /* those in use */

INLINE int wrong(const char *what) {
    PyErr_Format(PyExc_ValueError, "kernels: %s", what);
    return 0;
}

/* Whether a buffer holds exactly `count` items of `size` bytes, aligned to them. */
INLINE int holds(const Py_buffer *buffer, int64_t count, size_t size, const char *name) {
    if (count < 0 || count > INT64_MAX / 16 || buffer->len != (Py_ssize_t)(count * (int64_t)size)) {
        PyErr_Format(PyExc_ValueError, "kernels: %s has %zd bytes, not %lld items of %zu", name, buffer->len,
                     (long long)count, size);
        return 0;
    }
    if ((uintptr_t)buffer->buf % size) {
        PyErr_Format(PyExc_ValueError, "kernels: %s is not aligned", name);
        return 0;
    }
    return 1;
}

INLINE void release(Py_buffer *buffers, int count) {
    for (int i = 0; i < count; i++)
        if (buffers[i].obj) PyBuffer_Release(&buffers[i]);
}

INLINE int taps_are_small(const int16_t *taps, int steps, int count) {
    for (int i = 0; i < steps; i++) {
        int sum = 0;
        for (int k = 0; k < count; k++) sum += taps[i * count + k] < 0 ? -taps[i * count + k] : taps[i * count + k];
        if (sum > 128) return wrong("taps are too large for 16 bits");
    }
    return 1;
}

PyObject *py_phases(PyObject *self, PyObject *args);
PyObject *py_errors(PyObject *self, PyObject *args);
PyObject *py_errors_of_both(PyObject *self, PyObject *args);
PyObject *py_decide(PyObject *self, PyObject *args);
PyObject *py_choose(PyObject *self, PyObject *args);

#endif
