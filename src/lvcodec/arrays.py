"""Arrays by the type of their elements; what they hold, and in what shape, is said where they are used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]  # symbols, means in eighths of a step, levels, vectors
Indices = NDArray[np.intp]  # positions in another array
Floats = NDArray[np.float32]
Reals = NDArray[np.float64]
