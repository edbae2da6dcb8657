/* The body of portable.c, avx2.c and avx512.c, which say NAME, and the compiler which instructions it may use. */
#include "coder.h"
#include "warp.h"
#include "errors.h"
#include "tree.h"
#include "smooth.h"
#include "products.h"
#include "linear.h"
#include "residual.h"

const Kernels NAME = {
    .warp = warp,
    .block = block,
    .layer = layer,
    .linear = linear,
    .phases = phases,
    .errors = errors,
    .errors_of_both = errors_of_both,
    .decide = decide,
    .choose = choose,
    .code = code,
    .energies = energies,
    .residual = residual,
    .quantise = quantise,
};
