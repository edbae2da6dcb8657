"""Sample clips of all kinds through both families, every mode, several qualities: the decoder shows `recon`, also in a
process with one thread or a limited instruction set."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import pytest

import lvcodec
from lvcodec.models import store, untrained

MODES = ("intra", "mfvc", "lds", "aligned")
CLIPS = (
    "formats/dog_1920x1080_30.mp4",
    "formats/goat_175x143_odd.y4m",
    "formats/goat_176x144_25_10bit.yuv",
    "formats/goat_176x144_25_fullrange.h264",
    "formats/goat_176x144_420.y4m",
    "formats/goat_176x144_422.y4m",
    "formats/goat_320x180_24_h264_aac.mp4",
    "formats/goat_416x240_50.yuv",
    "test/blackswan_424x240_24.mkv",
    "test/calendar_352x288_25.mkv",
    "test/headshoulders_512x288_30.mkv",
    "test/parkour_424x240_24.mkv",
    "test/street_424x240_24.mkv",
)
LIMITS = cycle(
    (
        {"OMP_NUM_THREADS": "1"},
        {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
        {"OMP_NUM_THREADS": "2"},
        {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    )
)
pytestmark = pytest.mark.slow


def check(source: Path, folder: Path, **options: object) -> None:
    """Encode; decode here and in a limited process; both must be the recon, and the rate the file's."""
    stream, recon, here, there = (folder / n for n in ("a.lvc", "recon.y4m", "here.y4m", "there.y4m"))
    pix_fmt = "yuv420p10le" if "10bit" in source.name else None
    lvcodec.encode(source, stream, recon=recon, pix_fmt=pix_fmt, overwrite=True, **options)
    lvcodec.decode(stream, here, overwrite=True)
    assert here.read_bytes() == recon.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "lvcodec", "decode", str(stream), str(there), "-y"],
        env={**os.environ, **next(LIMITS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert there.read_bytes() == recon.read_bytes()
    info = lvcodec.probe(stream, streams=True)
    for picture in info.pictures:
        ideal = sum(picture.streams.values()) / 8
        assert picture.payload_bytes <= ideal * 1.001 + 4 and picture.overhead_bytes <= 24
    most = info.payload_bytes + 24 * len(info.pictures) + 200 + info.side_bytes
    assert info.size_bytes == stream.stat().st_size <= most


@pytest.mark.parametrize("quality", [1, 3.5, 6])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("clip", CLIPS)
def test_swift(samples: Path, tmp_path: Path, clip: str, mode: str, quality: float) -> None:
    count = 3 if "1920x1080" in clip else 5
    check(samples / clip, tmp_path, mode=mode, quality=quality, gop=3, frames=(0, count))


@pytest.fixture(scope="module")
def random_cheng2020(tmp_path_factory: pytest.TempPathFactory, monkeypatch_module: pytest.MonkeyPatch) -> str:
    base = tmp_path_factory.mktemp("cheng2020")
    info = untrained.init_random("cheng2020", base / "random-cheng2020", seed=5, qualities=[1, 6])
    monkeypatch_module.setenv("LVCODEC_MODELS", str(base))
    assert store.find("random-cheng2020").weights_id == info.weights_id
    return "random-cheng2020"


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.parametrize("quality", [1, 6])
@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "aligned"])
@pytest.mark.parametrize("clip", ["formats/goat_175x143_odd.y4m", "formats/goat_176x144_25_fullrange.h264"])
def test_cheng2020(samples: Path, tmp_path: Path, random_cheng2020: str, clip: str, mode: str, quality: float) -> None:
    check(
        samples / clip, tmp_path, family="cheng2020", model=random_cheng2020, mode=mode, quality=quality, frames=(0, 3)
    )


def test_memory_does_not_grow_with_length(tmp_path: Path, make_clip) -> None:
    """1,000 CIF pictures take no more than 50 do, to 5 % and 10 MB."""
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc to read the peak from")
    once = b"".join(p.tobytes() for p in make_clip(352, 288, 25))
    program = """
import sys, lvcodec
lvcodec.encode(sys.argv[1], sys.argv[2], size=(352, 288), quality=1)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    peaks = []
    for times in (2, 40):
        source = tmp_path / f"{times}.yuv"
        source.write_bytes(once * times)
        done = subprocess.run(
            [sys.executable, "-c", program, str(source), str(tmp_path / f"{times}.lvc")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout) * 1024)
    assert peaks[1] <= peaks[0] * 1.05 + 10e6
