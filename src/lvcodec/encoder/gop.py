"""What encoding does with one GOP: pictures in, coded pictures out. The unit of parallel work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

from lvcodec.codec.modes import State
from lvcodec.encoder.decisions import Decisions
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.picture import encode_picture
from lvcodec.video.picture import Picture


@dataclass(frozen=True)
class CodedPicture:
    """A picture's record to be, with the source and what the decoder will show."""

    source: Picture
    x_hat: Picture
    kind: str
    payload: bytes
    quality_index: int


@dataclass(frozen=True)
class GopEncoder:
    """How the pictures of a clip's GOPs are coded.

    net: for I-pictures; p_net: for the others; decisions: None where all are I-pictures; alpha: length of the shift.
    """

    net: EncoderNetwork
    p_net: EncoderNetwork
    decisions: Decisions | None
    alpha: Fraction

    def encode(self, pictures: Iterable[Picture]) -> Iterator[CodedPicture]:
        """Code the pictures of one GOP, each as soon as it comes."""
        state: State | None = None
        for picture in pictures:
            kind = "I" if state is None or self.decisions is None else "P"
            net = self.net if kind == "I" else self.p_net
            payload, state, _ = encode_picture(picture, state, net, self.decisions, self.alpha)
            yield CodedPicture(picture, state.x_hat, kind, payload, net.quality_index)


def gops(pictures: Iterable[Picture], length: int) -> Iterator[Iterator[Picture]]:
    """Runs of `length` pictures, each read as it is asked for; a run must be used up before the next."""
    source = iter(pictures)
    for first in source:

        def run(first: Picture = first) -> Iterator[Picture]:
            yield first
            yield from islice(source, length - 1)

        yield run()
