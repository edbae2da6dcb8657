"""From a payload to integers: sections "Tables", "One call" and "What a payload holds"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from entropy.judge import RangeDecoder, decode_call
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TableSet:
    """Counts of each table; of hyper-latents, also the centre of each channel, (C,)."""

    tables: list[list[int]]
    centres: Ints | None

    @classmethod
    def split(cls, counts: NDArray[Any], lengths: NDArray[Any], centres: NDArray[Any] | None) -> TableSet:
        """The tables that lie end to end in `counts`."""
        ends = np.cumsum(lengths, dtype=np.int64)
        tables = [counts[end - length : end].tolist() for end, length in zip(ends, lengths, strict=True)]
        return cls(tables, None if centres is None else centres.astype(np.int64))


def read_hyper(coder: RangeDecoder, tables: TableSet, rows: int, columns: int) -> Ints:
    """One call of a hyper-latent, (C, rows, columns): a table and a centre a channel, sign +1."""
    if tables.centres is None:
        raise ValueError("tables of a hyper-latent need centres")
    shape = len(tables.centres), rows, columns
    index = np.broadcast_to(np.arange(shape[0])[:, None, None], shape)
    offsets = decode_call(coder, tables.tables, index.ravel().tolist())
    return np.array(offsets, dtype=np.int64).reshape(shape) + tables.centres[:, None, None]


def read_latents(coder: RangeDecoder, tables: TableSet, mean8: Ints, level: Ints) -> Ints:
    """One call of latents or residuals with these means, in eighths, and levels; of their shape."""
    centre = (mean8 + 4) // 8
    fraction = mean8 - 8 * centre
    sign = np.where(fraction < 0, -1, 1)
    index = 5 * level + np.abs(fraction)
    offsets = decode_call(coder, tables.tables, index.ravel().tolist())
    return sign * np.array(offsets, dtype=np.int64).reshape(mean8.shape) + centre
