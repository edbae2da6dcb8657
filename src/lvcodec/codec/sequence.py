"""Whole videos: source to stream, stream to sink. What the library's `encode` and `decode` call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import torch

from lvcodec.codec.modes import MODES, State
from lvcodec.codec.network import Network
from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.codec.picture import decode_picture
from lvcodec.codec.pipeline import CodedPicture, ahead_of, default_jobs, each_gop, encode_gop, split
from lvcodec.codec.shift import length_for
from lvcodec.entropy.coder import Coder
from lvcodec.errors import InputError, LvcError, MismatchError, StreamError, TruncatedStreamError, UsageError
from lvcodec.exact.backends import pick_device
from lvcodec.exact.settings import whole_products
from lvcodec.measure.psnr import PsnrMeter
from lvcodec.models import canary, loading, store
from lvcodec.report import DecodeReport, EncodeReport
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.files import create_stream, is_path, open_stream
from lvcodec.stream.header import Header
from lvcodec.stream.records import PictureRecord, planes_checksum
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink
from lvcodec.video.source import open_source

if TYPE_CHECKING:
    from lvcodec import StreamLike, VideoLike

OnPicture = Callable[[int, int | None], None]
OnNotice = Callable[[str], None]


class Notices:
    """Collects notices for the report and passes them on at once."""

    def __init__(self, listener: OnNotice | None) -> None:
        self.texts: list[str] = []
        self._listener = listener

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        if self._listener:
            self._listener(text)


def quality_index(quality: float) -> int:
    """The stream's number for a quality: 1 + index / 20. Raises UsageError outside 1..6."""
    if not 1 <= quality <= 6:
        raise UsageError(f"quality {quality:g} is not within 1 and 6")
    return round((quality - 1) * 20)


@enough_memory()
@whole_products()
def encode(
    source: VideoLike,
    target: StreamLike,
    *,
    quality: float = 4.0,
    mode: str = "aligned",
    family: str = "swift",
    model: Any = None,
    gop: int = 12,
    size: tuple[int, int] | None = None,
    rate: Fraction | None = None,
    pix_fmt: str | None = None,
    frames: tuple[int | None, int | None] | None = None,
    alpha: float | None = None,
    effort: int = 0,
    recon: StreamLike | None = None,
    psnr: bool = False,
    verify: bool = False,
    jobs: int | None = None,
    device: str = "auto",
    backend: str = "auto",
    overwrite: bool = False,
    keep_partial: bool = False,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
) -> EncodeReport:
    """See lvcodec.encode."""
    index = quality_index(quality)
    if mode not in MODES:
        raise UsageError(f"there is no mode {mode!r}", f"choose one of {', '.join(MODES)}")
    if alpha not in (None, 1, 0.5):
        raise UsageError(f"alpha is {alpha:g}, not 1 or 0.5")
    if effort < 0:
        raise UsageError("effort is 0 or more")
    if gop < 1 or (jobs is not None and jobs < 1):
        raise UsageError("gop and jobs are 1 or more")
    if verify and not is_path(target):
        raise UsageError("verify reads the stream back and needs a file to write to")
    notices = Notices(on_notice)
    where = pick_device(device)
    info = store.find(model) if model is not None else store.default_of(family)
    if info.family != family:
        raise UsageError(f"model {info.name} is of the {info.family} family, not {family}")
    if abs(1 + index / 20 - quality) > 1e-9:
        notices(f"quality {quality:g} is coded as {1 + index / 20:g}: qualities go in steps of 0.05")
    meter = PsnrMeter() if psnr else None
    began = time.monotonic()
    with ExitStack() as stack:
        pictures = stack.enter_context(open_source(source, size=size, rate=rate, pix_fmt=pix_fmt, frames=frames))
        for text in pictures.notices:
            notices(text)
        video = pictures.format
        backend = canary.choose(info, index, where, backend, notices)
        net = Network(
            loading.coding(info, index, where, backend),
            video.width,
            video.height,
            where,
            index,
            loading.refiner(info, index, effort),
        )
        coding = MODES[mode]
        p_index = loading.coarser(info, index, coding.coarser if coding else 0)
        p_net = (
            net
            if p_index == index
            else Network(
                loading.coding(info, p_index, where, backend),
                video.width,
                video.height,
                where,
                p_index,
                loading.refiner(info, p_index, effort),
            )
        )
        shown = stack.enter_context(open_sink(recon, video, overwrite=overwrite)) if recon is not None else None
        out = stack.enter_context(create_stream(target, overwrite=overwrite))
        frames_in: Iterator[Picture] = iter(pictures)
        length = Fraction(1 if alpha is None else alpha)
        if alpha is None and coding and coding.alpha is None and info.alpha != 1:
            first, frames_in = _ahead(frames_in, 2)
            length = _length_for(first, net)
        header = Header(
            family=info.family,
            mode=mode,
            weights_id=bytes.fromhex(info.weights_id),
            video=video,
            gop=gop,
            quality_index=index,
            alpha=length,
        )
        writer = StreamWriter(out, header)
        coded = each_gop(
            split(frames_in, gop),
            lambda p: encode_gop(p, net, p_net, coding, length),
            jobs or default_jobs(video.width, video.height),
            ahead_of(video.picture_bytes),
        )
        payload_bytes, count = 0, 0
        try:
            with torch.inference_mode():
                for item in coded:
                    _write(item, writer)
                    payload_bytes, count = payload_bytes + len(item.payload), count + 1
                    if shown is not None:
                        shown.write(item.x_hat)
                    if meter is not None:
                        meter.add(item.source, item.x_hat)
                    if on_picture:
                        on_picture(count, pictures.count)
        except BaseException:
            if keep_partial and count:
                writer.finish()
                out.close()  # into its place; what the context does after that finds nothing left to do
                notices(f"the {count} pictures coded so far were kept")
            raise
        if not count:
            raise InputError("the input holds no pictures")
        writer.finish()
    elapsed = time.monotonic() - began
    if verify:
        with open_stream(target) as written:
            for _ in _decoded(StreamReader(written), Decoding(where, backend)):
                pass
        notices("verified: the stream decodes to the encoder's pictures")
    return EncodeReport.measured(
        video,
        pictures=count,
        size_bytes=writer.size_bytes,
        payload_bytes=payload_bytes,
        elapsed_s=elapsed,
        psnr_db=meter.mean() if meter else None,
        notices=notices.texts,
    )


def _ahead(pictures: Iterator[Picture], count: int) -> tuple[list[Picture], Iterator[Picture]]:
    """The first pictures, and all of them again; an error in reading them comes after those before it."""
    first: list[Picture] = []
    try:
        for picture in islice(pictures, count):
            first.append(picture)
    except LvcError as error:
        return first, chain(first, _raised(error))
    return first, chain(first, pictures)


def _raised(error: LvcError) -> Iterator[Picture]:
    raise error
    yield  # makes it an iterator


def _length_for(first: list[Picture], net: Network) -> Fraction:
    with torch.inference_mode():
        symbols = [net.symbols(net.analyse(picture)) for picture in first]
    return length_for(symbols[0], symbols[-1]) if symbols else Fraction(1)


def _write(item: CodedPicture, writer: StreamWriter) -> None:
    writer.picture(item.kind, item.payload, planes_checksum(item.x_hat), item.quality_index)


@dataclass(frozen=True)
class Decoding:
    """How a stream is to be decoded: where, by whom, whether checksums count, whether damage is bridged, GOPs side by
    side."""

    device: torch.device
    backend: str = "auto"
    check: bool = True
    conceal: bool = False
    jobs: int | None = None


@dataclass(frozen=True)
class Shown:
    """A decoded picture, its number in the stream, and whether it stands in for a damaged one."""

    picture: Picture
    number: int
    concealed: bool = False


class Networks:
    """The networks of a stream, by quality, made when they are first needed. backend: who computes them."""

    def __init__(
        self, header: Header, device: torch.device, backend: str = "auto", on_notice: OnNotice | None = None
    ) -> None:
        self._header, self._device = header, device
        self._info = store.by_id(header.weights_id)
        if self._info.family != header.family:
            raise StreamError(f"the header names the {header.family} family and weights of {self._info.family}")
        self.backend = canary.choose(self._info, header.quality_index, device, backend, on_notice)
        self._made: dict[int, Network] = {}

    def decode(self, record: PictureRecord, state: State | None) -> tuple[State, Coder]:
        """Decode a picture; `state` is that after the one before it. Returns its own, and the coder.

        Raises StreamError that names the picture if it is damaged, or of a quality that the weights lack.
        """
        header = self._header
        try:
            return decode_picture(
                record.payload,
                None if record.kind == "I" else state,
                self._at(record.quality_index),
                MODES[header.mode],
                header.alpha,
            )
        except (StreamError, UsageError) as error:  # the quality is the user's in encoding, here the stream's
            raise StreamError(
                f"picture {record.number}: {error.message}", error.hint, offset=record.offset, picture=record.number
            ) from error

    def _at(self, index: int) -> Network:
        if index not in self._made:
            video = self._header.video
            coding = loading.coding(self._info, index, self._device, self.backend)
            self._made[index] = Network(coding, video.width, video.height, self._device, index)
        return self._made[index]


def _records(reader: StreamReader, conceal: bool) -> Iterator[PictureRecord | StreamError]:
    """The stream's records; with `conceal`, damage comes as the error in the place of what it cost."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except StreamError as error:
            if not conceal:
                raise
            yield error
            if isinstance(error, TruncatedStreamError):
                return
            try:
                reader.resync()
            except StreamError:
                return


def _gops(records: Iterator[PictureRecord | StreamError]) -> Iterator[Iterator[PictureRecord | StreamError]]:
    """Records from one I-picture up to the next, each read as it is asked for."""
    following = next(records, None)
    while following is not None:

        def gop() -> Iterator[PictureRecord | StreamError]:
            nonlocal following
            first, begun = following, False
            while first is not None and not (begun and isinstance(first, PictureRecord) and first.kind == "I"):
                yield first
                begun, first = True, next(records, None)
            following = first

        yield gop()


def _decode_gop(
    records: Iterable[PictureRecord | StreamError], networks: Networks, how: Decoding
) -> Iterator[Shown | StreamError]:
    """Decode one GOP. With `conceal`, damage is passed on as the error, and what depends on it is left out."""
    state: State | None = None
    for record in records:
        if isinstance(record, StreamError):
            state = None
            yield record
            continue
        if record.kind == "P" and state is None:
            continue  # only after damage: the reader lets no stream begin with a P-picture
        try:
            state, _ = networks.decode(record, state)
        except StreamError as error:
            if not how.conceal:
                raise
            state = None
            yield error
            continue
        if how.check:
            _check(state.x_hat, record)
        yield Shown(state.x_hat, record.number)


def _check(picture: Picture, record: PictureRecord) -> None:
    got = planes_checksum(picture)
    if got != record.checksum:
        raise MismatchError(
            f"picture {record.number} decoded to other pixels than the encoder's "
            f"(checksum {got:08x}, not {record.checksum:08x})",
            "please report it; --no-check decodes on",
            picture=record.number,
            expected=record.checksum,
            got=got,
        )


def _decoded(reader: StreamReader, how: Decoding) -> Iterator[Shown | StreamError]:
    networks = Networks(reader.header, how.device, how.backend)
    records = _records(reader, how.conceal)

    def work(gop: Iterable[PictureRecord | StreamError]) -> Iterator[Shown | StreamError]:
        return _decode_gop(gop, networks, how)

    video = reader.header.video
    yield from each_gop(
        _gops(records), work, how.jobs or default_jobs(video.width, video.height), ahead_of(video.picture_bytes)
    )


def _bridged(
    items: Iterable[Shown | StreamError], start: int, reader: StreamReader, notices: Notices
) -> Iterator[Shown]:
    """Repeat the last good picture (grey before the first) where numbers are missing, from picture `start` on."""
    last: Picture | None = None
    expected = start
    for item in items:
        if isinstance(item, StreamError):
            notices(f"concealed: {item.message}")
            continue
        for number in range(expected, item.number):
            last = last or _grey(reader.header)
            yield Shown(last, number, concealed=True)
        last, expected = item.picture, item.number + 1
        yield item
    for number in range(expected, reader.count or 0):
        last = last or _grey(reader.header)
        yield Shown(last, number, concealed=True)


def _grey(header: Header) -> Picture:
    video = header.video
    return Picture.frombuffer(bytes([128]) * video.picture_bytes, video.width, video.height)


@enough_memory()
@whole_products()
def decode(
    source: StreamLike,
    target: StreamLike,
    *,
    frames: tuple[int | None, int | None] | None = None,
    pix_fmt: str | None = None,
    check: bool = True,
    conceal: bool = False,
    jobs: int | None = None,
    device: str = "auto",
    backend: str = "auto",
    overwrite: bool = False,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
) -> DecodeReport:
    """See lvcodec.decode."""
    if jobs is not None and jobs < 1:
        raise UsageError("jobs is 1 or more")
    first, end = frames or (None, None)
    first = first or 0
    if end is not None and end <= first:
        raise UsageError(f"frames {first}:{end} are none")
    notices = Notices(on_notice)
    how = Decoding(pick_device(device), backend, check, conceal, jobs)
    began = time.monotonic()
    count, concealed = 0, 0
    with ExitStack() as stack:
        reader = StreamReader(stack.enter_context(open_stream(source)))
        header = reader.header
        # The right weights and a backend that computes right, before anything is written.
        how = replace(how, backend=Networks(header, how.device, backend, notices).backend)
        reader.index()  # tells the count, where the file can seek
        start = reader.seek(first) if first else 0
        total = reader.count
        if total is not None:
            total = min(total, total if end is None else end) - first
        sink = stack.enter_context(open_sink(target, header.video, pix_fmt=pix_fmt, overwrite=overwrite))
        for text in sink.notices:
            notices(text)
        try:
            for item in _bridged(_decoded(reader, how), start, reader, notices):
                if item.number < first:
                    continue
                if end is not None and item.number >= end:
                    break
                sink.write(item.picture)
                count, concealed = count + 1, concealed + item.concealed
                if on_picture:
                    on_picture(count, total)
        except (StreamError, MismatchError):
            if count:
                sink.close()  # what came before the damage is whole, and kept
                notices(f"the {count} pictures before the damage were written")
            raise
        if not count:
            raise InputError("there are no such pictures in the stream" if frames else "the stream holds no pictures")
        size_bytes = reader.size_bytes
    elapsed = time.monotonic() - began
    return DecodeReport(
        pictures=count,
        size_bytes=size_bytes,
        fps=count / elapsed,
        duration_s=float(count / header.video.rate),
        concealed=concealed,
        notices=tuple(notices.texts),
    )
