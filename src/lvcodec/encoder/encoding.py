"""Whole videos to streams: what `lvcodec.encode` calls.

source ──► GOPs ──► encode, several GOPs side by side ──► records ──► stream
                                                    └───► what the decoder will show: --recon, PSNR
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import torch

from lvcodec import names, quality
from lvcodec.codec.decoding import decoded
from lvcodec.codec.gop import Shown
from lvcodec.codec.jobs import ahead_of, default_jobs
from lvcodec.codec.networks import Networks
from lvcodec.codec.notices import Notices
from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.codec.pipeline import pipelined
from lvcodec.encoder import alpha
from lvcodec.encoder.buffer import Buffer, Limit
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.encoder.gop import GopEncoder, gops
from lvcodec.encoder.groups import CodedGroup, GroupCoder, write_group
from lvcodec.encoder.network import EncoderNetworks
from lvcodec.encoder.pace import Pace
from lvcodec.encoder.qualities import Encoders, Planned, Qualities, planned
from lvcodec.encoder.resume import Begun, begin_stream
from lvcodec.encoder.scenes import Marked, marked
from lvcodec.errors import InputError, MissingPicturesError, StreamError, UsageError
from lvcodec.exact.settings import whole_products
from lvcodec.measure.psnr import PsnrMeter
from lvcodec.models import loading, store
from lvcodec.models.store import ModelInfo
from lvcodec.options import Decoding, Encoding
from lvcodec.report import EncodeReport, OnNotice, OnPicture, OnProgress
from lvcodec.stream.container import StreamReader
from lvcodec.stream.files import is_path, open_stream
from lvcodec.stream.header import Header
from lvcodec.stream.structure import LAYER_CHAIN, MAX_LAYER
from lvcodec.video.atomic import check_output
from lvcodec.video.base import Sink, Source
from lvcodec.video.part import check_part
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink
from lvcodec.video.source import open_source
from lvcodec.video.writing import flush

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike
    from lvcodec.video.base import VideoLike

# docs/decisions.md#gops-as-long-as-the-content-allows
LONGEST_GOP, LONGEST_GOP_S = 250, 8
SHORT_GOP = 24  # pictures


@enough_memory()
@whole_products()
def encode(
    source: VideoLike,
    target: StreamLike,
    options: Encoding,
    *,
    on_picture: OnPicture | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    qualities: Qualities | None = None,
    whole: Callable[[Begun], None] | None = None,
) -> EncodeReport:
    """See lvcodec.encode.

    qualities: of the GOPs, in place of the options' one. whole: called when the stream is complete, but not yet in its
    place; an exception leaves it as it is then.
    """
    options.validate()
    if options.verify and not is_path(target):
        raise UsageError("verify reads the stream back and needs a file to write to")
    check_output(target, source, overwrite=options.overwrite)
    check_part(target, resume=options.resume, overwrite=options.overwrite)
    if options.recon is not None:
        check_output(options.recon, source, outputs=[target], overwrite=options.overwrite)
    notices = Notices(on_notice)
    if qualities is None:
        qualities = Qualities(_index(options.quality, notices))
    began = time.monotonic()
    with ExitStack() as stack:
        clip = stack.enter_context(opened(source, options, qualities.index, notices))
        pictures, header = clip.pictures, clip.header
        recon = None
        if options.recon is not None:
            recon = stack.enter_context(
                open_sink(options.recon, pictures.format, overwrite=options.overwrite, count=pictures.count)
            )
        begun = stack.enter_context(begin_stream(target, header, options, qualities))
        pace = Pace(pictures, header.gop, on_picture, on_progress)
        written = _Written(begun, recon, PsnrMeter() if options.psnr else None, pictures, pace)
        written.keep(clip.runs, clip.networks, options)
        if clip.limit is not None:
            clip.limit.go_on(begun.records)
        written.take(clip.coded(planned(clip.runs, qualities, first=begun.gops)), options, notices)
        if clip.limit is not None:
            clip.limit.tell(notices)
        if whole is not None:
            whole(begun)
    elapsed = time.monotonic() - began
    if options.verify:
        _verify(target, options, clip.networks.backend)
        notices("verified: the stream decodes to the encoder's pictures")
    report = EncodeReport.measured(
        pictures.format,
        pictures=pace.shown,
        size_bytes=begun.writer.size_bytes,
        payload_bytes=written.payload_bytes,
        kept=pace.kept,
        elapsed_s=elapsed,
        psnr_db=written.meter.mean() if written.meter else None,
        missing=pictures.missing,
        notices=notices.texts,
    )
    if report.missing and not options.lenient:
        raise MissingPicturesError(
            f"about {report.missing} pictures of {pictures.name} are missing",
            f"the {report.pictures} that came are coded; --lenient (lenient=True) accepts that",
            report=report,
        )
    return report


@dataclass
class Clip:
    """A source that is open, and all that codes it. runs: its GOPs; header: of its stream."""

    pictures: Source
    runs: Iterator[Iterator[Picture]]
    header: Header
    networks: EncoderNetworks
    encoders: Encoders
    jobs: int
    limit: Limit | None = None

    def coded(self, runs: Iterable[Iterable[Planned]]) -> Generator[CodedGroup, None, None]:
        """The groups of GOPs, each once those before it are there."""
        ahead = ahead_of(self.header.video.picture_bytes)
        run = self.encoders.at(self.header.quality_index).run
        return pipelined(runs, self.encoders.encode, self.jobs, ahead, max(1, ahead // run))


@contextmanager
def opened(source: VideoLike, options: Encoding, index: int, notices: Notices) -> Iterator[Clip]:
    """A source, and what codes it with a header of this quality index. Raises as lvcodec.encode does."""
    info = _model(options)
    with ExitStack() as stack:
        pictures = stack.enter_context(
            open_source(
                source,
                size=options.size,
                rate=options.rate,
                pix_fmt=options.pix_fmt,
                frames=options.frames,
                lenient=options.lenient,
            )
        )
        notices.pass_on(pictures)
        video = pictures.format
        networks = EncoderNetworks(
            info,
            video,
            index,
            device=options.device,
            backend=options.backend,
            on_notice=notices,
            effort=options.chosen_preset.effort,
            rounds=options.chosen_preset.rounds,
        )
        side_by_side = stack.enter_context(ThreadPoolExecutor(torch.get_num_threads(), "lvcodec structure"))
        layers = _layers(options, info, video.rate)
        length, frames = _alpha(options, networks, index, iter(pictures))
        if options.chosen_mode not in names.PAPER_MODES:
            _ = networks.at(index).inter  # refused before anything is written

        def encoder_at(index: int) -> GopEncoder:
            nets = tuple(networks.at(max(0, index - coarser)) for coarser in (0, *layers))
            coder = GroupCoder(nets, DECISIONS[options.chosen_mode], length)
            return _gop_encoder(options, coder, side_by_side, video.rate, limit)

        encoders = Encoders(encoder_at)
        limit, jobs = None, options.jobs or default_jobs(video.width, video.height)
        if options.maxrate is not None:  # what a record may have depends on all before it
            buffer = Buffer(options.maxrate, options.bufsize or options.maxrate, video.rate)
            limit, jobs = Limit(buffer, lambda index: encoders.at(index).coder), 1
        _ = encoders.at(index)
        header = _header(options, info, index, layers, length, pictures)
        runs = gops(_marked(frames, options), header.gop)
        yield Clip(pictures, runs, header, networks, encoders, jobs, limit)


def _index(asked: float, notices: Notices) -> int:
    """The index of a quality, with a notice where that is another one."""
    index = quality.index_of(asked)
    if abs(quality.of_index(index) - asked) > 1e-9:
        notices(
            f"quality {float(asked):g} is coded as {quality.of_index(index):g}: "
            f"qualities go in steps of {1 / quality.INDICES_A_QUALITY:g}"
        )
    return index


def _model(options: Encoding) -> ModelInfo:
    """The weights to code with. Raises WeightsError if there are none, UsageError if they are of another family."""
    info = store.find(options.model) if options.model is not None else store.default_of(options.family)
    if info.family != options.family:
        raise UsageError(f"model {info.name} is of the {info.family} family, not {options.family}")
    return info


def _alpha(
    options: Encoding, networks: EncoderNetworks, index: int, frames: Iterator[Picture]
) -> tuple[Fraction, Iterator[Picture]]:
    """The length of the shift, which may depend on the first pictures, 1 where none is; and all of the pictures."""
    if options.chosen_mode not in names.SHIFTING_MODES:
        return Fraction(1), frames
    decisions = DECISIONS[options.chosen_mode]
    if options.alpha is None and decisions and decisions.alpha is None and networks.info.alpha != 1:
        return alpha.choose_alpha(frames, networks.at(index))
    return Fraction(1 if options.alpha is None else options.alpha), frames


def _is_long(options: Encoding, rate: Fraction) -> bool:
    """Whether GOPs are so long that errors of P-pictures would add up."""
    return _longest_gop(options, rate) > SHORT_GOP


def _layers(options: Encoding, info: ModelInfo, rate: Fraction) -> tuple[int, ...]:
    """How many indices the pictures of layers 1, 2, ... are below their I-picture."""
    decisions = DECISIONS[options.chosen_mode]
    if decisions is None or not loading.is_continuous(info):
        return (0,) * MAX_LAYER
    return decisions.long_layers if _is_long(options, rate) else decisions.layers


def _gop_encoder(
    options: Encoding, coder: GroupCoder, side_by_side: Executor, rate: Fraction, limit: Limit | None
) -> GopEncoder:
    decisions = coder.decisions
    key_every = (
        decisions.key_every
        if decisions and coder.nets[0] is not coder.nets[LAYER_CHAIN] and _is_long(options, rate)
        else 0
    )
    return GopEncoder(coder, side_by_side, options.most_bframes + 1, key_every, options.chosen_preset.structures, limit)


def _header(
    options: Encoding, info: ModelInfo, index: int, layers: tuple[int, ...], length: Fraction, pictures: Source
) -> Header:
    return Header(
        family=info.family,
        mode=options.chosen_mode,
        weights_id=bytes.fromhex(info.weights_id),
        video=pictures.format,
        gop=_longest_gop(options, pictures.format.rate),
        quality_index=index,
        alpha=length,
        layers=layers,
    )


def _marked(frames: Iterator[Picture], options: Encoding) -> Iterator[Marked]:
    """The pictures, with their cuts where GOPs follow them; else none is read before it is coded."""
    return marked(frames) if options.follows_cuts else (Marked(picture, is_cut=False) for picture in frames)


def _longest_gop(options: Encoding, rate: Fraction) -> int:
    """The most pictures from one I-picture to the next."""
    return options.longest_gop or max(1, min(LONGEST_GOP, round(LONGEST_GOP_S * rate)))


@dataclass
class _Written:
    """What has been written of a video: the stream, and beside it what the decoder will show, and its distortion."""

    begun: Begun
    recon: Sink | None
    meter: PsnrMeter | None
    source: Source
    pace: Pace
    payload_bytes: int = 0

    def keep(self, runs: Iterator[Iterator[Picture]], networks: EncoderNetworks, options: Encoding) -> None:
        """Go over the GOPs that an earlier run has left; they are decoded only if somebody wants to see them."""
        if self.begun.part is None or not self.begun.part.entries:
            return
        self.payload_bytes = self.begun.payload_bytes
        self.pace.intra, self.pace.others = self.begun.intra, self.begun.others
        with ExitStack() as stack:
            shown: Iterator[Shown | StreamError] = iter(())
            if self.recon is not None or self.meter is not None:
                file = stack.enter_context(self.begun.part.read_back())
                again = decoded(StreamReader(file), networks, Decoding(jobs=options.jobs))
                shown = stack.enter_context(closing(again))
            for picture in self.begun.kept(runs, self.source.name):
                coded = next(shown, None)
                self._show(picture, coded.picture if isinstance(coded, Shown) else None)
        self.pace.keep()

    def take(self, coded: Iterator[CodedGroup], options: Encoding, notices: Notices) -> None:
        """Write all pictures and the end of the stream. Raises InputError if there are none."""
        try:
            with torch.inference_mode():
                for group in coded:
                    self._write(group)
                    notices.pass_on(self.source)
                    for picture in group.shown:
                        self.begun.saw(picture.source)
                        self._show(picture.source, picture.x_hat)
        except BaseException:
            notices.pass_on(self.source)
            if options.keep_partial and self.pace.shown:
                self.begun.writer.finish()
                self.begun.file.close()  # into its place; what the context does after that finds nothing left to do
                notices(f"the {self.pace.shown} pictures coded so far were kept")
            elif left := self.begun.left():
                notices(left)
            raise
        notices.pass_on(self.source)
        if not self.pace.shown:
            raise InputError("the input holds no pictures")
        self.begun.mark()
        self.begun.writer.finish()

    def _write(self, group: CodedGroup) -> None:
        if group.structure is None:
            self.begun.mark()
        size_bytes = write_group(self.begun.writer, group)
        flush(self.begun.file, "the stream")  # for those who wait for it
        self.pace.wrote(intra=group.structure is None, pictures=len(group.pictures), size_bytes=size_bytes)
        self.payload_bytes += sum(len(coded.payload) for coded in group.pictures)

    def _show(self, picture: Picture, x_hat: Picture | None) -> None:
        """Count a picture; x_hat: what the decoder will show, where somebody wants to see it."""
        if self.recon is not None and x_hat is not None:
            self.recon.write(x_hat)
        if self.meter is not None and x_hat is not None:
            self.meter.add(picture, x_hat)
        self.pace.show()


def _verify(target: StreamLike, options: Encoding, backend: str) -> None:
    """Decode what was written, as anybody would. Raises MismatchError at the first picture that differs."""
    with open_stream(target) as written:
        reader = StreamReader(written)
        networks = Networks.of_stream(reader.header, device=options.device, backend=backend)
        for _ in decoded(reader, networks, Decoding(jobs=options.jobs)):
            pass
