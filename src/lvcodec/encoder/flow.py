"""Dense optical flow, by OpenCV: for the search for motion and for scene cuts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Floats

SMALLEST = 16  # luma pels of a side that it needs


def optical_flow(y: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Floats:
    """(H, W, 2): where each pel of y, (H, W), is in the reference, in pels, horizontal part first."""
    import cv2

    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    flow = method.calc(y, reference, None)  # type: ignore[call-overload]  # None: no first guess
    return np.asarray(flow, dtype=np.float32)
