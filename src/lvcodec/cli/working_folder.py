"""A working folder that has been deleted: torch's mathematics would end the process when it is loaded there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from lvcodec.errors import InputError


class _RefuseTorch(MetaPathFinder):
    """Is asked before any module is loaded: only commands that compute load torch, others can go on."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "torch":
            raise InputError("the working folder has been deleted", "change to a folder that exists")
        return None


def refuse_torch_without_one() -> None:
    """Let loading torch raise InputError if there is no working folder."""
    try:
        os.getcwd()
    except OSError:
        sys.meta_path.insert(0, _RefuseTorch())
