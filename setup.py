"""The compiled kernels; all else stands in pyproject.toml. Without a compiler the install goes on without them."""

import os
import sys
import sysconfig
from glob import glob

from setuptools import Extension, setup

MINIMUM = (3, 11)  # the first Python whose stable ABI has buffers
# No product may be contracted with a sum, and no sum reordered (docs/determinism.md).
GNU = ["-std=gnu11", "-O3", "-ffp-contract=off", "-fno-fast-math", "-fvisibility=hidden", "-g0", "-Wall", "-Wextra"]
# Flags that win over those, for tests: CFLAGS, which may be set for anything, come before them.
GNU += os.environ.get("LVCODEC_CFLAGS", "").split()
# Pythons without the global lock have no stable ABI: there lvcodec goes without kernels. So does a wheel for all
# machines (`make wheels`). It is not LVCODEC_NATIVE, which says what is used of what is installed.
KERNELS = not sysconfig.get_config_var("Py_GIL_DISABLED") and not os.environ.get("LVCODEC_PURE")

setup(
    ext_modules=[
        Extension(
            "lvcodec.native._kernels",
            sources=sorted(glob("native/*.c")),
            depends=sorted(glob("native/*.h")),
            define_macros=[("Py_LIMITED_API", "0x{:02X}{:02X}0000".format(*MINIMUM))],
            extra_compile_args=["/std:c11", "/O2", "/fp:precise"] if sys.platform == "win32" else GNU,
            py_limited_api=True,
            optional=True,
        )
    ]
    if KERNELS
    else [],
    options={"bdist_wheel": {"py_limited_api": "cp{}{}".format(*MINIMUM)}} if KERNELS else {},
)
