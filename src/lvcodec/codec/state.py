"""What the stream has told the decoder once a picture is known: all that later pictures may use of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from lvcodec.arrays import Ints
from lvcodec.codec.counts import Counts, Seen
from lvcodec.codec.later import Pixels, ready
from lvcodec.codec.motion import Motion
from lvcodec.nets.inter_context import History
from lvcodec.video.picture import Picture


@dataclass(frozen=True)
class State:
    """The state after a picture.

    pixels: as it is shown, now or later; quality_index: its own; y_hat: its latents, where they are whole steps;
    motion: where it has any, and span: the pictures that its vectors span; counts: what motion's tables have
    seen up to it since the I-picture, and seen: what they saw in it; history: of the inter path, None after an
    I-picture.
    """

    pixels: Pixels
    quality_index: int
    y_hat: Ints | None = None
    motion: Motion | None = None
    span: int = 1
    counts: Counts = dataclasses.field(default_factory=Counts.fresh)
    seen: Seen | None = None
    history: History | None = None

    @property
    def x_hat(self) -> Picture:
        """As it is shown, waited for."""
        return ready(self.pixels)
