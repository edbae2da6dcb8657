"""Tables of single points: their figures, how fast they were coded, and those that failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lvcodec.bench.rows import Row
from lvcodec.bench.table import Table, plain

POINTS_TITLE = "All points"
_SCORES = {  # columns: a score, and its digits
    "Y": ("psnr_y", 2),
    "U": ("psnr_u", 2),
    "V": ("psnr_v", 2),
    "YUV": ("psnr_yuv", 2),
    "RGB": ("psnr_rgb", 2),
    "SSIM": ("ssim", 4),
    "MS-SSIM": ("ms_ssim", 4),
    "VMAF": ("vmaf", 2),
    "XPSNR": ("xpsnr", 2),
    "flicker": ("flicker", 2),
    "pumping": ("pumping", 2),
}


def speed(rows: Sequence[Row], labels: Mapping[str, str]) -> Table:
    """Pictures a second by codec. labels: of codecs, by name."""
    lines = []
    for codec, label in labels.items():
        timed = [row for row in rows if row.codec == codec and row.encode_fps and row.decode_fps]
        cells = [_mean(row.encode_fps for row in timed), _mean(row.decode_fps for row in timed)]
        version = next((row.version for row in rows if row.codec == codec), "")
        lines.append([label, *cells, str(len(timed)), version])
    return Table(
        "Speed, pictures a second",
        ["codec", "encode", "decode", "timed points", "version"],
        lines,
        "Mean over timed points; the whole of a command or call, files included, no point beside it.",
    )


def all_points(rows: Sequence[Row]) -> Table:
    """What each point cost and gave."""
    lines = [
        [
            row.clip,
            row.label,
            f"{row.q or 0:g}",
            f"{row.size_bytes}",
            f"{row.bpp:.4f}",
            f"{row.kbps:.1f}",
            *(plain(row.score(name), digits) for name, digits in _SCORES.values()),
            plain(row.encode_fps, 1),
            plain(row.decode_fps, 1),
        ]
        for row in rows
    ]
    return Table(
        POINTS_TITLE,
        ["clip", "codec", "setting", "bytes", "bpp", "kb/s", *_SCORES, "encode fps", "decode fps"],
        lines,
        "PSNR in dB of the planes, 6:1:1 and as RGB (chroma upsampled by ffmpeg's bicubic filter); XPSNR in dB, 6:1:1; "
        "flicker: PSNR-Y of changes from picture to picture, in dB; pumping: how many dB of it I-pictures lie below "
        "the others.",
    )


def failures(rows: Sequence[Row]) -> Table:
    """Why points have no figures."""
    return Table(
        "Failures",
        ["clip", "codec", "setting", "reason"],
        [[row.clip, row.codec or "all", "" if row.q is None else f"{row.q:g}", row.error] for row in rows],
    )


def _mean(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return plain(sum(known) / len(known) if known else None, 1)
