"""The header: what all pictures of a stream share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

from lvcodec import quality
from lvcodec.errors import InputError
from lvcodec.stream import fields
from lvcodec.stream.layout import LayoutReader, LayoutWriter
from lvcodec.stream.structure import LAYER_KEY, MAX_LAYER
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat

T = TypeVar("T")


@dataclass(frozen=True)
class Header:
    """What all pictures of a stream share.

    weights_id: first 8 bytes of the weights' SHA-256. gop: most pictures from an I-picture up to the next,
    1..65535. quality_index: 0..200, of I-pictures. layers: how many indices pictures of layers 1 to 7 (structure.py)
    are below their I-picture, 0..255 each. video: sides of at most 16384.
    """

    family: str
    mode: str
    weights_id: bytes
    video: VideoFormat
    gop: int
    quality_index: int
    layers: tuple[int, ...] = (0,) * MAX_LAYER

    @property
    def quality(self) -> float:
        """That of quality_index: 1 or more."""
        return quality.of_index(self.quality_index)

    def quality_at(self, layer: int, intra_index: int) -> int:
        """The quality index of a picture of a layer, by its I-picture's, where its record does not tell another."""
        return intra_index if layer == LAYER_KEY else max(0, intra_index - self.layers[layer - 1])

    @property
    def payload_limit(self) -> int:
        """The most bytes of a picture's payload."""
        return fields.payload_limit(self.video.width, self.video.height)

    def values(self) -> dict[str, Any]:
        """The values of fields.HEADER. Raises InputError for one that no number stands for."""
        video, colour = self.video, self.video.colour
        if not all(0 <= offset <= 255 for offset in self.layers):
            raise InputError(f"cannot write this stream: layers {self.layers} are not in 0..255")
        return {
            "magic": fields.MAGIC,
            "version": fields.VERSION,
            "syntax": fields.SYNTAX,
            "family": _number_of("family", self.family, fields.FAMILIES),
            "mode": _number_of("mode", self.mode, fields.MODES),
            "weights_id": self.weights_id,
            "width": video.width,
            "height": video.height,
            "rate_num": video.rate.numerator,
            "rate_den": video.rate.denominator,
            "primaries": colour.primaries,
            "transfer": colour.transfer,
            "matrix": colour.matrix,
            "full_range": int(colour.full_range),
            "chroma_location": colour.chroma_location,
            "gop": self.gop,
            "quality": self.quality_index,
            "layers": bytes(self.layers),
            "flags": 0,
        }

    def to_bytes(self) -> bytes:
        """The header as it stands in a file. Raises InputError for a value that cannot be written."""
        return bytes(LayoutWriter().put(fields.HEADER, self.values()).data)


def read_header(read: Callable[[int], bytes]) -> Header:
    """The header whose bytes `read(size)` gives. Raises StreamError if it is damaged or too new."""
    values = LayoutReader(read).get(fields.HEADER)
    colour = Colour(
        primaries=values["primaries"],
        transfer=values["transfer"],
        matrix=values["matrix"],
        full_range=bool(values["full_range"]),
        chroma_location=values["chroma_location"],
    )
    rate = Fraction(values["rate_num"], values["rate_den"])
    return Header(
        family=fields.FAMILIES[values["family"]],
        mode=fields.MODES[values["mode"]],
        weights_id=values["weights_id"],
        video=VideoFormat(values["width"], values["height"], rate, colour),
        gop=values["gop"],
        quality_index=values["quality"],
        layers=tuple(values["layers"]),
    )


def _number_of(name: str, value: T, numbers: Mapping[int, T]) -> int:
    for number, known in numbers.items():
        if known == value:
            return number
    choices = ", ".join(str(known) for known in numbers.values())
    raise InputError(f"cannot write this stream: {name} {value} is none of {choices}")
