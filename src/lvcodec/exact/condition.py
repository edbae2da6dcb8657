"""Whether a backend can be used."""

from __future__ import annotations

from enum import Enum


class Condition(Enum):
    """In words for people."""

    WORKS = "works"
    WRONG = "computes wrong, not used"
    ABSENT = "not available here, not used"
