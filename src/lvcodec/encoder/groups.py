"""Groups of pictures, coded: an I-picture alone, a chain of P-pictures, a pyramid of B-pictures.

structure, pictures, state ─► picture after picture, in the order of coding ─► payloads, what the decoder shows
                                                                       └─────► state after the last one shown
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lvcodec.codec.prediction import after_group
from lvcodec.codec.state import State
from lvcodec.encoder.decisions import Decisions
from lvcodec.encoder.distortion import PLANES
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.encoder.picture import encode_intra, encode_predicted
from lvcodec.exact.loaded import without_gradients
from lvcodec.stream.container import StreamWriter
from lvcodec.stream.records import planes_checksum
from lvcodec.stream.structure import Step, Structure
from lvcodec.video.picture import Picture

GROUP_BYTES, PICTURE_BYTES = 6, 4  # of a record, over its payloads

SideBySide = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]  # as `map`, or several at a time


@dataclass(frozen=True)
class CodedPicture:
    """A coded picture, with the source and what the decoder will show."""

    source: Picture
    x_hat: Picture
    payload: bytes
    quality_index: int

    def squared_error(self) -> float:
        """Mean squared error in levels, planes 6:1:1."""
        pairs = zip(PLANES, self.source.planes, self.x_hat.planes, strict=True)
        return sum(
            weight * float(np.square(np.subtract(plane, shown, dtype=np.int32)).mean(dtype=np.float64))
            for weight, plane, shown in pairs
        )


@dataclass(frozen=True)
class CodedGroup:
    """A group's record to be: its pictures in the order of coding; structure: None for an I-picture alone.

    begins_gop: whether a GOP's pictures begin with it; in mode "intra" not all I-pictures do.
    """

    structure: Structure | None
    pictures: tuple[CodedPicture, ...]
    begins_gop: bool = False

    @property
    def shown(self) -> list[CodedPicture]:
        """The pictures in the order of display."""
        if self.structure is None:
            return list(self.pictures)
        placed = zip(self.structure.steps, self.pictures, strict=True)
        return [picture for _, picture in sorted(placed, key=lambda pair: pair[0].at)]

    @property
    def size_bytes(self) -> int:
        """Of its record, about."""
        return GROUP_BYTES + sum(PICTURE_BYTES + len(picture.payload) for picture in self.pictures)


@dataclass(frozen=True)
class GroupCoder:
    """How the groups of a clip are coded.

    nets: of I-pictures and of the pictures of layer 0, then of those of layers 1, 2, ...; decisions: None where all are
    I-pictures; two_steps: whether the mode's I-pictures may take two.
    """

    nets: tuple[EncoderNetwork, ...]
    decisions: Decisions | None
    two_steps: bool

    def intra(self, picture: Picture) -> tuple[CodedGroup, State]:
        """An I-picture."""
        net = self.nets[0]
        payload, state, _ = encode_intra(picture, net, two_steps=self.two_steps)
        return CodedGroup(None, (CodedPicture(picture, state.x_hat, payload, net.quality_index),)), state

    def group(
        self, structure: Structure, pictures: Sequence[Picture], before: State, side_by_side: SideBySide = map
    ) -> tuple[CodedGroup, State]:
        """A group of as many pictures as its structure has; before: the state after the picture shown last.

        side_by_side: codes pictures that do not refer to each other.
        """
        if self.decisions is None:
            raise ValueError("the mode has I-pictures only")
        decisions = self.decisions.where(structure.shift)
        states, coded = {0: before}, {}

        def code(step: Step) -> tuple[bytes, State]:
            references = tuple(states[at] for at in step.references)
            with without_gradients():  # it is a thread's own
                return encode_predicted(
                    pictures[step.at - 1], references, step, self.nets[step.layer], decisions, structure.alpha
                )[:2]

        left = list(structure.steps)
        while left:
            ready = [step for step in left if states.keys() >= set(step.references)]
            for step, (payload, state) in zip(ready, side_by_side(code, ready), strict=True):
                states[step.at] = state
                net = self.nets[step.layer]
                coded[step] = CodedPicture(pictures[step.at - 1], state.x_hat, payload, net.quality_index)
            left = [step for step in left if step not in coded]
        seen = [states[step.at].seen for step in structure.steps]
        group = CodedGroup(structure, tuple(coded[step] for step in structure.steps))
        return group, after_group(structure, states[structure.pictures], before.counts, seen)


def write_group(writer: StreamWriter, group: CodedGroup) -> int:
    """Append a group to a stream. Returns the bytes of its record."""
    before = writer.size_bytes
    pictures = [(coded.payload, planes_checksum(coded.x_hat)) for coded in group.pictures]
    qualities = [coded.quality_index for coded in group.pictures]
    if group.structure is None:
        writer.intra(*pictures[0], qualities[0])
    else:
        writer.group(group.structure, pictures, qualities)
    return writer.size_bytes - before
