/* The kernels in plain C, for any processor. */
#include "kernels.h"
#define LVCODEC_LEVEL 0
#define NAME kernels_portable
#include "all.h"
