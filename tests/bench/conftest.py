"""Small pictures gain nothing from a second thread, and on a busy machine lose much."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
