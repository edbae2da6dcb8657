"""What encoding does with one GOP: pictures in, coded pictures out. The unit of parallel work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from lvcodec.codec.modes import State
from lvcodec.encoder.decisions import Decisions
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.picture import encode_picture
from lvcodec.encoder.scenes import Marked
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

    net: for I-pictures and key pictures; p_net: for the other P-pictures; key_every: every so many-th P-picture is a
    key picture, 0 for none; decisions: None where all are I-pictures; alpha: length of the shift.
    """

    net: EncoderNetwork
    p_net: EncoderNetwork
    decisions: Decisions | None
    alpha: Fraction
    key_every: int = 0

    def encode(self, pictures: Iterable[Picture]) -> Iterator[CodedPicture]:
        """Code the pictures of one GOP, each as soon as it comes."""
        state: State | None = None
        for number, picture in enumerate(pictures):
            kind = "I" if state is None or self.decisions is None else "P"
            net = self.net if kind == "I" or self._is_key(number) else self.p_net
            payload, state, _ = encode_picture(picture, state, net, self.decisions, self.alpha)
            yield CodedPicture(picture, state.x_hat, kind, payload, net.quality_index)

    def _is_key(self, number: int) -> bool:
        """Whether the P-picture so far from its I-picture is a key picture."""
        return self.key_every > 0 and number % self.key_every == 0


def gops(pictures: Iterable[Marked], longest: int) -> Iterator[Iterator[Picture]]:
    """Runs of at most `longest` pictures, a new one at every cut; a run must be used up before the next.

    A picture is read when the one before it has been taken and the next is asked for, not sooner.
    """
    source = iter(pictures)
    following = next(source, None)
    while following is not None:

        def gop() -> Iterator[Picture]:
            nonlocal following
            count = 0
            while following is not None and not (count and (following.is_cut or count == longest)):
                yield following.picture
                following, count = next(source, None), count + 1

        yield gop()
