"""Lines of Y4M: long ones, and those of files that were written in text mode."""

from __future__ import annotations

import io

import pytest

from lvcodec.errors import InputError
from lvcodec.video.source import open_source

from .clips import raw, read_all

HEADER = b"YUV4MPEG2 W2 H2 F25:1"
PICTURES = [bytes(range(20 * number, 20 * number + 6)) for number in range(1, 4)]


def test_a_header_line_that_is_too_long_is_called_so() -> None:
    for filler, message in (
        (1200, "has a Y4M header line of more than 1024 bytes"),
        (20, "is cut within the Y4M header"),
    ):
        with pytest.raises(InputError, match=message):
            open_source(io.BytesIO(HEADER + b" X" + b"a" * filler))
    data = HEADER + b" X" + b"a" * (1023 - len(HEADER) - 2) + b"\nFRAME\n" + PICTURES[0]
    assert raw(read_all(io.BytesIO(data))[0]) == PICTURES[0]
    with pytest.raises(InputError, match="more than 1024 bytes"):
        open_source(io.BytesIO(data.replace(b" Xa", b" Xaa")))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"FRAME X" + b"a" * 1200 + b"\n", "has a FRAME line of more than 1024 bytes before picture 1"),
        (b"FRAME X" + b"a" * 30, "is cut before picture 1"),
        (b"FRAME\r", "is cut before picture 1"),
        (b"FRA", "is cut before picture 1"),
        (b"FRAMES\n", "no FRAME line before picture 1, but b'FRAMES'"),
    ],
)
def test_frame_lines_that_are_wrong(line: bytes, message: str) -> None:
    got = []
    with (
        pytest.raises(InputError, match=message),
        open_source(io.BytesIO(HEADER + b"\nFRAME\n" + PICTURES[0] + line)) as s,
    ):
        got.extend(s)
    assert raw(got) == PICTURES[0]


@pytest.mark.parametrize("header_end", [b"\n", b"\r\n"])
def test_lines_that_end_in_cr_lf_are_read(header_end: bytes) -> None:
    data = HEADER + header_end + b"".join(b"FRAME\r\n" + picture for picture in PICTURES)
    assert raw(read_all(io.BytesIO(data))[0]) == b"".join(PICTURES)
    data = HEADER + header_end + b"".join(b"FRAME Ip\r\n" + picture for picture in PICTURES)
    assert raw(read_all(io.BytesIO(data))[0]) == b"".join(PICTURES)


def test_a_file_that_was_written_in_text_mode_is_named() -> None:
    """Each sample of value 10 has become two: whatever goes astray after that, the message says why."""
    for pictures in ([b"\n" * 6] * 3, [PICTURES[0], b"\n" + PICTURES[1][1:]], [PICTURES[0][:5] + b"\n"]):
        data = HEADER + b"\n" + b"".join(b"FRAME\n" + picture for picture in pictures)
        with pytest.raises(InputError, match="end in CR LF.*text mode"):
            read_all(io.BytesIO(data.replace(b"\n", b"\r\n")))


def test_a_count_is_told_only_where_lines_have_no_parameters() -> None:
    """Thirteen bytes a picture, and 12 of them: a multiple of 12, too."""
    for line in (b"FRAME\r\n", b"FRAME \n"):
        with open_source(io.BytesIO(HEADER + b"\n" + (line + PICTURES[0]) * 12)) as source:
            assert source.count is None
            assert len(list(source)) == 12
    with open_source(io.BytesIO(HEADER + b"\n" + (b"FRAME\n" + PICTURES[0]) * 12)) as source:
        assert source.count == 12
