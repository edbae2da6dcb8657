"""A picture of swift's inter path: its symbols walked by either side, and what they make of a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Indices, Ints
from lvcodec.codec.network import cropped, padded_planes
from lvcodec.entropy.coder import Coder
from lvcodec.nets.coding import InterPath
from lvcodec.nets.inter_context import (
    HEADS,
    POSITION,
    History,
    InterContext,
    change_planes,
    context_planes,
    group_of,
    is_even,
    sizes_of,
    together,
)
from lvcodec.video.picture import Picture


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
    motion: Ints,
    coding: InterPath,
    *,
    distance: int,
    b_picture: bool,
) -> InterContext:
    """What is known of a picture before its symbols are.

    references: a P-picture's one twice; motion: its features, (MOTION_FEATURES, H/16, W/16); distance: in pictures, to
    the farther one.
    """
    nothing = np.zeros((*motion.shape[1:], coding.shape.latent), np.uint8).transpose(2, 0, 1)
    one, other = (nothing if reference.history is None else reference.history for reference in references)
    index = coding.quality_index
    qualities = references[0].quality_index, references[1].quality_index
    intra = sum(reference.is_intra for reference in references)
    return InterContext(
        together(one, other),
        motion,
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


def code_inter(
    chooser: Chooser | None, context: InterContext, coding: InterPath, coder: Coder, features: Any = None
) -> Ints:
    """Walk a picture's sub-streams: which places are live, then the symbols of those, head by head.

    chooser: what to write; None to read. features: the entropy model's of the context, where they are known already.
    Returns symbols, (places, M).
    """
    features = coding.features(context) if features is None else features
    channels, rows, columns = context.history.shape
    odd = ~is_even(rows, columns).ravel()
    coder.begin("live")
    live = np.zeros(rows * columns, dtype=bool)
    for parity in (0, 1):
        places = np.flatnonzero(odd == parity)
        index = coding.live_levels(parity, features, live.reshape(rows, columns), places)
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
            group = group_of(number, coding.shape)
            symbols[places, group], sizes[places, group] = coded, sizes_of(coded)
    return symbols


def reconstruct_inter(prediction: Picture, symbols: Ints, context: InterContext, coding: InterPath) -> Picture:
    """The picture of a prediction and symbols, (places, M)."""
    if not symbols.any():
        return prediction
    planes = coding.changed(padded_to_places(prediction), symbols, context)
    return cropped(planes, prediction.height, prediction.width)


def padded_to_places(picture: Picture) -> tuple[NDArray[np.uint8], ...]:
    """Planes of bytes, gone on as their edges to whole places, (1, 1, H, W)."""
    height, width = (-(-size // POSITION) * POSITION for size in picture.y.shape)
    return padded_planes(picture, height, width)
