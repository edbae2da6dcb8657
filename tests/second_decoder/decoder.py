"""From a stream to pictures: section "What a payload holds", from the calls of a payload to "Pictures"."""
from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from entropy.judge import RangeDecoder
from numpy.typing import NDArray

from .cheng2020 import Cheng2020
from .container import Header, Record, expect, read_stream
from .swift import Swift
from .symbols import Ints, read_hyper, read_latents
from .weights import Weights

Planes = list[NDArray[np.uint8]]
FAMILIES = {1: ("swift", Swift), 2: ("cheng2020", Cheng2020)}
INTRA, MFVC, LDS = range(3)


@dataclass(frozen=True)
class Decoded:
    """A decoded picture: its record, and Y, U, V without padding."""

    record: Record
    planes: Planes


@dataclass(frozen=True)
class State:
    """Section "State and reference": the picture shown last, and its latents where a reference takes them."""

    x_hat: Planes
    y_hat: Ints | None


def decode(stream: bytes, model: Path) -> Iterator[Decoded]:
    """The pictures of a whole stream, by the model in a folder. Their checksums are left to the caller."""
    header, records = read_stream(stream)
    weights = Weights(model)
    family, networks = FAMILIES[header.family]
    expect(weights.weights_id == header.weights_id and weights.family == family, "the stream has other weights")
    state: State | None = None
    for record in records:
        payload = Payload(record.payload, networks(weights, record.quality), header)
        if record.kind == "I":
            state = payload.intra()
        else:
            expect(header.mode in (MFVC, LDS) and state is not None, "a P-picture out of place")
            state = (payload.mfvc if header.mode == MFVC else payload.lds)(state)
        yield Decoded(record, state.x_hat)


def checksum_of(planes: Planes) -> int:
    """Section "Picture": the checksum of decoded planes."""
    height, width = planes[0].shape
    return zlib.crc32(struct.pack("<II", width, height) + b"".join(plane.tobytes() for plane in planes))


class Payload:
    """One picture's sub-streams, read in their order, and what is made of them."""

    def __init__(self, data: bytes, networks: Swift | Cheng2020, header: Header) -> None:
        self.coder, self.networks, self.header = RangeDecoder(data), networks, header
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
        return State(self.shown(y_hat), y_hat)

    def mfvc(self, before: State) -> State:
        """Section "mfvc"."""
        y_ref = self.reference(before)
        mean8, level = self.networks.prior(self.hyper("z_p"), y_ref)
        y_hat = y_ref + self.latents("laplace", mean8, level)
        return State(self.shown(y_hat), y_hat)

    def lds(self, before: State) -> State:
        """Section "lds"."""
        y_ref = self.reference(before)
        mean8, level = self.networks.prior(self.hyper("z_p"), y_ref)
        half = self.header.half_shift
        v = self.latents("laplace" if half else "laplace_shifted", mean8, level)
        apart = 8 * v - mean8
        direction = np.where(np.abs(apart) < 4, 0, np.sign(apart))
        if half:
            y_shift, undo = v - direction / 2, direction / 2
        else:
            y_shift, undo = v, np.where(np.abs(apart) == 4, -direction, direction)
        change = self.networks.change(self.hyper("z_bfd"), y_shift, undo, y_ref)
        return State(self.shown(y_ref + change), None)

    def reference(self, before: State) -> Ints:
        """Section "State and reference": y_ref; where there are no latents, of the padded picture."""
        if before.y_hat is not None:
            return before.y_hat
        padded = []
        for plane, unit in zip(before.x_hat, (16, 8, 8), strict=True):
            bottom, right = self.rows * unit - plane.shape[0], self.columns * unit - plane.shape[1]
            padded.append(np.pad(plane, ((0, bottom), (0, right)), mode="edge").astype(np.int64))
        return self.networks.analyse(padded)

    def shown(self, y_hat: NDArray[Any]) -> Planes:
        """Section "Pictures": U_DEC, cropped."""
        height, width = self.header.height, self.header.width
        sizes = (height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2
        planes = self.networks.synthesise(y_hat)
        return [plane[:rows, :columns].astype(np.uint8) for plane, (rows, columns) in zip(planes, sizes, strict=True)]
