"""What encoding does with one GOP: pictures in, coded groups out. The unit of parallel work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from lvcodec.codec.modes import State
from lvcodec.encoder.decisions import Decisions
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.picture import encode_picture
from lvcodec.encoder.scenes import Marked
from lvcodec.stream.structure import Structure
from lvcodec.video.picture import Picture


@dataclass(frozen=True)
class CodedPicture:
    """A coded picture, with the source and what the decoder will show."""

    source: Picture
    x_hat: Picture
    payload: bytes
    quality_index: int


@dataclass(frozen=True)
class CodedGroup:
    """A group's record to be: its pictures in the order of coding; structure: None for an I-picture alone."""

    structure: Structure | None
    pictures: tuple[CodedPicture, ...]

    @property
    def shown(self) -> list[CodedPicture]:
        """The pictures in the order of display."""
        if self.structure is None:
            return list(self.pictures)
        placed = zip(self.structure.steps, self.pictures, strict=True)
        return [picture for _, picture in sorted(placed, key=lambda pair: pair[0].at)]


@dataclass(frozen=True)
class GopEncoder:
    """How the pictures of a clip's GOPs are coded.

    net: for I-pictures and key pictures; p_net: for the other P-pictures; decisions: None where all are I-pictures;
    alpha: length of the shift. group: most pictures of a group; key_every: so many pictures from the I-picture to the
    first key picture and from one to the next, with which groups begin; 0: there are none.
    """

    net: EncoderNetwork
    p_net: EncoderNetwork
    decisions: Decisions | None
    alpha: Fraction
    group: int = 1
    key_every: int = 0

    def encode(self, pictures: Iterable[Picture]) -> Iterator[CodedGroup]:
        """Code the pictures of one GOP, each group as soon as its last picture comes.

        An exception comes after all pictures that were coded before it.
        """
        state: State | None = None
        chain: list[CodedPicture] = []
        number = 0
        try:
            for number, picture in enumerate(pictures):
                if state is None or self.decisions is None:
                    coded, state = self._code(picture, None, self.net)
                    yield CodedGroup(None, (coded,))
                    continue
                coded, state = self._code(picture, state, self.net if self._is_key(number) else self.p_net)
                chain.append(coded)
                if len(chain) == self.group or self._is_key(number + 1):
                    yield self._group(chain, number)
                    chain = []
        except Exception:
            if chain:
                yield self._group(chain, number)
            raise
        if chain:
            yield self._group(chain, number)

    def _group(self, chain: list[CodedPicture], last: int) -> CodedGroup:
        """The group of P-pictures up to that of number `last`."""
        return CodedGroup(Structure(len(chain), key=self._is_key(last + 1 - len(chain))), tuple(chain))

    def _code(self, picture: Picture, state: State | None, net: EncoderNetwork) -> tuple[CodedPicture, State]:
        payload, after, _ = encode_picture(picture, state, net, self.decisions, self.alpha)
        return CodedPicture(picture, after.x_hat, payload, net.quality_index), after

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
