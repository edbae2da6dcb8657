"""Whole videos to streams: what `lvcodec.encode` calls.

source ──► GOPs ──► encode, several GOPs side by side ──► records ──► stream
                                                    └───► what the decoder will show: --recon, PSNR
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lvcodec import quality
from lvcodec.codec.decoding import decoded
from lvcodec.codec.gop import Shown
from lvcodec.codec.networks import Networks
from lvcodec.codec.notices import Notices
from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.encoder.clip import opened
from lvcodec.encoder.errors import forget_references
from lvcodec.encoder.groups import CodedGroup, write_group
from lvcodec.encoder.network import EncoderNetworks
from lvcodec.encoder.pace import Pace
from lvcodec.encoder.qualities import Qualities, planned
from lvcodec.encoder.resume import Begun, begin_stream
from lvcodec.encoder.side import Side
from lvcodec.errors import InputError, MissingPicturesError, StreamError, UsageError, count_text
from lvcodec.exact.loaded import without_gradients
from lvcodec.exact.settings import whole_products
from lvcodec.measure.psnr import PsnrMeter
from lvcodec.options import Decoding, Encoding
from lvcodec.report import EncodeReport, OnNotice, OnPicture, OnProgress
from lvcodec.stream.container import StreamReader
from lvcodec.stream.files import is_path, open_stream
from lvcodec.video.atomic import check_output
from lvcodec.video.base import Sink, Source
from lvcodec.video.part import check_part
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink
from lvcodec.video.writing import flush

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
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    qualities: Qualities | None = None,
    whole: Callable[[Begun], None] | None = None,
    starts: Collection[int] | None = None,
    first_gop: int = 0,
) -> EncodeReport:
    """See lvcodec.encode; source may also be one that is open.

    qualities: of the GOPs, in place of the options' one. whole: called when the stream is complete, but not yet in its
    place; an exception leaves it as it is then. starts: numbers of the pictures that GOPs begin with, from 0, where
    that is known already. first_gop: the number of the first GOP, where the source is a piece of a film.
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
        stack.callback(forget_references)
        clip = stack.enter_context(opened(source, options, qualities.index, notices, starts))
        pictures, header = clip.pictures, clip.header
        recon = _open_recon(options, pictures, notices)
        if recon is not None:
            stack.enter_context(recon)
        begun = stack.enter_context(begin_stream(target, header, options, qualities))
        pace = Pace(pictures, header.gop, on_picture, on_progress)
        written = _Written(begun, recon, PsnrMeter() if options.psnr else None, pictures, clip.side, pace)
        written.keep(clip.runs, clip.networks, options)
        if clip.limit is not None:
            clip.limit.go_on(begun.records)
        written.take(clip.coded(planned(clip.runs, qualities, first=first_gop + begun.gops)), options, notices)
        if clip.limit is not None:
            clip.limit.tell(notices)
        if whole is not None:
            whole(begun)
    elapsed = time.monotonic() - began
    if options.verify:
        _verify(target, options, clip.networks.backend)
        notices("verified: the stream decodes to the encoder's pictures")
    return written.report(elapsed, options, notices)


def _index(asked: float, notices: Notices) -> int:
    """The index of a quality, with a notice where that is another one."""
    index = quality.index_of(asked)
    if abs(quality.of_index(index) - asked) > 1e-9:
        notices(
            f"quality {float(asked):g} is coded as {quality.of_index(index):g}: "
            f"qualities go in steps of {1 / quality.INDICES_A_QUALITY:g}"
        )
    return index


@dataclass
class _Written:
    """What has been written of a video: the stream, and beside it what the decoder will show, and its distortion."""

    begun: Begun
    recon: Sink | None
    meter: PsnrMeter | None
    source: Source
    side: Side
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
            with without_gradients():
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
                notices(f"kept what is coded so far: {count_text(self.pace.shown, 'picture')}")
            elif left := self.begun.left():
                notices(left)
            raise
        notices.pass_on(self.source)
        if not self.pace.shown:
            raise InputError("the input holds no pictures")
        self.begun.mark()
        self.side.write(self.begun.writer, self.source, self.pace.shown)
        self.begun.writer.finish()

    def report(self, elapsed_s: float, options: Encoding, notices: Notices) -> EncodeReport:
        """What it came to. Raises MissingPicturesError, with the report, if pictures are missing and may not be."""
        report = EncodeReport.measured(
            self.source.format,
            pictures=self.pace.shown,
            size_bytes=self.begun.writer.size_bytes,
            payload_bytes=self.payload_bytes,
            kept=self.pace.kept,
            elapsed_s=elapsed_s,
            psnr_db=self.meter.mean() if self.meter else None,
            side_bytes=self.begun.writer.side_bytes,
            missing=self.source.missing,
            notices=notices.texts,
        )
        if report.missing and not options.lenient:
            raise MissingPicturesError(
                f"{self.source.name} lacks about {count_text(report.missing, 'picture')}",
                f"the {report.pictures} that came are coded; --lenient (lenient=True) accepts that",
                report=report,
            )
        return report

    def _write(self, group: CodedGroup) -> None:
        if group.begins_gop:
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


def _open_recon(options: Encoding, pictures: Source, notices: Notices) -> Sink | None:
    """Where the pictures that the decoder will show go, if they are wanted; what it makes of them is told."""
    if options.recon is None:
        return None
    recon = open_sink(options.recon, pictures.format, overwrite=options.overwrite, count=pictures.count)
    for text in recon.notices:
        notices(text)
    return recon


def _verify(target: StreamLike, options: Encoding, backend: str) -> None:
    """Decode what was written, as anybody would. Raises MismatchError at the first picture that differs."""
    with open_stream(target) as written:
        reader = StreamReader(written)
        networks = Networks.of_stream(reader.header, device=options.device, backend=backend)
        for _ in decoded(reader, networks, Decoding(jobs=options.jobs)):
            pass
