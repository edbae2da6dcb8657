"""Encoding towards a size, a bit rate, or a figure of quality, on one machine.

    source ─► samples ─► coded at one quality after another ─► the quality of all ─► encoding.encode ─► size ─► done
                                                                        ▲                              │
                                                                        └─── its last GOPs, coarser ◄──┘ or finer

trials.py has the samples and the search, aim.py what a size changes.
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvcodec.codec.notices import Notices
from lvcodec.codec.out_of_memory import enough_memory
from lvcodec.encoder import encoding, trials
from lvcodec.encoder.aim import Aim
from lvcodec.encoder.clip import opened
from lvcodec.encoder.qualities import Qualities
from lvcodec.encoder.resume import Begun, check_same
from lvcodec.errors import UsageError
from lvcodec.exact.settings import whole_products
from lvcodec.options import Encoding
from lvcodec.report import EncodeReport, OnNotice, OnPicture, OnProgress
from lvcodec.stream.files import is_path
from lvcodec.video.atomic import check_output, is_special
from lvcodec.video.part import check_part, part_of, read_entries

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike
    from lvcodec.video.base import VideoLike


class _Again(Exception):
    """The stream is complete, and misses its size: some of it is to be coded again, at other qualities."""

    def __init__(self, aim: Aim) -> None:
        super().__init__()
        self.aim = aim


def encode(
    source: VideoLike,
    target: StreamLike,
    options: Encoding,
    *,
    on_picture: OnPicture | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
) -> EncodeReport:
    """See lvcodec.encode; at a quality, or towards what `options` aim at."""
    options.validate()
    told: dict[str, Any] = {"on_picture": on_picture, "on_progress": on_progress, "on_notice": on_notice}
    if not options.has_target:
        return encoding.encode(source, target, options, **told)
    _check(source, target, options)
    notices = Notices(on_notice)
    aim = _left(target, options) or _found(source, options, notices, on_progress or (lambda progress: None))
    while True:

        def whole(begun: Begun, aim: Aim = aim) -> None:
            _check_size(begun, aim)

        try:
            report = encoding.encode(source, target, options, qualities=aim.qualities, whole=whole, **told)
        except _Again as again:
            aim, options = again.aim, replace(options, resume=True)
            continue
        if shortfall := aim.shortfall(report.size_bytes - report.side_bytes):
            notices(shortfall)
        return replace(report, notices=(*notices.texts, *report.notices))


def _check(source: VideoLike, target: StreamLike, options: Encoding) -> None:
    """Refuse before slow work what cannot work."""
    again = not hasattr(source, "read")  # an array, or pictures with their format
    if isinstance(source, str | os.PathLike):
        again = is_path(source) and not is_special(Path(source))
    if not again:
        raise UsageError("a target needs the video twice, and a pipe gives it once", "name a file, or --quality")
    if options.has_size and (not is_path(target) or is_special(Path(str(target)))):
        raise UsageError("a size or a bit rate is for a stream that goes into a file", "name one, or --maxrate")
    check_output(target, source, overwrite=options.overwrite)
    check_part(target, resume=options.resume, overwrite=options.overwrite)


def _check_size(begun: Begun, aim: Aim) -> None:
    """Compare a stream that is complete with its size. Raises _Again if it misses that, and could be nearer."""
    if begun.part is None:
        return
    gops = [end - start for start, end in pairwise([0, *(entry["bytes"] for entry in begun.part.entries)])]
    other = aim.corrected(begun.writer.size_bytes - begun.writer.side_bytes, gops)
    if other is not None:
        begun.part.begun_as["qualities"] = other.qualities.text()
        begun.part.cut(begun.part.entries[: other.change.gop if other.change else 0])
        raise _Again(other)


def _left(target: StreamLike, options: Encoding) -> Aim | None:
    """What an earlier run has found, if it is gone on with. Raises InputError if it aimed at something else."""
    entries = read_entries(part_of(str(target))) if options.resume and is_path(target) else []
    if len(entries) < 2:
        return None
    begun_as = entries[0]
    check_same(part_of(str(target)), begun_as, {"target": options.target_text})
    return Aim(Qualities.of_text(begun_as["qualities"]))


@enough_memory()
@whole_products()
def _found(source: VideoLike, options: Encoding, notices: Notices, on_progress: OnProgress) -> Aim:
    """Which qualities the target takes. What is to be said of the source is said when it is coded."""
    wanted = options if options.target_size is not None else replace(options, video_only=True)
    with opened(source, wanted, trials.FIRST, Notices(None)) as clip:
        return trials.found(clip, clip.runs, clip.coded, options, notices, on_progress)
