/* The kernels in plain C, for any processor. */
#include "kernels.h"
#define LEVEL PORTABLE
#define NAME kernels_portable
#include "all.h"
