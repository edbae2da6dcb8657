"""Code a clip with one codec at one setting, decode and measure it: one point, maybe in a process of its own."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from lvcodec.bench.crops import Box, save_crops
from lvcodec.bench.intra_pictures import intra_pictures
from lvcodec.bench.ours import Lvcodec
from lvcodec.bench.rows import Row
from lvcodec.errors import LvcError
from lvcodec.measure.clips import Clip
from lvcodec.measure.metrics import Measured, measure
from lvcodec.measure.rgb import conversion_name

RESULTS_VERSION = 1  # raise it when figures change their meaning: finished points are coded again then


class Codec(Protocol):
    """What is compared. `points` are its settings; `identity` is all that its results depend on."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def points(self) -> tuple[float, ...]: ...
    @property
    def suffix(self) -> str: ...
    def identity(self) -> dict[str, Any]: ...
    def version(self) -> str: ...
    def command_line(self, clip: Clip, q: float) -> str: ...
    def prepare(self) -> None: ...
    def encode_clip(self, clip: Clip, q: float, target: Path) -> None: ...
    def decode_clip(self, source: Path, clip: Clip, target: Path) -> None: ...


@dataclass(frozen=True)
class Task:
    """A point to be coded.

    shown: numbers (from 0) of the pictures whose crops are kept in `crops`. alone: nothing else runs meanwhile, so
    that times mean something. table2: as in Plan. measured: the row of a point that is coded again for its times only.
    """

    clip: Clip
    codec: Codec
    q: float
    metrics: tuple[str, ...]
    box: Box
    shown: tuple[int, ...]
    folder: Path
    crops: Path
    alone: bool
    table2: bool = False
    measured: Row | None = None

    @property
    def stem(self) -> str:
        """The beginning of the names of this point's files."""
        return f"{self.clip.name}.{self.codec.name}.{self.q:g}"


def key_of(task: Task) -> str:
    """Identifies a point's figures. Raises LvcError if the codec cannot tell its version."""
    facts = [
        RESULTS_VERSION,
        task.clip.digest,
        task.codec.name,
        task.codec.identity(),
        task.q,
        task.metrics,
        task.box.text(),
        task.shown,
    ]
    if task.table2 and isinstance(task.codec, Lvcodec):
        facts.append("the paper's estimate")
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def failed(task: Task, error: BaseException) -> Row:
    """The row of a point that has no figures."""
    text = str(error) if isinstance(error, LvcError) else f"{type(error).__name__}: {error}"
    return Row(
        clip=task.clip.name,
        codec=task.codec.name,
        label=task.codec.label,
        q=task.q,
        error=(text.splitlines() or ["no reason given"])[0],
        command=task.codec.command_line(task.clip, task.q),
    )


def run_point(task: Task) -> Row:
    """Code, decode and measure a point; a failure is a row too."""
    folder = Path(tempfile.mkdtemp(prefix=f"{task.stem}.", dir=task.folder))
    try:
        return _run_point(task, folder)
    except LvcError as error:
        return failed(task, error)
    except Exception as error:  # a fault of one point must not end the others; its traceback stays in the row
        return replace(failed(task, error), notices=traceback.format_exc().splitlines()[-6:])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_point(task: Task, folder: Path) -> Row:
    clip, codec = task.clip, task.codec
    coded, decoded = folder / f"clip.{codec.suffix}", folder / "decoded.yuv"
    key = key_of(task)
    codec.prepare()
    began = time.monotonic()
    codec.encode_clip(clip, task.q, coded)
    encoded = time.monotonic()
    if not coded.is_file() or not coded.stat().st_size:
        raise LvcError(f"{codec.name} encoder wrote no file")
    codec.decode_clip(coded, clip, decoded)
    ended = time.monotonic()
    if not decoded.is_file():
        raise LvcError(f"{codec.name} decoder wrote no file")
    times = _times(clip, encoded - began, ended - encoded) if task.alone else {}
    if task.measured is not None:
        return replace(task.measured, **times)
    intra = intra_pictures(coded) if "flicker" in task.metrics else ()
    measured = measure(clip.raw, decoded, clip.video, metrics=task.metrics, intra=intra)
    save_crops(decoded, clip, task.box, task.shown, task.crops, task.stem)
    size = coded.stat().st_size
    return Row(
        clip=clip.name,
        codec=codec.name,
        label=codec.label,
        q=task.q,
        width=clip.video.width,
        height=clip.video.height,
        rate=str(clip.video.rate),
        pictures=clip.pictures,
        size_bytes=size,
        bpp=clip.bpp(size),
        kbps=clip.kbps(size),
        scores=dict(vars(measured.mean)),
        **times,
        command=codec.command_line(clip, task.q),
        version=codec.version(),
        rgb=conversion_name(clip.video) if "rgb" in task.metrics else "",
        picture_psnr_db=_shown_psnr(measured, task.shown),
        paper_estimate_bpp=codec.paper_estimate_bpp(coded) if task.table2 and isinstance(codec, Lvcodec) else None,
        notices=list(clip.notices),
        key=key,
    )


def _times(clip: Clip, encode_s: float, decode_s: float) -> dict[str, Any]:
    return {
        "encode_s": encode_s,
        "decode_s": decode_s,
        "encode_fps": clip.pictures / max(encode_s, 1e-9),
        "decode_fps": clip.pictures / max(decode_s, 1e-9),
    }


def _shown_psnr(measured: Measured, shown: tuple[int, ...]) -> dict[str, float]:
    values = {str(number): measured.pictures[number].psnr_yuv for number in shown if number < len(measured.pictures)}
    return {number: value for number, value in values.items() if value is not None}
