/* The kernels for x86 processors with AVX2. */
#include "kernels.h"
#if LVCODEC_X86
#pragma GCC target("avx2")
#define LVCODEC_LEVEL 1
#define NAME kernels_avx2
#include "all.h"
#endif
