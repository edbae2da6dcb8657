"""The encoder's search for better symbols: what it promises, on a made picture and the shipped weights."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import lvcodec
from lvcodec.encoder.distortion import CHROMA, LUMA
from lvcodec.encoder.float_twin import float_twin
from lvcodec.encoder.refine import refiner_of
from lvcodec.errors import UsageError
from lvcodec.exact.ops import layers
from lvcodec.exact.planes import planes_to_channels
from lvcodec.models import loading, store
from lvcodec.nets.linear import UNITS_PER_LEVEL
from lvcodec.nets.swift import steps_from_tables
from lvcodec.quality import LAMBDAS

SIDE = 128


def moving(pictures: int) -> np.ndarray:
    """(N, 128, 128, 3) RGB: waves, an edge and grain that move by two pels a picture."""
    random = np.random.Generator(np.random.PCG64(3))
    y, x = np.mgrid[:SIDE, : SIDE + 2 * pictures].astype(np.float32)
    still = 128 + 60 * np.sin(x / 9) * np.cos(y / 14) + 40 * (x > y) + random.normal(0, 6, x.shape)
    colour = np.stack([still, still * 0.8 + 20, 255 - still], axis=-1).clip(0, 255).astype(np.uint8)
    return np.stack([colour[:, 2 * t : 2 * t + SIDE] for t in range(pictures)])


def cost(report: lvcodec.report.EncodeReport, quality: int, weight: float = 1.0) -> float:
    """Bits and lambda times the weighted squared error of a whole coded clip, luma from its PSNR."""
    assert report.psnr_db is not None
    mse = [255.0**2 / 10 ** (value / 10) for value in (report.psnr_db.y, report.psnr_db.u, report.psnr_db.v)]
    error = LUMA * mse[0] + CHROMA / 4 * (mse[1] + mse[2])
    return report.bpp + weight * LAMBDAS[quality - 1] * error


@pytest.mark.parametrize("quality", [1, 4])
@pytest.mark.parametrize("mode", ["intra", "mfvc", "lds", "aligned"])
def test_effort_pays(mode: str, quality: int) -> None:
    """Real bytes and pixels: cheaper by the measure that is descended on, and decoded to what the encoder showed."""
    clip, sizes, costs = moving(2), [], []
    for effort in (0, 6):
        stream, shown = io.BytesIO(), io.BytesIO()
        report = lvcodec.encode(clip, stream, mode=mode, quality=quality, effort=effort, psnr=True, recon=shown)
        sizes.append(report.size_bytes)
        costs.append(cost(report, quality, weight=0.5 if mode in ("lds", "aligned") else 1.0))
        decoded = io.BytesIO()
        lvcodec.decode(io.BytesIO(stream.getvalue()), decoded)
        assert decoded.getvalue() == shown.getvalue()
    assert costs[1] < costs[0], (sizes, costs)


def test_effort_where_there_are_two_steps() -> None:
    """The first is searched; what is written is read."""
    streams = []
    for effort in (0, 2):
        stream, shown, decoded = io.BytesIO(), io.BytesIO(), io.BytesIO()
        lvcodec.encode(moving(1), stream, mode="intra", quality=7.5, effort=effort, recon=shown)
        streams.append(stream.getvalue())
        lvcodec.decode(io.BytesIO(streams[-1]), decoded)
        assert decoded.getvalue() == shown.getvalue()
    assert streams[0] != streams[1]


def test_the_same_stream_each_time() -> None:
    clip, streams = moving(2), []
    for _ in range(2):
        stream = io.BytesIO()
        lvcodec.encode(clip, stream, effort=2)
        streams.append(stream.getvalue())
    plain = io.BytesIO()
    lvcodec.encode(clip, plain)
    assert streams[0] == streams[1] != plain.getvalue()


def test_no_more_than_it_began_with() -> None:
    """The best of all rounds is kept: with one round that may be the first."""
    info = store.default_of("swift")
    refiner = refiner_of(info, 60, 1)
    seen: list[float] = []

    def costs(s: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen.append(float(s.square().sum()))
        return s.square().sum(), -torch.ones(2, *s.shape), torch.zeros(s.shape)  # promises what is not true

    start = torch.zeros(1, 3, 2, 2)
    assert np.array_equal(refiner._descend(costs, start), np.zeros((3, 2, 2)))
    assert len(seen) == 2 and seen[1] > seen[0]


def test_the_float_twin_is_the_shipped_network() -> None:
    """Its weights are the integers exactly; its pictures are theirs but for the rounding between layers."""
    info = store.default_of("swift")
    twin, tables = float_twin(info.path, info.weights_id)
    arrays = store.cached_integers(info.path, info.weights_id)
    for name, layer in layers(twin):
        shift = torch.from_numpy(arrays[f"layers.{name}.shift"]).float() + layer.unit_bits
        whole = layer.per_output(layer.weight) * torch.exp2(shift)[:, None]
        assert np.array_equal(layer.shape_back(whole).numpy(), arrays[f"layers.{name}.weight"])
    clip = torch.from_numpy(moving(1)[0, :, :, 0].copy())[None, None]
    planes = clip, clip[:, :, ::2, ::2].contiguous(), clip[:, :, 1::2, 1::2].contiguous()
    exact = loading.coding(info, 60, backend="float")
    with torch.inference_mode():
        y = exact.analyse(*planes)
        steps = steps_from_tables(tables, 60)
        floats = twin.synthesis((y * steps.gain).round().float() * steps.inverse.float(), _floats(steps))
        made = planes_to_channels(*(p.float() for p in exact.pixels(exact.units(exact.symbols(y)))))
    assert made.std() > 10 and (floats / UNITS_PER_LEVEL - made).abs().mean() < 1


def _floats(steps: object) -> object:
    return type(steps)(*(part.float() for part in vars(steps).values()))


def test_effort_is_for_swift(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="effort is -1; it must be 0 to 64"):
        lvcodec.encode(moving(1), io.BytesIO(), effort=-1)
    done = subprocess.run(
        [sys.executable, "-m", "lvcodec", "encode", "--effort", "65", "a.y4m", "b.lvc"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 2 and "--effort" in done.stderr and "Traceback" not in done.stderr


def test_cheng2020_has_no_effort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lvcodec.models import untrained

    monkeypatch.setenv("LVCODEC_MODELS", str(tmp_path))
    info = untrained.init_random("cheng2020", tmp_path / "random-cheng", qualities=[1])
    with pytest.raises(UsageError, match="effort is for the swift family"):
        refiner_of(info, 0, 1)
