/* The kernels for x86 processors with AVX2. */
#include "kernels.h"
#if LVCODEC_X86
#pragma GCC target("avx2")
#define LEVEL AVX2
#define NAME kernels_avx2
#include "all.h"
#endif
