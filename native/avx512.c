/* The kernels for x86 processors with AVX-512 and its products of bytes (VNNI). */
#include "kernels.h"
#if LVCODEC_X86
#pragma GCC target("avx2,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
#define LVCODEC_LEVEL 2
#define NAME kernels_avx512
#include "all.h"
#endif
