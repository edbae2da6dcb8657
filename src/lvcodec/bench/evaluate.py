"""Measure any two videos as a comparison measures them: `evaluate` is what `lvcodec eval` calls."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import lvcodec
from lvcodec.bench.intra_pictures import intra_pictures
from lvcodec.errors import InputError, check_known, count_text
from lvcodec.measure.clips import Reading, prepared
from lvcodec.measure.metrics import OF_CLIPS, SCORES, Measured, measure
from lvcodec.measure.rgb import conversion_name
from lvcodec.names import METRICS
from lvcodec.video.rawformat import RAW_SUFFIXES, is_raw, name_hints
from lvcodec.video.reader import ByteReader
from lvcodec.video.source import STREAM_MAGIC, can_be_opened_again, open_reader

PIPE = "-"
_UNCODED = RAW_SUFFIXES | {".y4m"}


@dataclass(frozen=True)
class Evaluation:
    """Figures of one video against another.

    size_bytes, bpp, kbps: of the file that was compared, where it is a coded one and all its pictures were taken.
    """

    pictures: int
    width: int
    height: int
    measured: Measured
    rgb: str
    size_bytes: int | None = None
    bpp: float | None = None
    kbps: float | None = None
    notices: tuple[str, ...] = ()

    def as_dict(self, *, each: bool) -> dict[str, Any]:
        """The same for JSON; each: with every picture's figures."""
        record = {
            "pictures": self.pictures,
            "width": self.width,
            "height": self.height,
            "size_bytes": self.size_bytes,
            "bpp": self.bpp,
            "kbps": self.kbps,
            **asdict(self.measured.mean),
            "rgb": self.rgb,
            "notices": list(self.notices),
        }
        if each:
            record["each"] = [asdict(scores) for scores in self.measured.pictures]
        return record


def evaluate(
    reference: Path,
    distorted: Path,
    reading: Reading,
    *,
    dist_pix_fmt: str | None = None,
    metrics: Sequence[str] = METRICS,
    on_picture: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measure `distorted` (a video, or an lvcodec stream) against `reference`, picture by picture.

    Its pictures are brought to the range and matrix of the reference. dist_pix_fmt: its format, if it is raw and of
    another one than `reading` says. Raises UsageError for a metric that is not known, InputError if one cannot be read,
    or if they differ in size, in their number of pictures, or in a matrix that has no conversion.
    """
    for metric in metrics:
        check_known("metric", metric, METRICS)
    for_ref, for_dist = _readings(reading, reference, distorted, dist_pix_fmt)
    with (
        tempfile.TemporaryDirectory(prefix="lvcodec-eval-") as place,
        prepared("reference", reference, Path(place), for_ref) as ref,
    ):
        decoded = Path(place) / "decoded.y4m"
        shown = _decoded(distorted, decoded)
        if shown == decoded and dist_pix_fmt is None:  # a pipe may be taken for raw until it is read
            for_dist = replace(for_dist, pix_fmt=None)
        elif shown != decoded and reading.size is None and _says_no_size(distorted):
            for_dist = replace(for_dist, size=(ref.video.width, ref.video.height), rate=reading.rate or ref.video.rate)
        with prepared("distorted", shown, Path(place), for_dist, reference=ref.video) as dist:
            sizes = [f"{clip.video.width}x{clip.video.height}" for clip in (ref, dist)]
            if sizes[0] != sizes[1]:
                raise InputError(f"{distorted} is {sizes[1]}, and {reference} {sizes[0]}")
            if ref.pictures != dist.pictures:
                raise InputError(
                    f"{distorted} has {count_text(dist.pictures, 'picture')}, and {reference} {ref.pictures}",
                    "choose those to compare with --frames",
                )
            coded = (
                reading.frames is None and distorted.suffix.lower() not in _UNCODED and can_be_opened_again(distorted)
            )
            intra = intra_pictures(distorted) if coded and "flicker" in metrics else ()
            measured = measure(ref.raw, dist.raw, ref.video, metrics=metrics, intra=intra, on_picture=on_picture)
    size = os.path.getsize(distorted) if coded else None
    return Evaluation(
        ref.pictures,
        ref.video.width,
        ref.video.height,
        measured,
        conversion_name(ref.video) if "rgb" in metrics else "",
        size,
        None if size is None else ref.bpp(size),
        None if size is None else ref.kbps(size),
        tuple(dict.fromkeys([*ref.notices, *dist.notices])),
    )


def lines(evaluation: Evaluation, metrics: Sequence[str]) -> list[str]:
    """The means of those metrics for people, one a line."""
    mean = evaluation.measured.mean
    rows = [("pictures", f"{evaluation.pictures}, {evaluation.width}x{evaluation.height}")]
    if evaluation.size_bytes is not None:
        rate = f"{evaluation.size_bytes} bytes, {evaluation.bpp:.4f} bpp, {evaluation.kbps:.1f} kb/s"
        rows.append(("rate", f"{rate} (the whole file)"))
    figures = {
        "psnr": (
            "PSNR",
            f"Y {_text(mean.psnr_y)}, U {_text(mean.psnr_u)}, V {_text(mean.psnr_v)}, 6:1:1 {_text(mean.psnr_yuv)} dB",
        ),
        "rgb": ("RGB PSNR", f"{_text(mean.psnr_rgb)} dB ({evaluation.rgb})"),
        "ssim": (
            "SSIM",
            f"{_text(mean.ssim, 4)} (Y {_text(mean.ssim_y, 4)}, U {_text(mean.ssim_u, 4)}, V {_text(mean.ssim_v, 4)})",
        ),
        "ms-ssim": ("MS-SSIM", f"{_text(mean.ms_ssim, 4)} (luma)"),
        "vmaf": ("VMAF", _text(mean.vmaf)),
        "xpsnr": (
            "XPSNR",
            f"Y {_text(mean.xpsnr_y)}, U {_text(mean.xpsnr_u)}, V {_text(mean.xpsnr_v)}, 6:1:1 {_text(mean.xpsnr)} dB",
        ),
        "flicker": (
            "flicker",
            f"{_text(mean.flicker)} dB (PSNR-Y of changes from picture to picture), "
            f"pumping {_text(mean.pumping)} dB (I-pictures below the others)",
        ),
    }
    rows += [figure for metric, figure in figures.items() if metric in metrics]
    return [f"{name:<9} {text}" for name, text in rows]


def picture_table(evaluation: Evaluation) -> list[list[str]]:
    """A heading and a row of figures a picture."""
    names = [name for name in SCORES if name not in OF_CLIPS]
    rows = [
        [str(number), *(_text(getattr(scores, name), 4 if "ssim" in name else 2) for name in names)]
        for number, scores in enumerate(evaluation.measured.pictures)
    ]
    return [["picture", *names], *rows]


def _text(value: float | None, digits: int = 2) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"


def _readings(reading: Reading, reference: Path, distorted: Path, dist_pix_fmt: str | None) -> tuple[Reading, Reading]:
    """How REF and DIST are read: a pixel format is said of raw files, of both unless DIST has its own."""
    raw = [is_raw(path.suffix.lower(), sized=reading.size is not None) for path in (reference, distorted)]
    ref, dist = (reading if is_it or not any(raw) else replace(reading, pix_fmt=None) for is_it in raw)
    return ref, dist if dist_pix_fmt is None else replace(dist, pix_fmt=dist_pix_fmt)


def _says_no_size(path: Path) -> bool:
    return is_raw(path.suffix.lower(), sized=False) and name_hints(str(path)).size is None


def _decoded(path: Path, target: Path) -> Path | ByteReader:
    """What to read of a video: if it is an lvcodec stream, `target`, into which it is decoded; else itself.

    It may be a pipe, which is opened once.
    """
    if not (os.path.exists(path) or str(path) == PIPE):
        return path  # numbered pictures, or nothing: opening it as a video tells
    reader = open_reader(path)
    if reader.peek(len(STREAM_MAGIC)) != STREAM_MAGIC:
        return reader
    with reader:
        lvcodec.decode(cast(BinaryIO, reader), target)
    return target
