"""Measure how fast the codec is on this machine.

    python tools/speed.py CLIP

For each size that the clip is scaled to, each mode, and each way to share the processor: pictures encoded and decoded
a second, from the first that is there to the last, so that loading networks does not count. Before that, what the
machine's matrix products reach; after it, on request, codecs of ffmpeg on the same pictures, and learned codecs of
CompressAI with random weights. Ways take turns within each size and mode, the best of the rounds counts: trust ratios,
and those of one run.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch

import lvcodec
from lvcodec import names
from lvcodec.bench import machine
from lvcodec.errors import LvcError
from lvcodec.exact.backends import layers_of, works
from lvcodec.exact.formats import INT8
from lvcodec.exact.loaded import limited_to
from lvcodec.exact.ops import Conv
from lvcodec.names import DEFAULT_MODE
from lvcodec.quality import DEFAULT, HIGHEST, LOWEST
from lvcodec.video.ffmpeg import FfmpegProcess, file_argument

SIZES = {"QCIF": (176, 144), "CIF": (352, 288), "720p": (1280, 720), "1080p": (1920, 1080)}
GOP = 6  # of the paper's modes
LEARNED = ("ssf2020", "cheng2020-anchor")
FFMPEG = {
    "x264": ("-c:v", "libx264", "-preset", "medium"),
    "x265": ("-c:v", "libx265", "-preset", "medium"),
    "svt-av1": ("-c:v", "libsvtav1", "-preset", "8"),
}
POOLS = {"x265": "-x265-params pools={0}:log-level=none", "svt-av1": "-svtav1-params lp={0}"}  # beside -threads


@dataclass(frozen=True)
class Way:
    """So many threads of the processor, shared by so many GOPs at a time."""

    threads: int
    jobs: int

    @property
    def label(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return threads if self.jobs == 1 else f"{threads}, {self.jobs} jobs"

    @classmethod
    def parse(cls, text: str) -> Way:
        """From "2x1": threads, jobs."""
        threads, _, jobs = text.partition("x")
        if not (threads.isdecimal() and jobs.isdecimal() and int(threads) and int(jobs)):
            raise click.BadParameter(f"{text} is not THREADSxJOBS")
        return cls(int(threads), int(jobs))


def scaled(clip: Path, target: Path, size: tuple[int, int], pictures: int) -> None:
    """The clip at another size, from its beginning again where it ends. Raises InputError if ffmpeg cannot."""
    process = FfmpegProcess(
        [
            "-y",
            "-stream_loop",
            "-1",
            "-i",
            file_argument(clip),
            "-map",
            "0:v:0",
            "-vf",
            "scale={}:{}".format(*size),
            "-pix_fmt",
            "yuv420p",
            "-frames:v",
            str(pictures),
            file_argument(target),
        ],
        what=f"cannot scale {clip}",
    )
    process.stdout.read()
    process.check()


def rate(code: Callable[..., object]) -> float:
    """Pictures a second of a function that calls `on_picture` after each."""
    times: list[float] = []
    code(on_picture=lambda done, total: times.append(time.perf_counter()))
    return (len(times) - 1) / (times[-1] - times[0])


def measure(clip: Path, mode: str, ways: Sequence[Way], quality: float, rounds: int) -> list[tuple[float, float]]:
    """Pictures encoded and decoded a second, the best of the rounds, by way."""
    best = [(0.0, 0.0)] * len(ways)
    gop = None if mode == DEFAULT_MODE else GOP
    with tempfile.TemporaryDirectory() as folder:
        stream, shown = Path(folder) / "a.lvc", Path(folder) / "a.y4m"
        lvcodec.encode(clip, stream, mode=mode, quality=quality, gop=gop, frames=(0, 2))  # networks are loaded
        for _ in range(rounds):
            for number, way in enumerate(ways):
                with limited_to(way.threads):
                    encoded = rate(
                        partial(
                            lvcodec.encode,
                            clip,
                            stream,
                            mode=mode,
                            quality=quality,
                            gop=gop,
                            jobs=way.jobs,
                            overwrite=True,
                        )
                    )
                    decoded = rate(partial(lvcodec.decode, stream, shown, jobs=way.jobs, overwrite=True))
                best[number] = max(best[number][0], encoded), max(best[number][1], decoded)
    return best


def by_ffmpeg(
    name: str, crf: int, pictures: int, rounds: int, clip: Path, size: tuple[int, int], threads: int
) -> tuple[float, float]:
    """Pictures encoded and decoded a second by a codec of ffmpeg's, whole commands, the best of the rounds."""
    own = ("-threads", str(threads))
    pool = POOLS.get(name, "").format(threads).split()
    encoded = decoded = 0.0
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "a.mkv"
        to_file = ["-y", "-i", str(clip), *FFMPEG[name], *pool, *own, "-crf", str(crf), str(target)]
        to_raw = [
            *own,
            "-i",
            str(target),
            "-f",
            "rawvideo",
            "-pix_fmt",
            "yuv420p",
            "-y",
            str(Path(folder) / "a.yuv"),
        ]
        for _ in range(rounds):
            encoded = max(encoded, pictures / seconds(to_file, name))
            decoded = max(decoded, pictures / seconds(to_raw, name))
    return encoded, decoded


def seconds(command: list[str], name: str) -> float:
    """What a command of ffmpeg takes. Raises InputError if it fails."""
    began = time.perf_counter()
    process = FfmpegProcess(command, what=f"{name} failed")
    process.stdout.read()
    process.check()
    return time.perf_counter() - began


def products(threads: int) -> dict[str, float]:
    """Billions of multiply-accumulates a second of the best large products: as the layers are computed, and plain."""
    reached: dict[str, float] = {}
    with limited_to(threads), torch.inference_mode():
        channels, side = 512, 64
        layer = Conv(channels, channels, fmt=INT8, act="relu", in_max=128)
        layer.load_integers(
            "measured",
            torch.randint(-INT8.weight_max, INT8.weight_max + 1, layer.weight.shape),
            torch.zeros(channels),
            torch.full((channels,), 12),
        )
        backend = layers_of("int8" if works("int8", "cpu") else "float")
        layer.use(backend)
        x = backend.units(torch.randint(INT8.low, INT8.high + 1, (1, channels, side, side)).float(), 1.0)
        reached["8-bit layer"] = channels * channels * side * side / best_time(partial(layer, x)) / 1e9
        for name, kind in (("bfloat16", torch.bfloat16), ("float32", torch.float32), ("float64", torch.float64)):
            a, b = (torch.rand(1024, 1024).to(kind) for _ in range(2))
            reached[name] = 1024**3 / best_time(partial(torch.mm, a, b)) / 1e9
    return reached


def best_time(function: Callable[[], object], times: int = 20) -> float:
    """Seconds of the fastest of so many calls."""
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - began)
    return best


def rgb(clip: Path, size: tuple[int, int], pictures: int) -> list[torch.Tensor]:
    """The clip's first pictures, each (1, 3, H, W) in 0..1, repeated at their edges up to multiples of 128."""
    width, height = size
    process = FfmpegProcess(
        ["-i", str(clip), "-frames:v", str(pictures), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        what=f"cannot read {clip}",
    )
    data = np.frombuffer(process.stdout.read(), np.uint8).reshape(pictures, height, width, 3)
    process.check()
    grown = np.pad(data, ((0, 0), (0, -height % 128), (0, -width % 128), (0, 0)), mode="edge")
    return [torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255 for picture in grown]


def learned(name: str, clip: Path, size: tuple[int, int], threads: int, pictures: int = 3) -> tuple[float, float]:
    """Pictures encoded and decoded a second by a model of CompressAI's with random weights, to bytes and back."""
    with warnings.catch_warnings(), limited_to(threads), torch.inference_mode():
        warnings.simplefilter("ignore")
        from compressai.zoo import cheng2020_anchor, ssf2020

        torch.manual_seed(0)
        model = (ssf2020 if name == "ssf2020" else cheng2020_anchor)(1, pretrained=False).eval()
        model.update(force=True)
        shown = rgb(clip, size, pictures)
        began = time.perf_counter()
        if name == "ssf2020":
            streams = model.compress(shown)
            between = time.perf_counter()
            model.decompress(*streams)
        else:
            every = [model.compress(x) for x in shown]
            between = time.perf_counter()
            for one in every:
                model.decompress(one["strings"], one["shape"])
        return pictures / (between - began), pictures / (time.perf_counter() - between)


def row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    click.echo("| " + " | ".join(shown(cell) if isinstance(cell, float) else str(cell) for cell in cells) + " |")


def shown(figure: float) -> str:
    """Three digits, or all before the point."""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.3g}"


def head(*cells: str) -> None:
    """Print the head of one."""
    click.echo()
    row(*cells)
    row(*("---" for _ in cells))


def compare(
    what: str,
    codes: Mapping[str, Callable[..., tuple[float, float]]],
    clips: Mapping[str, Path],
    threads: Sequence[int],
) -> None:
    """Print the speeds of other codecs; each is called with a clip, its size and a number of threads."""
    if codes:
        head("size", what, *(f"{Way(count, 1).label}: {side}" for count in threads for side in ("encode", "decode")))
    for size, clip in clips.items():
        for name, code in codes.items():
            row(size, name, *(value for count in threads for value in code(clip, SIZES[size], count)))


@click.command()
@click.argument("clip", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--size",
    "sizes",
    type=click.Choice(list(SIZES)),
    multiple=True,
    default=list(SIZES),
    help="May be repeated.  [default: all]",
)
@click.option(
    "--mode",
    "modes",
    type=click.Choice(names.MODES),
    multiple=True,
    default=names.MODES,
    help="May be repeated.  [default: all]",
)
@click.option(
    "--way",
    "ways",
    multiple=True,
    default=("1x1", "2x1", "2x2"),
    show_default=True,
    metavar="THREADSxJOBS",
    help="May be repeated.",
)
@click.option(
    "--pictures",
    type=click.IntRange(min=4),
    help=f"Of the clip, which begins again where it ends.  [default: {GOP} for each job]",
)
@click.option("-q", "--quality", type=click.FloatRange(LOWEST, HIGHEST), default=DEFAULT, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=2, show_default=True, help="The best counts.")
@click.option(
    "--ffmpeg",
    "codecs",
    type=click.Choice(list(FFMPEG)),
    multiple=True,
    help="Also this codec of ffmpeg's, whole commands at each size: with many --pictures starting counts less.",
)
@click.option("--crf", type=click.IntRange(0, 51), default=28, show_default=True, help="Of those.")
@click.option(
    "--learned",
    "others",
    type=click.Choice(LEARNED),
    multiple=True,
    help="Also CompressAI's, with random weights, at each size.",
)
def main(
    clip: Path,
    sizes: tuple[str, ...],
    modes: tuple[str, ...],
    ways: tuple[str, ...],
    pictures: int | None,
    quality: float,
    rounds: int,
    codecs: tuple[str, ...],
    crf: int,
    others: tuple[str, ...],
) -> None:
    """Measure how fast CLIP's pictures are encoded and decoded here; print Markdown tables."""
    asked = [Way.parse(text) for text in ways]
    pictures = pictures or GOP * max(2, *(way.jobs for way in asked))
    facts = machine.describe(jobs=1, threads=1)
    click.echo(", ".join(f"{name} {facts[name]}" for name in ("processor", "cores", "python", "torch", "lvcodec")))
    try:
        every = {threads: products(threads) for threads in sorted({way.threads for way in asked})}
        head("threads", *(f"{name}, GMAC/s" for name in next(iter(every.values()))))
        for threads, speeds in every.items():
            row(threads, *speeds.values())
        head("size", "mode", *(f"{way.label}: {what}" for way in asked for what in ("encode", "decode")))
        with tempfile.TemporaryDirectory() as folder:
            clips = {size: Path(folder) / f"{size}.y4m" for size in sizes}
            for size, target in clips.items():
                scaled(clip, target, SIZES[size], pictures)
                for mode in modes:
                    row(
                        size,
                        f"`{mode}`",
                        *(value for pair in measure(target, mode, asked, quality, rounds) for value in pair),
                    )
            counts = list(every)
            others_by = {
                "codec, whole commands": {name: partial(by_ffmpeg, name, crf, pictures, rounds) for name in codecs},
                "model": {name: partial(learned, name) for name in others},
            }
            for what, codes in others_by.items():
                compare(what, codes, clips, counts)
    except LvcError as error:
        raise click.ClickException(error.message) from error


if __name__ == "__main__":
    main()
