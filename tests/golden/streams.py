"""The golden streams: which there are, how one is made, what it decodes to."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

import lvcodec
from golden import models
from golden.models import Draw
from lvcodec.encoder import structures
from lvcodec.models.store import ModelInfo

FOLDER = Path(__file__).parent / "streams"
HASHES = FOLDER / "hashes.json"
WIDTH, HEIGHT, PICTURES, GOP = 72, 56, 4, 3  # padded in both directions; I, P, P and a second GOP
QUALITIES = {"swift": 4.85, "cheng2020": 2.0}  # by model
TWO_STEPS = 7.35  # a quality whose I-pictures take two steps (lvcodec/codec/two_steps.py)


@dataclass(frozen=True)
class Golden:
    """A stream: its name, and the model (of models.MODELS), mode, alpha and latents of lds that it is coded with.

    gop: pictures from one I-picture to the next; pyramid: the others of a GOP are one, two deep; quality: None for the
    model's of QUALITIES.
    """

    name: str
    model: str
    mode: str
    alpha: float = 1.0
    latents: str = "analysed"
    gop: int = GOP
    pyramid: bool = False
    quality: float | None = None

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.lvc"


STREAMS = [
    Golden("swift-intra", "swift", "intra"),
    Golden("swift-mfvc", "swift", "mfvc"),
    Golden("swift-lds", "swift", "lds"),
    Golden("swift-lds-half", "swift", "lds", 0.5),
    Golden("swift-lds-kept", "swift", "lds", latents="kept"),
    Golden("swift-lds-half-kept", "swift", "lds", 0.5, latents="kept"),
    Golden("swift-aligned", "swift", "aligned"),
    Golden("swift-aligned-pyramid", "swift", "aligned", gop=PICTURES, pyramid=True),
    Golden("swift-intra-two-steps", "swift", "intra", quality=TWO_STEPS),
    Golden("swift-aligned-two-steps", "swift", "aligned", quality=TWO_STEPS),
    Golden("swift-aligned-pyramid-fine", "swift", "aligned", gop=PICTURES, pyramid=True, quality=TWO_STEPS),
    Golden("cheng2020-intra", "cheng2020", "intra"),
    Golden("cheng2020-mfvc", "cheng2020", "mfvc"),
    Golden("cheng2020-lds", "cheng2020", "lds"),
    Golden("cheng2020-lds-half", "cheng2020", "lds", 0.5),
]


def make_models(base: Path) -> dict[str, ModelInfo]:
    """The golden models, made in `base`, by name."""
    return {name: models.make(name, base) for name in models.MODELS}


def clip() -> bytes:
    """Y4M: a coarse pattern that moves by a sample a picture under a bright square that moves faster."""
    draw = Draw("clip")
    planes = [np.repeat(np.repeat(draw.integers(40, 215, (16 // s + 12, 16 // s + 14)), 8, 0), 8, 1) for s in (1, 2, 2)]
    out = b"YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C420jpeg\n" % (WIDTH, HEIGHT)
    for t in range(PICTURES):
        out += b"FRAME\n"
        for plane, side in zip(planes, (1, 2, 2), strict=True):
            part = plane[t : t + HEIGHT // side, 2 * t : 2 * t + WIDTH // side].copy()
            if side == 1:
                part[20:36, 8 + 5 * t : 24 + 5 * t] = 230
            out += part.astype(np.uint8).tobytes()
    return out


def encode(golden: Golden, model: ModelInfo, backend: str = "reference") -> bytes:
    out = io.BytesIO()
    with patch.object(structures, "SPLITS", (structures.pyramid,)):
        lvcodec.encode(
            io.BytesIO(clip()),
            out,
            family=model.family,
            model=model.path,
            mode=golden.mode,
            alpha=golden.alpha,
            latents=golden.latents if golden.mode == "lds" else None,
            quality=golden.quality or QUALITIES[golden.model],
            gop=golden.gop,
            bframes=PICTURES - 2 if golden.pyramid else 0,
            backend=backend,
        )
    return out.getvalue()


def decoded_hash(stream: bytes, *, jobs: int = 1, backend: str = "auto", device: str = "auto") -> str:
    """SHA-256 of the decoded planes, all pictures one after the other. The models must be where lvcodec looks."""
    out = io.BytesIO()
    lvcodec.decode(io.BytesIO(stream), out, jobs=jobs, backend=backend, device=device)
    heading, *pictures = out.getvalue().split(b"FRAME\n")  # the clip's planes never hold this line
    if len(pictures) != PICTURES:
        raise ValueError(f"{len(pictures)} pictures came out, not {PICTURES}")
    return hashlib.sha256(b"".join(pictures)).hexdigest()


def recorded() -> dict[str, str]:
    """The hashes that stand beside the streams, by name."""
    hashes: dict[str, str] = json.loads(HASHES.read_text(encoding="utf-8"))
    return hashes
