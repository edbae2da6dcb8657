"""Picture rates and durations, whatever a container says of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from lvcodec.video.source import open_source
from lvcodec.video.timing import Pace, chosen_rate, disagreement, empty_places, snapped

from .clips import ffmpeg, read_all

MILLISECOND = Fraction(1, 1000)
NTSC = Fraction(60000, 1001)
UNEVEN = "select='lt(n,3)+eq(n,6)+eq(n,8)+eq(n,13)+eq(n,15)+eq(n,16)+eq(n,22)'"  # 9 of 23 pictures, 0.92 s


def clip(path: Path, *args: str, rate: object = 25, count: int = 30) -> Path:
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=64x48:r={rate}", "-frames:v", str(count), *args, path)
    return path


def rounded(rate: Fraction, count: int) -> Pace:
    """As Matroska has it."""
    return Pace([round(number * 1000 / rate) for number in range(count)], MILLISECOND, 0)


@pytest.mark.parametrize(
    ("rate", "meant"),
    [
        (Fraction(19001, 317), NTSC),
        (Fraction(2997, 100), Fraction(30000, 1001)),
        (Fraction(23976, 1000), Fraction(24000, 1001)),
        (Fraction(25), Fraction(25)),
        (Fraction(24_999_990, 1_000_000), Fraction(25)),
        (Fraction(25, 2), Fraction(25, 2)),
        (Fraction(2998, 100), Fraction(2998, 100)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_rates_near_whole_ones_are_those(rate: Fraction, meant: Fraction) -> None:
    assert snapped(rate) == meant


@pytest.mark.parametrize(
    "rate", [Fraction(25), NTSC, Fraction(24000, 1001), Fraction(60), Fraction(9), Fraction(25, 2)]
)
def test_stamps_in_milliseconds_have_a_constant_rate(rate: Fraction) -> None:
    pace = rounded(rate, 200)
    assert pace.constant and pace.fits(rate)
    assert chosen_rate(rate, pace, interlaced=False) == (rate, False, None)
    assert chosen_rate(None, pace, interlaced=False).rate in (rate, pace.rate)
    assert disagreement(pace, rate) is None


def test_long_clips_tell_30_from_2997() -> None:
    pace = rounded(Fraction(30000, 1001), 3000)
    assert not pace.fits(Fraction(30))
    assert chosen_rate(Fraction(30), pace, interlaced=False).rate == Fraction(30000, 1001)
    assert disagreement(pace, Fraction(30)) is not None


def test_fields_are_no_pictures() -> None:
    fields = rounded(Fraction(50), 100)
    assert chosen_rate(Fraction(25), fields, interlaced=True).rate == 25
    assert chosen_rate(Fraction(25), fields, interlaced=False).rate == 50


def test_a_gap_makes_no_variable_rate_but_is_told() -> None:
    pace = Pace([40 * (number + (20 if number > 30 else 0)) for number in range(60)], MILLISECOND, 40)
    assert chosen_rate(Fraction(25), pace, interlaced=False) == (25, False, None)
    assert empty_places(pace.stamps, Fraction(40)) == 20
    assert "60 pictures take 3.20 s" in str(disagreement(pace, Fraction(25)))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "mov", "avi", "flv", "ts", "nut"])
@pytest.mark.parametrize("rate", ["60000/1001", "24000/1001", "25"])
def test_a_rate_is_the_same_from_every_container(tmp_path: Path, suffix: str, rate: str) -> None:
    codec = {"webm": "libvpx", "avi": "mpeg4", "flv": "flv", "nut": "ffv1"}.get(suffix, "libx264")
    got, fmt, notices = read_all(clip(tmp_path / f"c.{suffix}", "-c:v", codec, rate=rate))
    assert (len(got), fmt.rate, notices) == (30, Fraction(rate), [])


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_a_variable_rate_plays_as_long(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx" if suffix == "webm" else "libx264"
    path = clip(tmp_path / f"v.{suffix}", "-vf", UNEVEN, "-fps_mode", "vfr", "-c:v", codec, count=9)
    got, fmt, notices = read_all(path)
    assert len(got) == 9
    assert float(len(got) / fmt.rate) == pytest.approx(0.92, abs=0.05)  # the last picture is shown as long as guessed
    assert any("variable picture rate" in text for text in notices)


def patched(path: Path, change) -> Path:
    """With another DefaultDuration of its track, or none; change: from its bytes to others, as many."""
    data = path.read_bytes()
    at = data.index(b"\x23\xe3\x83")
    size = data[at + 3] & 0x7F
    path.write_bytes(data[:at] + change(data[at : at + 4 + size]) + data[at + 4 + size :])
    return path


def test_a_default_duration_of_a_field_does_not_double_the_rate(tmp_path: Path) -> None:
    def halved(element: bytes) -> bytes:
        size = len(element) - 4
        return element[:4] + (int.from_bytes(element[4:], "big") // 2).to_bytes(size, "big")

    _, fmt, notices = read_all(patched(clip(tmp_path / "c.mkv", "-c:v", "ffv1"), halved))
    assert fmt.rate == 25
    assert any("the container states 50" in text for text in notices)


@pytest.mark.parametrize("rate", [9, 25])
def test_without_a_default_duration_the_stamps_tell(tmp_path: Path, rate: int) -> None:
    def void(element: bytes) -> bytes:
        return b"\xec" + bytes([0x80 | (len(element) - 2)]) + bytes(len(element) - 2)

    _, fmt, notices = read_all(patched(clip(tmp_path / "c.mkv", "-c:v", "ffv1", rate=rate), void))
    assert float(fmt.rate) == pytest.approx(rate, rel=1e-3)
    assert not any("variable" in text for text in notices)


@pytest.mark.parametrize("frames", [(0, 2), (1, 4), (3, 9), (20, None), (0, 1)])
def test_a_range_of_pictures_out_of_order_has_the_rate_of_all(tmp_path: Path, frames: tuple[int, int | None]) -> None:
    path = clip(tmp_path / "b.mkv", "-c:v", "libx264", "-bf", "3")
    with open_source(path, frames=frames) as source:
        assert source.format.rate == 25
        list(source)
        assert source.notices == []


def test_a_pipe_tells_at_its_end_that_its_rate_was_wrong(tmp_path: Path) -> None:
    path = clip(tmp_path / "v.mkv", "-vf", UNEVEN, "-fps_mode", "vfr", "-c:v", "ffv1", count=9)
    with open(path, "rb") as file:

        class Pipe:
            read = file.read

        _, fmt, notices = read_all(Pipe())
    assert fmt.rate == 25
    assert any("9 pictures take 0.92 s; at a constant 25 a second they would take 0.36 s" in text for text in notices)


def test_a_rate_that_was_asked_for_is_not_questioned(tmp_path: Path) -> None:
    path = clip(tmp_path / "v.mkv", "-vf", UNEVEN, "-fps_mode", "vfr", "-c:v", "ffv1", count=9)
    _, fmt, notices = read_all(path, rate=50)
    assert fmt.rate == 50
    assert not any("will take" in text for text in notices)
