"""What is wrong with an input is told as it is met, and pictures that do not come are counted."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from lvcodec.errors import InputError
from lvcodec.video.source import open_source

from .clips import encode, ffmpeg, raw, video_format

PICTURES = 50


def clip(path: Path, *args: str, seconds: float = 2, sound: bool = False) -> Path:
    sine = ["-f", "lavfi", "-i", f"sine=d={seconds}"] if sound else []
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=64x48:r=25:d={seconds}", *sine, *args, path)
    return path


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def read(path: object, **options: object) -> tuple[int, int, str]:
    """Pictures that came, pictures that are missing, notices."""
    with open_source(path, **options) as source:  # type: ignore[arg-type]
        count = sum(1 for _ in source)
        return count, source.missing, "\n".join(source.notices)


CONTAINERS = {
    "mp4": ["-c:v", "libx264", "-g", "10", "-movflags", "+faststart"],
    "mkv": ["-c:v", "libx264", "-g", "10"],
    "webm": ["-c:v", "libvpx-vp9", "-g", "10", "-deadline", "realtime", "-cpu-used", "8"],
    "flv": ["-c:v", "flv", "-g", "10", "-ar", "44100"],
    "avi": ["-c:v", "ffv1"],
}


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize("sound", [False, True])
def test_pictures_missing_of_a_cut_container_are_counted(tmp_path: Path, suffix: str, sound: bool) -> None:
    path = clip(tmp_path / f"c.{suffix}", *CONTAINERS[suffix], sound=sound)
    count, missing, notices = read(path)
    assert (count, missing) == (PICTURES, 0) and "came" not in notices
    count, missing, notices = read(cut(path, 0.6))
    assert 0 < count < PICTURES
    assert PICTURES - 3 <= count + missing <= PICTURES + 3
    assert f"says that it has {count + missing} pictures, but {count} came" in notices


def test_a_damaged_group_of_pictures_is_missing_and_told_before_the_last_picture(tmp_path: Path) -> None:
    path = clip(tmp_path / "l.mp4", "-c:v", "libx264", "-g", "25", "-movflags", "+faststart")
    data = bytearray(path.read_bytes())
    third, half = len(data) // 3, len(data) // 2
    data[third:half] = bytes(half - third)
    path.write_bytes(data)
    with open_source(path) as source:
        assert source.fresh_notices() == []
        next(source)
        assert any("with errors" in text for text in source.fresh_notices())
        assert 1 + sum(1 for _ in source) == 25
        assert source.missing == 25
        assert source.fresh_notices() == [f"{path} says that it has 50 pictures, but 25 came"]
    assert read(path, frames=(0, 30))[:2] == (25, 5)  # of those that were wanted
    assert read(path, frames=(0, 20))[:2] == (20, 0)


def test_sound_may_be_longer_than_the_pictures(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv", "avi", "flv", "ts"):
        path = tmp_path / f"c.{suffix}"
        more = CONTAINERS.get(suffix, ["-c:v", "mpeg2video"])
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4", "-f", "lavfi", "-i", "sine=d=3", *more, path)
        assert read(path)[:2] == (10, 0), suffix


def test_pictures_that_are_shown_long_are_not_missing(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv"):
        path = tmp_path / f"slow.{suffix}"
        vf = "setpts='if(gte(N,8),N+20,N)/25/TB',setpts='if(gte(N,10),PTS+2/TB,PTS)'"
        clip(path, "-vf", vf, "-fps_mode", "vfr", "-c:v", "libx264", seconds=0.6)
        assert read(path)[1] == 0, suffix


def test_an_empty_numbered_file_ends_the_sequence_and_is_named(tmp_path: Path) -> None:
    clip(tmp_path / "e_%03d.png", seconds=0.2)
    (tmp_path / "e_003.png").write_bytes(b"")
    count, missing, notices = read(tmp_path / "e_%03d.png")
    assert (count, missing) == (2, 3)
    assert "e_003.png cannot be read" in notices
    assert read(tmp_path / "e_%03d.png", frames=(0, 2))[:2] == (2, 0)
    (tmp_path / "e_003.png").unlink()
    assert read(tmp_path / "e_%03d.png")[:2] == (2, 2)  # behind the gap


def test_a_damaged_numbered_file_is_left_out_and_counted(tmp_path: Path) -> None:
    clip(tmp_path / "e_%03d.png", seconds=0.2)
    data = (tmp_path / "e_003.png").read_bytes()
    (tmp_path / "e_003.png").write_bytes(data[:8] + b"\xff" * 8 + data[16:])
    count, missing, notices = read(tmp_path / "e_%03d.png")
    assert (count, missing) == (4, 1) and "with errors" in notices


def test_a_change_of_size_in_a_transport_stream_is_told_when_it_comes(tmp_path: Path, make_clip) -> None:
    parts = [
        encode(make_clip(*size, 12), tmp_path / f"{size[0]}.ts", "-c:v", "mpeg2video") for size in ((64, 48), (32, 32))
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with open_source(path) as source:
        assert not any("change their size" in text for text in source.notices)
        assert {(picture.width, picture.height) for picture in source} == {(64, 48)}
        assert any("change their size" in text and "64x48" in text for text in source.fresh_notices())


@pytest.mark.parametrize("kind", ["raw", "y4m"])
def test_whole_pictures_of_a_cut_file_are_had_for_the_asking(tmp_path: Path, make_clip, kind: str) -> None:
    pictures = make_clip(16, 16, 3)
    data = raw(pictures)
    if kind == "y4m":
        data = b"YUV4MPEG2 W16 H16 F25:1\n" + b"".join(b"FRAME\n" + picture.tobytes() for picture in pictures)
    path = tmp_path / ("c_16x16_25.yuv" if kind == "raw" else "c.y4m")
    path.write_bytes(data[:-10])
    with pytest.raises(InputError):
        read(path)
    count, missing, notices = read(path, lenient=True)
    assert (count, missing) == (2, 1)
    assert "cut within picture 2" in notices
    assert read(path, lenient=True, frames=(0, 2))[:2] == (2, 0)
    stream = io.BytesIO(data[:-10])
    assert read(stream, lenient=True, size="16x16" if kind == "raw" else None)[:2] == (2, 1)


def test_a_y4m_file_that_ends_in_a_frame_line(make_clip) -> None:
    picture = make_clip(16, 16, 1)[0]
    assert video_format([picture]).width == 16
    data = b"YUV4MPEG2 W16 H16 F25:1\nFRAME\n" + picture.tobytes() + b"FRA"
    assert read(io.BytesIO(data), lenient=True)[:2] == (1, 1)
