"""What the entropy coder saw of one picture: symbols, means, and what each cost, latent position by latent position.

A P-picture of mfvc or lds has arrays of what was coded and of what goes with it:

    y_res      the residual, as coded or as it follows from y_shift. Where y_shift, after a shift by one, lies within
               half a step of the mean, the stream does not tell the residual; then this is the likeliest one, which
               in most places is y_shift itself
    mean       what the decoder expects of y_res, in quantiser steps
    bfd        the direction of y_res from its mean (equation 4); so it is as sure as y_res
    y_shift    y_res moved by the shift: what was coded, or what would have been with a shift by one
    plain      bits of y_res by the plain Laplace table
    shifted    bits of y_shift by the push-forward table; a half shift renames symbols, and its bits are the plain ones
    estimate   what the paper counts for y_shift, which is no rate (codec/paper_rate.py)

A P- or B-picture of aligned has these, the last three (H/16, W/16):

    symbols      what its prediction lacks, in quantiser steps; 0 at places that are not live
    level        of the scale grid, NaN at places that are not live
    symbol_bits  bits of each symbol, 0 at places that are not live
    live         whether a place is live
    live_bits    bits of those flags
    place_bits   bits of a place: its flag and all its symbols
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Indices, Ints
from lvcodec.codec.aligned import inter_context
from lvcodec.codec.dpb import DecodedPictures
from lvcodec.codec.gop import check_picture, decode_record
from lvcodec.codec.inter import code_inter
from lvcodec.codec.modes import LatentMode, has_two_steps, last_latents, mode_of
from lvcodec.codec.motion import Motion
from lvcodec.codec.network import Network
from lvcodec.codec.networks import Networks
from lvcodec.codec.paper_rate import estimated_bits
from lvcodec.codec.picture import code_intra
from lvcodec.codec.prediction import code_picture_motion
from lvcodec.codec.shift import shift_direction, shift_undo
from lvcodec.codec.state import State
from lvcodec.entropy import grid
from lvcodec.entropy.coder import Reader, Writer
from lvcodec.entropy.tables import TableSet, bits_of
from lvcodec.errors import UsageError
from lvcodec.exact.loaded import without_gradients
from lvcodec.exact.settings import whole_products
from lvcodec.nets.coding import InterPath
from lvcodec.nets.inter_context import DEAD_ZONES, group_of
from lvcodec.stream.container import StreamReader
from lvcodec.stream.files import open_stream
from lvcodec.stream.header import Header
from lvcodec.stream.records import PictureRecord
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike

Array = NDArray[Any]
_ZERO, _ONE = np.zeros((), np.int32), np.ones((), np.int32)  # centre and sign of the inter path's symbols


@dataclass(frozen=True)
class PictureMaps:
    """Arrays (M, H/16, W/16), or (H/16, W/16), of one picture by name, H and W padded.

    number: from 0. kind: "I", "P" or "B". arrays: of a P- or B-picture as above, of an I-picture y, mean, level (of the
    scale grid), bits, those of its first step where it takes two. coded: the name of the array that holds the bits that
    the stream spent on latents. streams: bits of each sub-stream, as `lvcodec.probe` gives them. shown: the decoded
    picture. exact: whether y_res, if there is one, is known everywhere. alpha: the length of the shift of y_shift.
    motion: that of a P- or B-picture of aligned. first_step: whether these are of an I-picture's first step, after
    which there is another. kept: whether a shifted picture leaves its latents to the next one.
    """

    number: int
    kind: str
    arrays: Mapping[str, Array]
    coded: str
    streams: Mapping[str, float]
    shown: Picture
    exact: bool = True
    alpha: Fraction = Fraction(1)
    motion: Motion | None = None
    first_step: bool = False
    kept: bool = False

    @property
    def channels(self) -> int:
        """M."""
        return int(self.arrays[self.coded].shape[0])

    def dearest(self) -> int:
        """The channel that the stream spent most bits on."""
        return int(self.arrays[self.coded].sum(axis=(1, 2)).argmax())


@dataclass(frozen=True)
class CodedBlock:
    """One call of the coder: arguments and result."""

    name: str
    tables: TableSet
    index: Array
    centre: Array
    sign: Array
    values: Array

    @property
    def mean8(self) -> Array:
        """Means in eighths of a step."""
        return np.asarray(self.centre * grid.MEAN_STEPS + self.sign * (self.index % grid.FRACTIONS))

    @property
    def level(self) -> Array:
        """Levels of the scale grid."""
        return np.asarray(self.index // grid.FRACTIONS)

    def bits(self) -> Array:
        """What each symbol took."""
        return bits_of(self.tables, self.index, self.centre, self.sign, self.values)


class Recorder(Reader):
    """A reader that remembers what it was asked, and what it answered."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload)
        self.blocks: list[CodedBlock] = []

    def code(
        self, values: Array | None, tables: TableSet, index: Array, centre: Array | int = 0, sign: Array | int = 1
    ) -> NDArray[np.int32]:
        """See Coder.code."""
        read = super().code(values, tables, index, centre, sign)
        self.blocks.append(CodedBlock(self.sub_stream, tables, index, np.asarray(centre), np.asarray(sign), read))
        return read


def picture_maps(
    source: StreamLike, number: int, *, on_picture: Callable[[int, int], None] | None = None
) -> PictureMaps:
    """Decode a stream up to picture `number` (from 0) and take that one apart.

    on_picture(done, total): called after each picture that is decoded on the way.
    Raises UsageError if there is no such picture, StreamError, MismatchError, WeightsError, InputError.
    """
    with open_stream(source) as file, whole_products(), without_gradients():
        reader = StreamReader(file)
        networks = Networks.of_stream(reader.header)
        reader.index()
        if reader.count is not None and number >= reader.count:
            raise _no_such(number, reader.count)
        first = reader.seek(number)
        decoded = DecodedPictures()
        for done, record in enumerate(reader, start=1):
            references = decoded.references(record) or ()
            state, coder = decode_record(record, references, reader.header, networks)
            decoded.add(record, state)
            if on_picture:
                on_picture(done, max(done, number - first + 1))
            if record.number == number:
                check_picture(state.x_hat, record, "its maps would be wrong")
                streams = dict(coder.bits)
                net = networks.at(record.quality_index)
                return _take_apart(reader.header, record, references, net, streams, state.x_hat)
    raise _no_such(number, reader.count or 0)


def _no_such(number: int, count: int) -> UsageError:
    return UsageError(f"there is no picture {number}", f"the stream has {count}, counted from 0")


def _take_apart(
    header: Header,
    record: PictureRecord,
    references: tuple[State, ...],
    net: Network,
    streams: Mapping[str, float],
    shown: Picture,
) -> PictureMaps:
    """Decode a picture's symbols once more, and keep what goes through the coder. It has been decoded without fault."""
    coder = Recorder(record.payload)
    mode = mode_of(header.mode, record.shift)
    told = record.number, record.kind
    if record.step is None or mode is None:
        first = net.first_step if has_two_steps(mode) else None
        of_latents = first or net
        arrays = _intra(code_intra(None, None, of_latents, coder).streams["z"], of_latents, coder)
        return PictureMaps(*told, arrays, "bits", streams, shown, first_step=first is not None)
    if not isinstance(mode, LatentMode):
        moved = code_picture_motion(None, references, record.step, coder)
        context = inter_context(moved, references, net)
        walk = _Walk(net.inter, coder, *context.history.shape[1:])
        code_inter(walk, context, net.inter, Writer())
        return PictureMaps(*told, walk.arrays(), "symbol_bits", streams, shown, motion=moved.motion)
    mode.code(None, last_latents(references[0], net), net, coder, record.shift.alpha)
    [block] = [block for block in coder.blocks if block.name in ("y_res", "y_shift")]
    merged = block.tables is net.tables["laplace_shifted"]
    length = record.shift.alpha or Fraction(1)  # where nothing is shifted, what a shift by one would have done
    arrays = _predicted(block, net, length, merged=merged)
    coded = "shifted" if block.name == "y_shift" else "plain"
    return PictureMaps(*told, arrays, coded, streams, shown, exact=not merged, alpha=length, kept=record.shift.kept)


class _Walk:
    """Reads what a walk through a picture of the inter path asks for, and keeps it with its bits, place by place."""

    def __init__(self, coding: InterPath, coder: Reader, rows: int, columns: int) -> None:
        self._coding, self._coder = coding, coder
        places, channels = rows * columns, coding.shape.latent
        self._shape = rows, columns
        self._live, self._live_bits = np.zeros(places, np.int32), np.zeros(places)
        self._symbols, self._bits = np.zeros((places, channels), np.int32), np.zeros((places, channels))
        self._level = np.full((places, channels), np.nan)

    def live(self, places: Indices, index: Ints) -> Ints:
        """See codec.inter.Chooser."""
        tables = self._coding.tables["live"]
        self._live[places] = flags = self._coder.code(None, tables, index)
        self._live_bits[places] = bits_of(tables, index, _ZERO, _ONE, flags)
        return flags

    def symbols(self, number: int, places: Indices, index: Ints) -> Ints:
        """See codec.inter.Chooser."""
        tables = self._coding.tables["inter"]
        at = places, group_of(number, self._coding.shape)
        self._symbols[at] = symbols = self._coder.code(None, tables, index)
        self._bits[at] = bits_of(tables, index, _ZERO, _ONE, symbols)
        self._level[at] = index // len(DEAD_ZONES)
        return symbols

    def arrays(self) -> dict[str, Array]:
        """Those of the picture."""
        own = {"symbols": self._symbols, "level": self._level, "symbol_bits": self._bits}
        of_places = {
            "live": self._live != 0,
            "live_bits": self._live_bits,
            "place_bits": self._live_bits + self._bits.sum(axis=1),
        }
        return {name: array.T.reshape(-1, *self._shape) for name, array in own.items()} | {
            name: array.reshape(self._shape) for name, array in of_places.items()
        }


def _intra(z: Array, net: Network, coder: Recorder) -> dict[str, Array]:
    """An I-picture's arrays: the passes of its latents, put together."""
    passes = [block for block in coder.blocks if block.name == "y"]
    shape = net.latent_shape()
    arrays: dict[str, Array] = {
        "y": np.zeros(shape, np.int32),
        "mean": np.zeros(shape),
        "level": np.zeros(shape, np.int32),
        "bits": np.zeros(shape),
    }
    for block, (positions, _) in zip(passes, net.intra_passes(z), strict=True):
        parts: dict[str, Array] = {
            "y": block.values,
            "mean": block.mean8 / grid.MEAN_STEPS,
            "level": block.level,
            "bits": block.bits(),
        }
        for name, part in parts.items():
            arrays[name].reshape(-1)[positions] = part
    return arrays


def _predicted(block: CodedBlock, net: Network, alpha: Fraction, *, merged: bool) -> dict[str, Array]:
    """A P-picture's arrays. merged: y_shift was coded, and several residuals stand behind a symbol."""
    y_res = block.values + shift_undo(block.values, block.mean8) if merged else block.values
    bfd = shift_direction(y_res, block.mean8)
    y_shift = y_res - (bfd if alpha == 1 else float(alpha) * bfd)
    plain = bits_of(net.tables["laplace"], block.index, block.centre, block.sign, y_res)
    shifted = plain
    if alpha == 1:
        shifted = bits_of(net.tables["laplace_shifted"], block.index, block.centre, block.sign, y_shift)
    return {
        "y_res": y_res,
        "mean": block.mean8 / grid.MEAN_STEPS,
        "bfd": bfd,
        "y_shift": y_shift,
        "plain": plain,
        "shifted": shifted,
        "estimate": estimated_bits(y_shift, block.mean8, block.level, net.tables["laplace"]),
    }
