from __future__ import annotations

from fractions import Fraction

import pytest

from lvcodec.errors import UsageError
from lvcodec.video.rawformat import name_hints, parse_rate, parse_size, raw_format, sizes_that_fit

NAMES = {
    "park_1920x1080_50.yuv": ((1920, 1080), 50, None),
    "akiyo_cif.yuv": ((352, 288), None, None),
    "foreman_qcif_30.yuv": ((176, 144), 30, None),
    "Beauty_1920x1080_120fps_420_8bit_YUV.yuv": ((1920, 1080), 120, "yuv420p"),
    "Jockey_3840x2160_120fps_420_10bit_YUV.yuv": ((3840, 2160), 120, "yuv420p10le"),
    "goat_176x144_25_10bit.yuv": ((176, 144), 25, "yuv420p10le"),
    "x_352x288_yuv422p10le_30.yuv": ((352, 288), None, "yuv422p10le"),
    "x_352x288_30_422.yuv": ((352, 288), 30, "yuv422p"),
    "crew_720p60.yuv": ((1280, 720), 60, None),
    "a-4cif-29.97fps.yuv": ((704, 576), Fraction(30000, 1001), None),
    "a_640x360_23.976.yuv": ((640, 360), Fraction(24000, 1001), None),
    "a_640x360_2997.yuv": ((640, 360), Fraction(30000, 1001), None),
    "clip_352x288_444.yuv": ((352, 288), None, "yuv444p"),
    "clip_352x288.nv12": ((352, 288), None, "nv12"),
    "clip_1080i25.yuv": ((1920, 1080), 25, None),
    "clip_352x288_400_10bit.yuv": ((352, 288), None, "gray10le"),
    "grey_cat_cif.yuv": ((352, 288), None, None),
    "clip_2024_take3.yuv": (None, None, None),
    "clip_0x10.yuv": (None, None, None),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_as_in_the_field(name: str) -> None:
    hints = name_hints(f"/some/1x1_99fps/{name}")
    assert (hints.size, hints.rate, hints.pix_fmt) == NAMES[name]
    assert hints.interlaced == ("1080i" in name)


@pytest.mark.parametrize(
    ("name", "size", "length"),
    [
        ("yuv420p", (3, 3), 9 + 2 * 4),
        ("420", (1, 1), 3),
        ("yuv422p", (3, 3), 9 + 2 * 6),
        ("yuv444p", (3, 3), 27),
        ("yuv420p10", (3, 3), 2 * 17),
        ("gray", (3, 3), 9),
        ("gray10le", (3, 3), 18),
        ("nv12", (3, 3), 17),
        ("p010", (4, 2), 24),
        ("yuv411p", (5, 1), 5 + 4),
        ("rgb24", (5, 1), 15),
        ("uyvy422", (3, 2), 16),
        ("yuvj420p", (2, 2), 6),
        ("yv12", (4, 2), 12),
        ("p210le", (4, 2), 32),
        ("nv16", (4, 2), 16),
    ],
)
def test_bytes_of_a_picture(name: str, size: tuple[int, int], length: int) -> None:
    assert raw_format(name).picture_bytes(*size) == length


def test_formats_that_nobody_knows_are_refused() -> None:
    with pytest.raises(UsageError, match="yuv999p"):
        raw_format("yuv999p")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", 25),
        ("29.97", Fraction(30000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        ("24000/1001", Fraction(24000, 1001)),
        (12.5, Fraction(25, 2)),
        ("16.67", Fraction(1667, 100)),
        (50, 50),
    ],
)
def test_rates(text: str | float, rate: Fraction | int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["fast", "0", "-3", "1/0", "nan", float("nan"), float("inf"), "1e9"])
def test_no_rates(text: str | float) -> None:
    with pytest.raises(UsageError):
        parse_rate(text)


def test_sizes() -> None:
    assert parse_size("352x288") == parse_size((352, 288)) == parse_size("CIF") == (352, 288)
    for wrong in ("352", "0x5", "axb", "352x-1"):
        with pytest.raises(UsageError):
            parse_size(wrong)


def test_sizes_that_fit_name_the_same_size_first() -> None:
    length = 4 * 352 * 288 * 3  # four pictures of 10-bit 4:2:0
    assert sizes_that_fit(length, (352, 288), "yuv420p")[0] == "352x288 yuv420p (8 pictures)"
    assert "352x288 yuv420p (3 pictures)" in sizes_that_fit(3 * 352 * 288 * 3 // 2, (416, 240), "yuv420p")
    assert sizes_that_fit(7, (352, 288), "yuv420p") == []
