"""From a stream to pictures: section "What a payload holds", from the calls of a payload to "Pictures"."""

from __future__ import annotations

import dataclasses
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from entropy.judge import RangeDecoder
from numpy.typing import NDArray

from .cheng2020 import Cheng2020
from .container import Header, Record, expect, read_stream
from .inter import InterPath, Known, motion_of, planes_of, remembered, together
from .motion import Counts, after, aligned_planes, both_planes, first_counts, read_motion, scaled
from .swift import Swift
from .symbols import Ints, read_hyper, read_latents
from .weights import Weights

Planes = list[NDArray[np.uint8]]
FAMILIES = {1: ("swift", Swift), 2: ("cheng2020", Cheng2020)}
INTRA, LDS, ALIGNED = 0, 2, 3


@dataclass(frozen=True)
class Decoded:
    """A decoded picture: its record, and Y, U, V without padding."""

    record: Record
    planes: Planes


@dataclass(frozen=True)
class State:
    """Section "State and reference": a picture and its quality, and its latents, or its field, over how many pictures
    that is, the counts of motion after it, what was counted in it, and its history, where it has such."""

    x_hat: Planes
    quality: int
    y_hat: Ints | None = None
    field: Ints | None = None
    span: int = 1
    counts: Counts = dataclasses.field(default_factory=first_counts)
    seen: Counts | None = None
    history: Ints | None = None


def decode(stream: bytes, model: Path) -> Iterator[Decoded]:
    """The pictures of a whole stream in the order of display, by the model in a folder. Their checksums are left to the
    caller."""
    header, records = read_stream(stream)
    weights = Weights(model)
    family, networks = FAMILIES[header.family]
    expect(weights.weights_id == header.weights_id and weights.family == family, "the stream has other weights")
    expect(header.mode != ALIGNED or "steps.inter.inverse" in weights.arrays, "weights without an inter path")
    qualities = len(weights.arrays["steps.gain"]) if family == "swift" else 161
    states: dict[int, State] = {}
    side = 16
    for _, group in groupby(records, key=lambda record: record.group):
        decoded: list[Decoded] = []
        counts = states[max(states)].counts if states else first_counts()
        for record in group:
            expect(record.quality < qualities, "the weights have no such quality")
            two_steps = takes_two_steps(record, header, weights)
            quality = 50 if two_steps else record.quality
            payload = Payload(record.payload, weights, networks(weights, quality), header, quality)
            if record.kind == "I":
                side = 8 if record.quality >= 100 else 16
                state = payload.two_steps(record.quality) if two_steps else payload.intra()
            elif header.mode == ALIGNED:
                parent = max(record.references, key=list(states).index)  # the one that was decoded last
                state = payload.aligned(record, states, states[parent], side)
            else:
                before = states[record.references[0]]
                shifted = header.mode == LDS and record.alpha > 0
                if shifted:
                    state = payload.lds(before, half=record.alpha < 1, kept=record.kept)
                else:
                    state = payload.mfvc(before)
            states[record.number] = state
            decoded.append(Decoded(record, state.x_hat))
        yield from sorted(decoded, key=lambda picture: picture.record.number)
        last = max(states)  # the next group refers to the picture that is shown last
        if decoded[0].record.number > decoded[-1].record.number:  # a pyramid
            seen = [states[picture.record.number].seen or [] for picture in decoded]
            sums = [[sum(times) for times in zip(*rows, strict=True)] for rows in zip(*seen, strict=True)]
            states[last] = replace(states[last], counts=after(counts, sums))
        states = {last: states[last]}


def takes_two_steps(record: Record, header: Header, weights: Weights) -> bool:
    """Section "I-pictures in two steps": whether a picture is one."""
    has_path = "steps.inter.inverse" in weights.arrays
    return has_path and record.kind == "I" and header.mode in (INTRA, ALIGNED) and record.quality > 80


def checksum_of(planes: Planes) -> int:
    """Section "Group": the checksum of decoded planes."""
    height, width = planes[0].shape
    return zlib.crc32(struct.pack("<II", width, height) + b"".join(plane.tobytes() for plane in planes)) % 2**16


class Payload:
    """One picture's sub-streams, read in their order, and what is made of them."""

    def __init__(
        self, data: bytes, weights: Weights, networks: Swift | Cheng2020, header: Header, quality: int
    ) -> None:
        self.coder, self.weights, self.networks = RangeDecoder(data), weights, networks
        self.header, self.quality = header, quality
        self.rows, self.columns = (-(-side // 64) * 4 for side in (header.height, header.width))  # h and w

    def hyper(self, name: str) -> Ints:
        return read_hyper(self.coder, self.networks.tables(name), self.rows // 4, self.columns // 4)

    def latents(self, tables: str, mean8: Ints, level: Ints) -> Ints:
        return read_latents(self.coder, self.networks.tables(tables), mean8, level)

    def intra(self) -> State:
        """An I-picture: z, then y in passes."""
        z = self.hyper("z_intra")
        y_hat = np.zeros((self.networks.channels, self.rows, self.columns), dtype=np.int64)
        for mask, mean8, level in self.networks.passes(z, y_hat):
            y_hat[mask] = self.latents("gaussian", mean8, level)
        return State(self.decoded(y_hat), self.quality, y_hat)

    def two_steps(self, quality: int) -> State:
        """Section "I-pictures in two steps": the first of this quality, then the second. quality: the picture's."""
        first = self.intra()
        size = -(-self.header.height // 16), -(-self.header.width // 16)
        path = InterPath(self.weights, quality + 40)
        nothing = np.zeros((path.channels, *size), dtype=np.int64)
        motion = motion_of(np.zeros((2, *size), dtype=np.int64), np.zeros(size, dtype=bool), 16)
        known = Known(nothing, motion, planes_of(path.quality, 2 * self.quality, 2, 0, is_b=False), is_b=False)
        symbols = path.read(self.coder, known)
        return State(self.shown(path.shown(self.padded(first.x_hat, 16), symbols, known)), quality)

    def mfvc(self, before: State) -> State:
        """Section "mfvc"."""
        y_ref = self.reference(before)
        mean8, level = self.networks.prior(self.hyper("z_p"), self.networks.units(y_ref))
        y_hat = y_ref + self.latents("laplace", mean8, level)
        return State(self.decoded(y_hat), self.quality, y_hat)

    def lds(self, before: State, *, half: bool, kept: bool) -> State:
        """Section "lds"."""
        y_ref = self.reference(before)
        u_ref = self.networks.units(y_ref)
        mean8, level = self.networks.prior(self.hyper("z_p"), u_ref)
        v = self.latents("laplace" if half else "laplace_shifted", mean8, level)
        apart = 8 * v - mean8
        direction = np.where(np.abs(apart) < 4, 0, np.sign(apart))
        y_shift: NDArray[Any] = v - direction / 2 if half else v
        undo = direction / 2 if half else np.where(np.abs(apart) == 4, -direction, direction)
        change = self.networks.change(self.hyper("z_bfd"), y_shift, undo, u_ref)
        told = y_ref + (y_shift + undo).astype(np.int64) if kept else None
        return State(self.decoded(y_ref + change), self.quality, told)

    def aligned(self, record: Record, states: dict[int, State], parent: State, side: int) -> State:
        """Section "aligned". side: T."""
        size, places = ((-(-self.header.height // each), -(-self.header.width // each)) for each in (side, 16))
        distances = [abs(record.number - number) for number in record.references]
        span, is_b = max(distances), len(distances) == 2
        predicted = np.zeros((2, *size), dtype=np.int64)
        if parent.field is not None:
            predicted = scaled(parent.field, span, parent.span)
        found = read_motion(self.coder, predicted, side, parent.counts, two=is_b)
        references = [states[number] for number in record.references]
        if is_b:
            planes = both_planes(*(reference.x_hat for reference in references), found, side, *distances)
        else:
            planes = aligned_planes(references[0].x_hat, found.field, side)
        path = InterPath(self.weights, self.quality)
        one, other = references[0], references[-1]  # a P-picture's one, twice
        before = together(one.history, other.history, (path.channels, *places))
        single = np.zeros(size, dtype=bool) if found.direction is None else found.direction != 0
        intra = sum(state.history is None for state in (one, other))
        known = Known(
            before,
            motion_of(found.field, single, side),
            planes_of(self.quality, one.quality + other.quality, intra, span, is_b=is_b),
            is_b,
        )
        symbols = path.read(self.coder, known)
        made = path.shown(self.padded(planes, 16), symbols, known)
        return State(
            self.shown(made),
            self.quality,
            field=found.field,
            span=span,
            counts=found.counts,
            seen=found.seen,
            history=remembered(before, symbols),
        )

    def reference(self, before: State) -> Ints:
        """Section "State and reference": y_ref; of the padded picture where there are no latents of this quality."""
        if before.y_hat is not None and before.quality == self.quality:
            return before.y_hat
        return self.networks.analyse(self.padded(before.x_hat))

    def padded(self, planes: Planes, unit: int = 64) -> list[Ints]:
        """Section "Pictures": what U_ENC sees of a picture, and of multiples of 16 what the inter path sees of it."""
        height, width = (-(-side // unit) * unit for side in (self.header.height, self.header.width))
        padded = []
        for plane, part in zip(planes, (1, 2, 2), strict=True):
            bottom, right = height // part - plane.shape[0], width // part - plane.shape[1]
            padded.append(np.pad(plane, ((0, bottom), (0, right)), mode="edge").astype(np.int64))
        return padded

    def decoded(self, y_hat: NDArray[Any]) -> Planes:
        """U_DEC, cropped."""
        return self.shown(self.networks.synthesise(y_hat))

    def shown(self, planes: list[Ints]) -> Planes:
        """Section "Pictures": planes without their padding."""
        height, width = self.header.height, self.header.width
        sizes = (height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2
        return [plane[:rows, :columns].astype(np.uint8) for plane, (rows, columns) in zip(planes, sizes, strict=True)]
