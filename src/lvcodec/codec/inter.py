"""A P- or B-picture of swift's inter path: its symbols walked by either side, and what they make of a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Indices, Ints
from lvcodec.entropy.coder import Coder
from lvcodec.nets.coding import Planes
from lvcodec.nets.inter_coding import InterCoding
from lvcodec.nets.inter_context import (
    HEADS,
    History,
    InterContext,
    change_planes,
    context_planes,
    motion_features,
    together,
)
from lvcodec.video.picture import Picture

PATCH = 16  # luma pels of the side of a place


@dataclass(frozen=True, eq=False)
class InterReference:
    """What the inter path keeps of a decoded picture for those that refer to it.

    history: (M, H/16, W/16), None of an I-picture; quality_index: its own.
    """

    quality_index: int
    history: History | None = None

    @property
    def is_intra(self) -> bool:
        return self.history is None


def context_of(
    references: tuple[InterReference, InterReference],
    field: Ints,
    single: NDArray[np.bool_],
    coding: InterCoding,
    *,
    distance: int,
    b_picture: bool,
) -> InterContext:
    """What is known of a picture before its symbols are.

    references: a P-picture's one twice; field: (2, H/16, W/16), its motion; single: where a block of a B-picture has
    one reference alone; distance: in pictures, to the farther one.
    """
    shape = coding.model.shape.latent, *field.shape[1:]
    one, other = (np.zeros(shape, np.uint8) if r.history is None else r.history for r in references)
    index = coding.quality_index
    qualities = references[0].quality_index, references[1].quality_index
    intra = sum(reference.is_intra for reference in references)
    return InterContext(
        together(one, other),
        motion_features(field, single),
        context_planes(index, qualities, intra, distance, b_picture=b_picture),
        change_planes(index, b_picture=b_picture),
    )


class Chooser(Protocol):
    """What an encoder writes, asked as the tables become known."""

    def live(self, places: Indices, index: Ints) -> Ints:
        """1 for each place that is live, else 0; index: tables."""
        ...

    def symbols(self, number: int, places: Indices, index: Ints) -> Ints:
        """The symbols of a head's channels at live places; index: tables, (n, channels)."""
        ...


def code_inter(chooser: Chooser | None, context: InterContext, coding: InterCoding, coder: Coder) -> Ints:
    """Walk a picture's sub-streams: which places are live, then the symbols of those, head by head.

    chooser: what to write; None to read. Returns symbols, (places, M).
    """
    features = coding.features(context)
    channels, rows, columns = context.history.shape
    odd = (np.arange(rows)[:, None] + np.arange(columns)).ravel() % 2
    coder.begin("live")
    live = np.zeros(rows * columns, dtype=bool)
    for parity in (0, 1):
        places = np.flatnonzero(odd == parity)
        index = coding.live_levels(parity, features, live.reshape(rows, columns)).ravel()[places]
        live[places] = coder.code(chooser.live(places, index) if chooser else None, coding.tables["live"], index) != 0
    coder.begin("residual")
    symbols = np.zeros((rows * columns, channels), dtype=np.int32)
    sizes = np.zeros(symbols.shape, dtype=np.uint8)
    for number in range(HEADS):
        places = np.flatnonzero(live & (odd == number % 2))
        if places.size:
            index = coding.indices(number, features, live.reshape(rows, columns), sizes, places)
            values = chooser.symbols(number, places, index) if chooser else None
            coded = coder.code(values, coding.tables["inter"], index)
            group = coding.model.group(number)
            symbols[places, group], sizes[places, group] = coded, coding.sizes(coded)
    return symbols


def reconstruct_inter(prediction: Picture, symbols: Ints, context: InterContext, coding: InterCoding) -> Picture:
    """The picture of a prediction and symbols, (places, M)."""
    if not symbols.any():
        return prediction
    planes = coding.changed(padded_planes(prediction), symbols, context)
    cut = [
        np.ascontiguousarray(plane[0, 0, : own.shape[0], : own.shape[1]].cpu().numpy().astype(np.uint8))
        for plane, own in zip(planes, prediction.planes, strict=True)
    ]
    return Picture(*cut)


def padded_planes(picture: Picture) -> Planes:
    """Planes of bytes, gone on as their edges to whole places, (1, 1, H, W)."""
    import torch

    height, width = (-(-size // PATCH) * PATCH for size in picture.y.shape)
    y, u, v = (
        torch.from_numpy(
            np.pad(plane, ((0, height // part - plane.shape[0]), (0, width // part - plane.shape[1])), mode="edge")
        )[None, None]
        for plane, part in zip(picture.planes, (1, 2, 2), strict=True)
    )
    return y, u, v
