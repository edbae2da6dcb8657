from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lvcodec.errors import InputError, LvcError, UsageError
from lvcodec.video.atomic import AtomicFile, check_output
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.rgb import planes_to_rgb
from lvcodec.video.sink import open_sink

from .clips import BT709_LEFT, ffmpeg, raw, read_all, video_format

SIZES = [(1, 1), (1, 64), (3, 5), (16, 16), (175, 143)]
HDR = Colour(9, 16, 9, full_range=False, chroma_location=3)
FULL = Colour(1, 13, 6, full_range=True, chroma_location=2)


def write_all(target: object, pictures: list[Picture], colour: Colour = BT709_LEFT, **options: object) -> list[str]:
    fmt = video_format(pictures, "30000/1001", colour)
    with open_sink(target, fmt, **options) as sink:  # type: ignore[arg-type]
        for picture in pictures:
            sink.write(picture)
    return sink.notices


def noisy(width: int, height: int, count: int) -> list[Picture]:
    rng = np.random.default_rng(width)
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return [
        Picture(*(rng.integers(0, 256, shape).astype(np.uint8) for shape in ((height, width), chroma, chroma)))
        for _ in range(count)
    ]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("colour", [BT709_LEFT, HDR, FULL, Colour()])
@pytest.mark.parametrize("suffix", [".y4m", ".mkv"])
def test_lossless_output_comes_back_with_size_rate_and_colour(
    tmp_path: Path, width: int, height: int, colour: Colour, suffix: str
) -> None:
    clip = noisy(width, height, 3)
    path = tmp_path / f"out{suffix}"
    write_all(path, clip, colour)
    got, fmt, _ = read_all(path)
    assert raw(got) == raw(clip)
    assert (fmt.width, fmt.height, fmt.rate) == (width, height, Fraction(30000, 1001))
    if suffix == ".mkv":
        colour = Colour(
            colour.primaries,
            colour.transfer,
            colour.matrix,
            full_range=colour.full_range,
            chroma_location=fmt.colour.chroma_location,
        )  # FFV1 does not carry all locations
    assert fmt.colour == colour
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_raw_output_is_the_planes(tmp_path: Path, width: int, height: int) -> None:
    clip = noisy(width, height, 3)
    notices = write_all(tmp_path / "out.yuv", clip)
    assert (tmp_path / "out.yuv").read_bytes() == raw(clip)
    assert f"{width}x{height}" in notices[0]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".h264", ".hevc", ".avi", ".ts"])
def test_playable_files_of_any_size(tmp_path: Path, make_clip, width: int, height: int, suffix: str) -> None:
    if suffix == ".hevc" and min(width, height) < 16:
        pytest.skip("libx265 takes no pictures that small")
    if suffix == ".ts" and width < 64:
        pytest.skip("ffmpeg finds nothing in a transport stream that short")
    clip = make_clip(width, height, 3)
    path = tmp_path / f"out{suffix}"
    notices = write_all(path, clip)
    assert any("is encoded with" in text for text in notices)
    got, fmt, _ = read_all(path)
    assert (len(got), fmt.width, fmt.height) == (3, width, height)
    assert fmt.colour.matrix == (2 if suffix == ".avi" else 1)
    assert not fmt.colour.full_range
    if min(width, height) >= 16:
        assert np.abs(got[2].y.astype(int) - clip[2].y).mean() < 3
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("colour", [HDR, FULL])
def test_mp4_carries_the_colour(tmp_path: Path, make_clip, colour: Colour) -> None:
    clip = make_clip(64, 48, 2)
    write_all(tmp_path / "out.mp4", clip, colour)
    got, fmt, _ = read_all(tmp_path / "out.mp4")
    assert fmt.colour == colour
    assert np.abs(got[0].y.astype(int) - clip[0].y).mean() < 2


@pytest.mark.parametrize("colour", [BT709_LEFT, FULL])
def test_png_pictures_are_our_own_conversion(tmp_path: Path, colour: Colour) -> None:
    clip = noisy(35, 21, 3)
    write_all(tmp_path / "f_%03d.png", clip, colour)
    assert sorted(os.listdir(tmp_path)) == ["f_001.png", "f_002.png", "f_003.png"]
    data = ffmpeg("-i", tmp_path / "f_%03d.png", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    rgb = np.frombuffer(data, np.uint8).reshape(3, 21, 35, 3)
    for picture, got in zip(clip, rgb, strict=True):
        assert np.array_equal(planes_to_rgb(*picture.planes, colour), np.moveaxis(got, 2, 0))


def test_one_picture_in_one_file(tmp_path: Path, make_clip) -> None:
    clip = make_clip(32, 24, 2)
    write_all(tmp_path / "one.png", clip[:1])
    assert os.listdir(tmp_path) == ["one.png"]
    with pytest.raises(InputError, match="two_%03d.png"):
        write_all(tmp_path / "two.png", clip)
    with pytest.raises(InputError, match="no pattern"):
        write_all(tmp_path / "a%sb.png", clip)
    assert os.listdir(tmp_path) == ["one.png"]
    write_all(tmp_path / "one.jpg", clip[:1], BT709_LEFT)
    got, fmt, _ = read_all(tmp_path / "one.jpg")
    assert fmt.colour.full_range
    assert abs(float(got[0].y.mean()) - (float(clip[0].y.mean()) - 16) * 255 / 219) < 6


@pytest.mark.parametrize("name", ["out.y4m", "out.yuv"])
@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv420p10le", "yuv422p10le", "gray"])
def test_other_pixel_formats_out(tmp_path: Path, make_clip, name: str, pix_fmt: str) -> None:
    clip = make_clip(50, 36, 2)
    write_all(tmp_path / name, clip, pix_fmt=pix_fmt)
    options = {} if name.endswith("y4m") else {"size": "50x36", "pix_fmt": pix_fmt}
    got, _, _ = read_all(tmp_path / name, **options)
    assert [np.array_equal(a.y, b.y) for a, b in zip(clip, got, strict=True)] == [True, True]


def test_file_objects_get_y4m_and_stay_open(make_clip) -> None:
    clip = make_clip(20, 10, 3)
    for options in ({}, {"pix_fmt": "yuv420p10le"}):
        out = io.BytesIO()
        write_all(out, clip, **options)
        assert not out.closed
        assert raw(read_all(io.BytesIO(out.getvalue()))[0]) == raw(clip)


def test_standard_output_flows(make_clip) -> None:
    program = """
        import sys
        import numpy as np
        from fractions import Fraction
        from lvcodec.video.picture import Picture
        from lvcodec.video.format import VideoFormat
        from lvcodec.video.sink import open_sink
        c = np.zeros((1, 1), np.uint8)
        with open_sink("-", VideoFormat(2, 2, Fraction(25))) as sink:
            for line in sys.stdin:
                sink.write(Picture(np.full((2, 2), int(line), np.uint8), c, c))
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().startswith(b"YUV4MPEG2 W2 H2 F25:1")
        for number in (7, 8):
            process.stdin.write(b"%d\n" % number)
            process.stdin.flush()
            assert process.stdout.read(6) == b"FRAME\n"  # before the next is asked for
            assert process.stdout.read(6) == bytes([number] * 4 + [0, 0])
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize("name", ["out.y4m", "out.yuv", "out.mkv", "out.png", "f_%02d.png", "out.jpg"])
def test_output_is_complete_or_absent(tmp_path: Path, make_clip, name: str) -> None:
    clip = make_clip(32, 32, 1)
    with pytest.raises(RuntimeError), open_sink(tmp_path / name, video_format(clip)) as sink:
        sink.write(clip[0])
        raise RuntimeError
    assert os.listdir(tmp_path) == []
    sink = open_sink(tmp_path / name, video_format(clip))
    sink.write(clip[0])
    assert not (tmp_path / name).exists() and len(os.listdir(tmp_path)) <= 1  # under another name, if at all
    sink.close()
    sink.close()
    sink.abort()  # too late to undo
    assert len(os.listdir(tmp_path)) == 1
    output = tmp_path / os.listdir(tmp_path)[0]
    before = output.read_bytes()
    with pytest.raises(InputError, match="exists"):
        open_sink(tmp_path / name, video_format(clip))
    assert output.read_bytes() == before
    write_all(tmp_path / name, clip, overwrite=True)


@pytest.mark.parametrize("name", ["out.y4m", "out.mkv"])
def test_what_comes_into_being_meanwhile_is_not_overwritten(tmp_path: Path, make_clip, name: str) -> None:
    clip = make_clip(32, 32, 1)
    sink = open_sink(tmp_path / name, video_format(clip))
    sink.write(clip[0])
    (tmp_path / name).write_text("somebody else's")
    with pytest.raises(InputError, match="exists"):
        sink.close()
    assert (tmp_path / name).read_text() == "somebody else's"
    assert os.listdir(tmp_path) == [name]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
@pytest.mark.parametrize("name", ["out.y4m", "out.yuv", "out.mkv", "object", "converted"])
def test_a_full_disk_is_one_clear_error(tmp_path: Path, name: str) -> None:
    clip = noisy(128, 128, 40)
    with pytest.raises(InputError, match="(?i)no space left on device") as caught:
        if "." in name:
            (tmp_path / name).symlink_to("/dev/full")
            write_all(tmp_path / name, clip)
        else:
            with open("/dev/full", "wb", buffering=0) as full:
                write_all(full, clip, **({"pix_fmt": "yuv444p"} if name == "converted" else {}))
    assert "\n" not in str(caught.value)


def test_a_reader_that_has_gone(make_clip) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "wb", buffering=0) as out, pytest.raises(InputError, match="its reader has gone"):
        write_all(out, make_clip(64, 64, 3))


def test_places_that_cannot_be_written(tmp_path: Path, make_clip) -> None:
    clip = make_clip(16, 16, 1)
    (tmp_path / "folder.y4m").mkdir()
    for path, why in (
        (tmp_path / "folder.y4m", "is a folder"),
        (tmp_path / "gone" / "a.y4m", "no folder"),
        (tmp_path / "bare", "no suffix"),
        (tmp_path / "a.xyz", "cannot write"),
        (tmp_path / "a.mp4x", "cannot write"),
    ):
        with pytest.raises(InputError, match=why):
            open_sink(path, video_format(clip))
    with pytest.raises(UsageError, match="yuv5"):
        open_sink(tmp_path / "a.y4m", video_format(clip), pix_fmt="yuv5")
    assert os.listdir(tmp_path) == ["folder.y4m"]


def test_a_picture_of_another_size_is_refused(tmp_path: Path, make_clip) -> None:
    with pytest.raises(InputError, match="8x8 cannot go into a clip of 16x16"):
        with open_sink(tmp_path / "a.y4m", VideoFormat(16, 16, Fraction(25))) as sink:
            sink.write(make_clip(8, 8, 1)[0])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.mkv", "a.png", "a.gif"])
def test_no_pictures_make_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no picture came"):
        open_sink(tmp_path / name, VideoFormat(16, 16, Fraction(25))).close()
    assert os.listdir(tmp_path) == []


def test_a_suffix_without_an_entry_is_ffmpeg_s_choice(tmp_path: Path, make_clip) -> None:
    assert any("usual codec for .rm" in text for text in write_all(tmp_path / "a.rm", make_clip(32, 32, 3)))
    assert len(read_all(tmp_path / "a.rm")[0]) == 3


def test_output_that_is_the_input_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yuv").write_bytes(b"x")
    Path("link.yuv").symlink_to("a.yuv")
    for target in ("a.yuv", "./a.yuv", tmp_path / "a.yuv", "link.yuv"):
        with pytest.raises(InputError, match="is the input itself"):
            check_output(target, "a.yuv", overwrite=True)
    check_output("b.yuv", "a.yuv", io.BytesIO())
    check_output("-", "-")
    check_output("/dev/null", "/dev/null")


def test_atomic_files(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with AtomicFile(path) as file:
        file.write(b"one")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"one"
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    with pytest.raises(InputError, match="exists"):
        AtomicFile(path)
    with pytest.raises(ZeroDivisionError), AtomicFile(path, overwrite=True) as file:
        file.write(b"two")
        raise ZeroDivisionError
    assert path.read_bytes() == b"one"
    link = tmp_path / "link"
    link.symlink_to(path)
    with AtomicFile(link, overwrite=True) as file:
        file.write(b"three")
    assert link.is_symlink() and path.read_bytes() == b"three"
    assert sorted(os.listdir(tmp_path)) == ["a.bin", "link"]
    with AtomicFile("/dev/null") as file:
        file.write(b"gone")


@pytest.mark.parametrize("name", ["a.yuv", "a.mkv", "a.png", "a_%d.png"])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, make_clip, name: str, mode: int) -> None:
    place = tmp_path / name.replace("%d", "1")
    place.write_bytes(b"secret")
    place.chmod(mode)
    clip = make_clip(32, 32, 1)
    with open_sink(tmp_path / name, video_format(clip), overwrite=True) as sink:
        sink.write(clip[0])
        partial = next(path for path in tmp_path.iterdir() if path != place)
        assert partial.stat().st_mode & 0o077 == 0, "what will be private can be read while it is written"
    assert place.stat().st_mode & 0o777 == mode
    assert place.read_bytes() != b"secret" and os.listdir(tmp_path) == [place.name]


@pytest.mark.parametrize("size_bytes", [240, 241, 250, 255])
@pytest.mark.parametrize("end", [".yuv", ".mkv", ".png", "_%d.png", ".lvc", ".é.yuv"])
def test_names_as_long_as_the_system_takes_them(tmp_path: Path, make_clip, size_bytes: int, end: str) -> None:
    name = "é" + "n" * (size_bytes - len(os.fsencode(end)) - 2 + end.count("%")) + end
    if end == ".lvc":
        with AtomicFile(tmp_path / name) as file:
            file.write(b"x")
    else:
        write_all(tmp_path / name, make_clip(32, 32, 1))
    assert os.listdir(tmp_path) == [name.replace("%d", "1")]
    with pytest.raises(InputError, match="file name too long"):
        open_sink(tmp_path / ("n" * 252 + end), video_format(make_clip(32, 32, 1)))


def test_a_long_suffix(tmp_path: Path) -> None:
    with AtomicFile(tmp_path / ("a." + "s" * 250)) as file:
        file.write(b"x")
    assert len(os.listdir(tmp_path)) == 1


def test_interrupting_leaves_nothing(tmp_path: Path, make_clip) -> None:
    clip = make_clip(32, 32, 1)
    with pytest.raises(KeyboardInterrupt), open_sink(tmp_path / "a.mkv", video_format(clip)) as sink:
        sink.write(clip[0])
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_errors_are_all_of_the_family() -> None:
    assert issubclass(InputError, LvcError)
