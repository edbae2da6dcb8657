"""The records of options: every field has a type that is checked, and what is wrong is a UsageError of one line."""

from __future__ import annotations

import io
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lvcodec
from lvcodec import options
from lvcodec.errors import UsageError
from lvcodec.exact.backends import pick_device
from lvcodec.options import Decoding, Encoding

WRONG: dict[str, list[Any]] = {
    "quality": ["4", None, float("nan"), True, 0, Fraction(99), 1j],
    "target_size": [0, -1, 1.5, "2M"],
    "bitrate": [0, "2M"],
    "target_psnr": [0, 101, "38"],
    "target_vmaf": [0, 100.5, "90"],
    "worst_shot": [None, True],
    "maxrate": [0, "2M"],
    "bufsize": [1000, "2M"],
    "mode": [3, ["intra"], "fast"],
    "family": [None, "slow"],
    "model": [3, b"swift"],
    "gop": [2.5, "12", "long", True, 0, np.zeros(2), 65536],
    "bframes": [2.5, "3", None, True, -1, 16],
    "size": [5, (64,), (64, "a"), (64.5, 48), [1, 2, 3]],
    "rate": [[], b"25", True],
    "pix_fmt": [3, b"gray"],
    "frames": [5, "0:10", "0:", (0,), (0, 2.5), ("0", "3"), (3, 1), (None, None, None)],
    "alpha": ["1", [1], float("nan"), 0.7, np.zeros((2, 2)), Fraction(1, 3)],
    "latents": ["lost", 1, ["kept"]],
    "preset": [None, "best", 1],
    "effort": [1.5, "3", -1, 65],
    "low_delay": [None, 2],
    "recon": [3, b"x"],
    "psnr": ["no", None, 2],
    "verify": [None, [], np.zeros(3)],
    "jobs": [1.5, "2", 0],
    "device": ["gpu", "cuda:0", None, 0],
    "backend": ["fast", None],
    "overwrite": ["yes"],
    "keep_partial": [[]],
    "resume": [[]],
    "lenient": ["no", None, 2],
    "audio": ["no", None, 2],
    "video_only": ["no", None, 2],
    "format": [3, b"mkv"],
    "check": ["no", None],
    "conceal": [3],
    "cluster": [3, b"local"],
    "ship": ["yes", None, True],
}
RIGHT: dict[str, list[Any]] = {
    "quality": [3, 4.5, Fraction(9, 2), np.float32(3), np.int64(2)],
    "gop": [1, np.int64(3), 65535, "auto", None],
    "bframes": [0, np.int64(3), 15, "auto"],
    "model": ["swift", Path("swift"), None],
    "size": [(64, 48), [64, 48], np.array([64, 48]), "64x48", "cif", None],
    "rate": [Fraction(25), 25, 29.97, "30000/1001", None],
    "frames": [None, (0, 3), [None, 3], (np.int64(1), None)],
    "alpha": [None, 1, 0.5, Fraction(1, 2), 0],
    "latents": [None, "kept", "analysed"],
    "recon": [None, "a.y4m", Path("a.y4m"), io.BytesIO()],
    "psnr": [False, True, np.bool_(True), 0, 1],
    "jobs": [None, 1],
    "device": ["auto", "cpu", "cuda"],
}


def kinds_of(name: str) -> list[type[Any]]:
    return [kind for kind in (Encoding, Decoding) if name in {field.name for field in fields(kind)}]


def test_every_field_is_looked_at() -> None:
    names = {field.name for kind in (Encoding, Decoding) for field in fields(kind)}
    assert set(WRONG) == names == set(options._TYPES) | {"frames"}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_values_are_one_line(name: str) -> None:
    for kind in kinds_of(name):
        if kind is Decoding and name == "pix_fmt":
            assert Decoding(pix_fmt="gray").validate()
        for value in WRONG[name]:
            with pytest.raises(UsageError, match=name.replace("_", ".")) as caught:
                kind(**{name: value}).validate()
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", RIGHT)
def test_right_values(name: str) -> None:
    for kind in kinds_of(name):
        for value in RIGHT[name]:
            kind(**{name: value}).validate()


@pytest.mark.parametrize(
    ("name", "value"), [("gop", 2.5), ("device", "gpu"), ("rate", "often"), ("rate", float("inf")), ("pix_fmt", "nope")]
)
def test_the_functions_check_before_they_work(tmp_path: Path, make_clip, name: str, value: Any) -> None:
    source = tmp_path / "clip_16x16.yuv"
    source.write_bytes(make_clip(16, 16, 1)[0].tobytes())
    out = io.BytesIO()
    with pytest.raises(UsageError):
        lvcodec.encode(source, out, **{name: value})
    assert out.getvalue() == b""
    if name == "device":
        with pytest.raises(UsageError, match="there is no device 'gpu'"):
            lvcodec.decode(source, out, device=value)


def test_a_device_that_torch_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="there is no device 'gpu'; choose one of auto, cpu, cuda"):
        pick_device("gpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device"):
        pick_device("cuda")


def test_records_of_another_kind(tmp_path: Path) -> None:
    for wrong in ({"gop": 3}, 5, Decoding()):
        with pytest.raises(UsageError, match="is no record of Encoding; make one by lvcodec.Encoding()"):
            lvcodec.encode("a.y4m", "b.lvc", wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is no record of Decoding"):
        lvcodec.decode("a.lvc", "b.y4m", Encoding())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="there is no option 'gops'"):
        lvcodec.encode("a.y4m", "b.lvc", gops=3)


def test_numpy_s_numbers_are_numbers(make_clip, random_model: str, tmp_path: Path) -> None:
    source = tmp_path / "clip_32x32.yuv"
    source.write_bytes(b"".join(picture.tobytes() for picture in make_clip(32, 32, 3)))
    streams = []
    for number, whole in ((float, int), (np.float32, np.int64)):
        streams.append(io.BytesIO())
        lvcodec.encode(
            source,
            streams[-1],
            model=random_model,
            quality=number(4.5),
            gop=whole(2),
            rate=number(30),
            jobs=whole(1),
            frames=(whole(0), whole(3)),
            size=(whole(32), whole(32)),
            psnr=np.bool_(False),
        )
    assert streams[0].getvalue() == streams[1].getvalue()
    assert lvcodec.probe(io.BytesIO(streams[1].getvalue())).rate == 30
