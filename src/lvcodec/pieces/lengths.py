"""How long pieces are: GOPs put together until a piece pays."""

from __future__ import annotations

from collections.abc import Iterable

# A machine needs seconds to begin with a piece, so one should take minutes: docs/cluster.md#how-many-workers-pay
PIECE_S = 12
LONGEST = 5  # times as long, at the most


def grouped(gops: Iterable[int], longest_gop: int, least: float) -> list[list[int]]:
    """GOPs, pictures of each, put together to pieces of `least` pictures or more, at most LONGEST times as many.

    A piece ends where a shot does, which is where a GOP is shorter than the longest; longest_gop: 0 for any GOP.
    """
    pieces: list[list[int]] = []
    for gop in gops:
        last = pieces[-1] if pieces else []
        is_cut = not longest_gop or (bool(last) and last[-1] < longest_gop)
        if not last or (sum(last) >= least and is_cut) or sum(last) + gop > LONGEST * least:
            pieces.append([gop])
        else:
            last.append(gop)
    return pieces
