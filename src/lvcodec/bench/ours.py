"""lvcodec as a codec to compare: one mode at several qualities, through the library's encode and decode."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import lvcodec
from lvcodec import names, quality
from lvcodec.exact.loaded import limited_to
from lvcodec.measure.clips import Clip
from lvcodec.models import store
from lvcodec.options import Decoding, Encoding
from lvcodec.presets import DEFAULT_PRESET

MODELS_VARIABLE = "LVCODEC_MODELS"
EFFORT = "-effort-"  # in names, before the number


@dataclass(frozen=True)
class Lvcodec:
    """lvcodec in one mode; the points of its curve are qualities. latents: as in Encoding, of modes that shift."""

    mode: str
    points: tuple[float, ...]
    family: str = names.DEFAULT_FAMILY
    model: str | None = None
    gop: int | str | None = None
    bframes: int | str = names.AUTO
    threads: int = 1
    device: str = names.AUTO
    effort: int | None = None
    preset: str = DEFAULT_PRESET
    latents: str | None = None

    @property
    def name(self) -> str:
        """As it is called in tables."""
        name = f"lvcodec-{self.mode}" if self.family == names.DEFAULT_FAMILY else f"lvcodec-{self.family}-{self.mode}"
        if self.preset != DEFAULT_PRESET:
            name = f"{name}-{self.preset}"
        return f"{name}{EFFORT}{self.effort}" if self.effort else name

    @property
    def label(self) -> str:
        """As plots call it."""
        return self.name.replace("-", " ")

    suffix = "lvc"

    def identity(self) -> dict[str, Any]:
        """All that its results depend on. Raises WeightsError if there are no weights."""
        return {
            "lvcodec": self.version(),
            "mode": self.mode,
            "gop": self.gop,
            "bframes": self.bframes,
            **({"effort": self.effort} if self.effort else {}),
            **({"preset": self.preset} if self.preset != DEFAULT_PRESET else {}),
            **({"latents": self.latents} if self.latents else {}),
        }

    def version(self) -> str:
        """The program's version and the weights' identity. Raises WeightsError if there are none."""
        info = self._info()
        return f"lvcodec {lvcodec.__version__}, weights {info.name} {info.weights_id}"

    def _info(self) -> store.ModelInfo:
        return store.find(self.model) if self.model is not None else store.default_of(self.family)

    def encode_clip(self, clip: Clip, q: float, target: Path) -> None:
        """Code a clip at quality q. Raises LvcError if that fails."""
        with self._setting():
            encoding = Encoding(
                size=(clip.video.width, clip.video.height),
                rate=clip.video.rate,
                pix_fmt="yuv420p",
                quality=q,
                mode=self.mode,
                family=self.family,
                model=self.model,
                gop=self.gop,
                bframes=self.bframes,
                effort=self.effort,
                preset=self.preset,
                latents=self.latents,
                device=self.device,
                overwrite=True,
            )
            lvcodec.encode(clip.raw, target, encoding)

    def decode_clip(self, source: Path, clip: Clip, target: Path) -> None:
        """Turn the stream into raw video, checking every picture's checksum. Raises LvcError if that fails."""
        with self._setting():
            lvcodec.decode(source, target, Decoding(device=self.device, overwrite=True))

    def paper_estimate_bpp(self, source: Path) -> float | None:
        """Bits a pixel of a stream as the paper counts them, an estimate; None in modes that are not the paper's."""
        if self.mode not in names.PAPER_MODES:
            return None
        with self._setting():
            info = lvcodec.probe(source, streams=True)
        bits = info.paper_estimate_bits
        return None if bits is None else bits / (info.width * info.height * len(info.pictures))

    def prepare(self) -> None:
        """Load what coding needs, so that the first point's time does not hold it. Raises LvcError if that fails."""
        import lvcodec.encoder.targeting  # noqa: F401
        from lvcodec.encoder.network import EncoderNetworks
        from lvcodec.video.format import VideoFormat

        index, anything = quality.index_of(self.points[0]), VideoFormat(64, 64, Fraction(1))
        EncoderNetworks(self._info(), anything, index, device=self.device, effort=self.effort or 0).at(index)

    @contextmanager
    def _setting(self) -> Iterator[None]:
        """The threads that were asked for; and the decoder finds a model that was named by its folder."""
        with limited_to(self.threads), ExitStack() as stack:
            if self.model is not None:
                stack.enter_context(_models_also_in(store.find(self.model).path.parent))
            yield

    def command_line(self, clip: Clip, q: float) -> str:
        """The same as a command, without folders."""
        words = [
            "lvcodec",
            "encode",
            f"{clip.name}.yuv",
            f"{clip.name}.lvc",
            "--size",
            f"{clip.video.width}x{clip.video.height}",
            "--fps",
            str(clip.video.rate),
            "-q",
            f"{q:g}",
            "--mode",
            self.mode,
        ]
        if self.gop is not None:
            words += ["--gop", str(self.gop)]
        if self.bframes != names.AUTO:
            words += ["--bframes", str(self.bframes)]
        if self.preset != DEFAULT_PRESET:
            words += ["--preset", self.preset]
        if self.effort:
            words += ["--effort", str(self.effort)]
        if self.latents:
            words += ["--latents", self.latents]
        if self.family != names.DEFAULT_FAMILY:
            words += ["--family", self.family]
        if self.model is not None:
            words += ["--model", Path(self.model).name]
        return shlex.join(words)


@contextmanager
def _models_also_in(folder: Path) -> Iterator[None]:
    """Models are looked for in that folder too."""
    before = os.environ.get(MODELS_VARIABLE)
    os.environ[MODELS_VARIABLE] = os.pathsep.join(filter(None, (before, str(folder))))
    try:
        yield
    finally:
        if before is None:
            del os.environ[MODELS_VARIABLE]
        else:
            os.environ[MODELS_VARIABLE] = before
