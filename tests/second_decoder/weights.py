"""A model's files: sections "The files of a model" and "The arrays"."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from .symbols import Ints, TableSet


class Weights:
    """A model's integers, checked against its hash. weights_id: 8 bytes, as in the header."""

    def __init__(self, folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self.family: str = manifest["family"]
        self.shape: dict[str, Any] = manifest["shape"]
        self.qualities: list[int] = manifest.get("qualities", [])
        self.arrays: dict[str, NDArray[Any]] = load_file(folder / "integers.safetensors")
        digest = self._hash()
        if digest.hex() != manifest["sha256"]:
            raise ValueError(f"{folder} does not hold what its manifest says")
        self.weights_id = digest[:8]
        self._sets: dict[str, TableSet] = {}

    def _hash(self) -> bytes:
        lines = f"{self.family}\n{json.dumps(self.shape, sort_keys=True)}\n"
        digest = hashlib.sha256(lines.encode("ascii"))
        for name in sorted(self.arrays):
            array = self.arrays[name]
            digest.update(f"{name} i{array.dtype.itemsize} {array.shape}\n".encode())
            digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return digest.digest()

    def layer(self, name: str) -> tuple[Ints, Ints, Ints]:
        """Weight, bias and shift of a layer, by its full name."""
        weight, bias, shift = (self.arrays[f"{name}.{part}"].astype(np.int64) for part in ("weight", "bias", "shift"))
        return weight, bias, shift

    def tables(self, name: str) -> TableSet:
        """A set of tables, by its full name."""
        if name not in self._sets:
            counts, lengths = self.arrays[f"{name}.counts"], self.arrays[f"{name}.lengths"]
            self._sets[name] = TableSet.split(counts, lengths, self.arrays.get(f"{name}.centres"))
        return self._sets[name]
