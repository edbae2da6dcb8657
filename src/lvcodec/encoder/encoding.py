"""Whole videos to streams: what `lvcodec.encode` calls.

source ──► GOPs ──► encode, several GOPs side by side ──► records ──► stream
                                                    └───► what the decoder will show: --recon, PSNR
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

import torch

from lvcodec import names, quality
from lvcodec.codec.decoding import decoded
from lvcodec.codec.jobs import ahead_of, default_jobs
from lvcodec.codec.networks import Networks
from lvcodec.codec.notices import Notices
from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.codec.pipeline import pipelined
from lvcodec.encoder.choices import alpha_of, gops_of, header_of, is_long, layers_of, model_of, open_clip
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.encoder.gop import GopEncoder
from lvcodec.encoder.groups import CodedGroup, CodedPicture, GroupCoder
from lvcodec.encoder.network import EncoderNetworks
from lvcodec.encoder.side import Side, side_of
from lvcodec.errors import InputError, MissingPicturesError, UsageError
from lvcodec.exact.settings import whole_products
from lvcodec.measure.psnr import PsnrMeter
from lvcodec.models.store import ModelInfo
from lvcodec.options import Decoding, Encoding
from lvcodec.report import EncodeReport, OnNotice, OnPicture
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.files import create_stream, is_path, open_stream
from lvcodec.stream.records import planes_checksum
from lvcodec.stream.structure import LAYER_CHAIN
from lvcodec.video.atomic import check_output
from lvcodec.video.base import Sink, Source
from lvcodec.video.sink import open_sink

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike
    from lvcodec.video.base import VideoLike


@enough_memory()
@whole_products()
def encode(
    source: VideoLike | Source,
    target: StreamLike,
    options: Encoding,
    *,
    on_picture: OnPicture | None = None,
    on_notice: OnNotice | None = None,
    starts: Collection[int] | None = None,
) -> EncodeReport:
    """See lvcodec.encode; source may also be one that is open.

    starts: numbers of the pictures that GOPs begin with, from 0, where that is known already.
    """
    options.validate()
    if options.verify and not is_path(target):
        raise UsageError("verify reads the stream back and needs a file to write to")
    check_output(target, source, overwrite=options.overwrite)
    if options.recon is not None:
        check_output(options.recon, source, outputs=[target], overwrite=options.overwrite)
    notices = Notices(on_notice)
    info, index = model_of(options), quality.index_of(options.quality)
    if abs(quality.of_index(index) - options.quality) > 1e-9:
        notices(
            f"quality {float(options.quality):g} is coded as {quality.of_index(index):g}: "
            f"qualities go in steps of {1 / quality.INDICES_A_QUALITY:g}"
        )
    began = time.monotonic()
    with ExitStack() as stack:
        pictures = stack.enter_context(open_clip(source, options))
        notices.pass_on(pictures)
        side = stack.enter_context(side_of(pictures, options, notices))
        networks = EncoderNetworks(
            info,
            pictures.format,
            index,
            device=options.device,
            backend=options.backend,
            on_notice=notices,
            effort=options.effort,
        )
        side_by_side = stack.enter_context(ThreadPoolExecutor(torch.get_num_threads(), "lvcodec structure"))
        layers = layers_of(options, info, pictures.format.rate)
        if options.chosen_mode not in names.PAPER_MODES:
            _ = networks.at(index).inter  # refused before anything is written
        nets = tuple(networks.at(max(0, index - coarser)) for coarser in (0, *layers))
        coder = GroupCoder(nets, DECISIONS[options.chosen_mode])
        encoder = _gop_encoder(options, info, coder, side_by_side, pictures.format.rate)
        recon = None
        if options.recon is not None:
            recon = stack.enter_context(
                open_sink(options.recon, pictures.format, overwrite=options.overwrite, count=pictures.count)
            )
        out = stack.enter_context(create_stream(target, overwrite=options.overwrite))
        writer = StreamWriter(out, header_of(options, info, index, layers, pictures.format))
        written = _Written(writer, out, recon, PsnrMeter() if options.psnr else None, side)
        written.take(_coded(encoder, options, pictures, starts), pictures, options, notices, on_picture)
    elapsed = time.monotonic() - began
    if options.verify:
        _verify(target, options, networks.backend)
        notices("verified: the stream decodes to the encoder's pictures")
    report = EncodeReport.measured(
        pictures.format,
        pictures=written.count,
        size_bytes=writer.size_bytes,
        payload_bytes=written.payload_bytes,
        elapsed_s=elapsed,
        psnr_db=written.meter.mean() if written.meter else None,
        side_bytes=writer.side_bytes,
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


def _gop_encoder(
    options: Encoding, info: ModelInfo, coder: GroupCoder, side_by_side: Executor, rate: Fraction
) -> GopEncoder:
    decisions = coder.decisions
    key_every = (
        decisions.key_every
        if decisions and coder.nets[0] is not coder.nets[LAYER_CHAIN] and is_long(options, rate)
        else 0
    )
    return GopEncoder(coder, side_by_side, options.most_bframes + 1, key_every, alpha_of(options, info))


def _coded(
    encoder: GopEncoder,
    options: Encoding,
    pictures: Source,
    starts: Collection[int] | None,
) -> Iterator[CodedGroup]:
    video = pictures.format
    jobs = options.jobs or default_jobs(video.width, video.height)
    runs = gops_of(pictures, options, video.rate, starts)
    ahead = ahead_of(video.picture_bytes)
    return pipelined(runs, encoder.encode, jobs, ahead, max(1, ahead // encoder.run))


@dataclass
class _Written:
    """What has been written of a video: the stream, and beside it what the decoder will show, and its distortion."""

    writer: StreamWriter
    out: BinaryIO
    recon: Sink | None
    meter: PsnrMeter | None
    side: Side
    count: int = 0
    payload_bytes: int = 0

    def take(
        self,
        coded: Iterator[CodedGroup],
        source: Source,
        options: Encoding,
        notices: Notices,
        on_picture: OnPicture | None,
    ) -> None:
        """Write all pictures and the end of the stream. Raises InputError if there are none."""
        try:
            with torch.inference_mode():
                for group in coded:
                    self._write(group)
                    notices.pass_on(source)
                    for picture in group.shown:
                        self._show(picture)
                        if on_picture:
                            on_picture(self.count, source.expected)
        except BaseException:
            notices.pass_on(source)
            if options.keep_partial and self.count:
                self.writer.finish()
                self.out.close()  # into its place; what the context does after that finds nothing left to do
                notices(f"the {self.count} pictures coded so far were kept")
            raise
        notices.pass_on(source)
        if not self.count:
            raise InputError("the input holds no pictures")
        self.side.write(self.writer, source, self.count)
        self.writer.finish()

    def _write(self, group: CodedGroup) -> None:
        pictures = [(coded.payload, planes_checksum(coded.x_hat)) for coded in group.pictures]
        qualities = [coded.quality_index for coded in group.pictures]
        if group.structure is None:
            self.writer.intra(*pictures[0], qualities[0])
        else:
            self.writer.group(group.structure, pictures, qualities)
        self.payload_bytes += sum(len(payload) for payload, _ in pictures)

    def _show(self, coded: CodedPicture) -> None:
        self.count += 1
        if self.recon is not None:
            self.recon.write(coded.x_hat)
        if self.meter is not None:
            self.meter.add(coded.source, coded.x_hat)


def _verify(target: StreamLike, options: Encoding, backend: str) -> None:
    """Decode what was written, as anybody would. Raises MismatchError at the first picture that differs."""
    with open_stream(target) as written:
        reader = StreamReader(written)
        networks = Networks.of_stream(reader.header, device=options.device, backend=backend)
        for _ in decoded(reader, networks, Decoding(jobs=options.jobs)):
            pass
