"""tools/shapes.py on a tiny shape: what it counts, against a count by hand, and that it measures and prints."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import pytest
from click.testing import CliRunner

pytest.importorskip("compressai", reason="what is counted is a training step: pip install '.[train]'")

from lvcodec.nets.shapes import SwiftShape
from lvcodec.nets.swift import Swift

M, C8, C16, N = 24, 8, 16, 9  # latent channels, widths at 1/8 and 1/16, hidden width of P-pictures
SHAPE = f"latent={M},width8={C8},depth8=1,width16={C16},depth16=2,hyper=8,z_channels=8,context=8,temporal={N}"


@pytest.fixture(scope="module")
def shapes(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    return load_tool("shapes")


def test_macs_are_those_counted_by_hand(shapes: ModuleType) -> None:
    """Of a picture of 64x64: 64 places at 1/8, 16 at 1/16; hyper-latents of one place grow to 2x2, then to 4x4."""
    at_8, at_16 = 64, 16
    blocks = 1 * at_8 * (9 * C8 + 2 * C8 * 2 * C8) + 2 * at_16 * (9 * C16 + 2 * C16 * 2 * C16)
    linear = at_16 * 384 * M
    u_enc = linear + at_8 * 9 * 96 * C8 + at_16 * 4 * C8 * C16 + at_16 * C16 * M + blocks
    u_dec = linear + at_16 * ((M + 1) * C16 + C16 * 4 * C8) + at_8 * (96 * C8 + 9 * C8 * 96) + blocks
    hyper_decoder = (1 + 4) * 9 * N * 4 * N + at_16 * 9 * N * 2 * N
    tpm = at_16 * 25 * (M * 12 + 12 * 15 + 15 * 2 * N)
    epm = at_16 * ((4 * N + 1) * 30 + 30 * 24 + 24 * 2 * M)
    lcm = at_16 * (9 * (2 * N + 2 * M + 1) * 3 * N + 9 * 3 * N * 2 * N + 2 * N * M)
    expected = [macs // 64**2 for macs in (u_enc, u_dec, 2 * hyper_decoder + tpm + epm + lcm)]
    assert list(shapes.count_macs(Swift(SwiftShape.parse(SHAPE))).values()) == [*expected, sum(expected)]


@pytest.mark.parametrize("mode", ["lds", "aligned"])
def test_speeds_are_measured(shapes: ModuleType, mode: str) -> None:
    with shapes.random_model(Swift(SwiftShape.parse(f"{SHAPE},inter={mode == 'aligned'}"))) as info:
        by_backend = shapes.speeds(info, mode, 64, 64, ["float"], 2)
    assert list(by_backend) == ["float"]
    speed = by_backend["float"]
    assert 0 < speed.decode_s < math.inf and 0 < speed.encode_s < math.inf
    assert len(speed.layers_s) > 10 and all(seconds > 0 for seconds in speed.layers_s)


def test_a_row_for_each_shape_and_backend(shapes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "SIZES", {"tiny": (64, 64)})
    monkeypatch.setattr(shapes.torch, "set_num_threads", lambda count: None)
    done = CliRunner().invoke(shapes.main, [SHAPE, "--backend", "float", "--backend", "int8"], catch_exceptions=False)
    head, rule, *rows = [line.strip("| ").split(" | ") for line in done.output.splitlines()]
    assert (
        done.exit_code == 0
        and head[0] == "shape"
        and head[-3:]
        == [
            "tiny decode fps",
            "tiny encode fps",
            "tiny layers, ms",
        ]
    )
    assert [(row[0], row[6]) for row in rows] == [(SHAPE, "float"), (SHAPE, "int8")]
    assert all(len(row) == len(head) and all(float(cell) >= 0 for cell in row[7:]) for row in rows)
