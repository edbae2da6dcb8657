"""The decision of symbols, each by itself: the nearest step, or the one beside it where that costs less.

    cost = bits + weight * (error of the latent, in steps)^2

The bits are those of the very table that the symbol will be coded with. It takes a few operations on the symbols that
are not at their table's centre, and costs the decoder nothing. encoder/refine.py goes further, and takes its time.
docs/decisions.md#the-nearest-symbol-or-the-one-beside-it has what it is worth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lvcodec.arrays import Ints, Reals
from lvcodec.codec.shift import shift_direction, shift_undo
from lvcodec.entropy.tables import TableSet, bits_of

Located = tuple[Ints, Ints, Ints]  # table number, centre and sign of each symbol, as Coder.code takes them


def decide(real: Reals, weights: Reals | None, tables: TableSet, located: Located) -> Ints:
    """Symbols of latents. All arrays have one shape.

    real: latents in steps; weights: bits for a squared step, or None for the nearest symbols. Beside the nearest is the
    one a step closer to its table's centre.
    """
    nearest: Ints = np.rint(real).astype(np.int32)
    if weights is None:
        return nearest
    other = nearest + np.sign(located[1] - nearest)
    return _cheaper(real, weights, tables, located, (nearest, nearest), (other, other))


def decide_shifted(real: Reals, weights: Reals | None, tables: TableSet, located: Located, mean8: Ints) -> Ints:
    """Symbols of residuals, shifted by one towards their means (eighths of a step); other arguments as for `decide`.

    A shift leaves one symbol for the three nearest the mean. A residual more than half a step from where the decoder
    puts that symbol is compared with the next one on its side, any other with the one closer to its table's centre.
    """
    y_res: Ints = np.rint(real).astype(np.int32)
    shifted = y_res - shift_direction(y_res, mean8)
    if weights is None:
        return shifted
    known = shifted + shift_undo(shifted, mean8)
    error = real - known
    away = np.where(np.abs(error) > 0.5, np.sign(error), 0).astype(np.int32)
    other = shifted + np.where(away != 0, away, np.sign(located[1] - shifted))
    return _cheaper(real, weights, tables, located, (shifted, known), (other, other + shift_undo(other, mean8)))


def _cheaper(
    real: Reals, weights: Reals, tables: TableSet, located: Located, first: tuple[Ints, Ints], second: tuple[Ints, Ints]
) -> Ints:
    """The cheaper of two symbols each; first, second: symbols, and the residuals that they stand for."""
    at = np.flatnonzero(first[0] != second[0])
    index, centre, sign = (part.ravel()[at] for part in located)
    latent, weight = real.ravel()[at], weights.flat[at]
    costs: list[Any] = []
    for symbols, known in (first, second):
        bits = bits_of(tables, index, centre, sign, symbols.ravel()[at])
        costs.append(bits + weight * np.square(latent - known.ravel()[at]))
    chosen = first[0].copy()
    taken = at[costs[1] < costs[0]]
    chosen.reshape(-1)[taken] = second[0].ravel()[taken]
    return chosen
