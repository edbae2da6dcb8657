"""`lvcodec thumbnail`, and the contact sheet that it draws."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import lvcodec
from lvcodec.codec import gop
from lvcodec.errors import InputError
from lvcodec.thumbnails import contact_sheet, spread, texts_of


def test_the_page(here, stream: Path, tmp_path: Path) -> None:
    """Eight pictures in GOPs of four; a picture of the page is the stream's, in its place."""
    done = here("thumbnail", stream, "-o", "page.png", "--count", 3, "--columns", 2, "--width", 64, "--json")
    assert (done.returncode, json.loads(done.stdout)["pictures"]) == (0, [0, 4, 6])
    page = cv2.imread(str(tmp_path / "page.png"))[:, :, ::-1]
    assert page.shape == (8 + 2 * (48 + 24), 8 + 2 * (64 + 8), 3)
    pictures = lvcodec.open(stream)
    for at, (top, left) in zip((0, 4, 6), ((8, 8), (8, 80), (80, 8)), strict=True):
        assert np.array_equal(page[top : top + 48, left : left + 64], pictures[at])
        assert page[top + 48 : top + 72, left : left + 64].min() < 128  # its time
    assert page[80:, 80:].min() == 255  # nothing


@pytest.mark.parametrize(
    ("total", "keys", "count", "numbers"),
    [
        (8, (0, 4), 3, [0, 4, 6]),
        (8, (0,), 12, list(range(8))),
        (100, (0,), 4, [0, 37, 62, 87]),
        (1000, (0, 240, 260, 490, 740), 4, [240, 260, 740, 875]),
        (1000, (0, 240, 260, 490, 740), 1, [490]),
        (1, (0,), 1, [0]),
        (0, (), 5, []),
    ],
)
def test_pictures_are_spread(total: int, keys: tuple[int, ...], count: int, numbers: list[int]) -> None:
    """One from each part; an I-picture where there is one, the nearest to its middle."""
    assert spread(total, keys, count) == numbers


def test_times() -> None:
    assert list(texts_of([0, 2.5, 65.999])) == ["0:00", "0:02", "1:05"]
    assert list(texts_of([0, 0.04, 0.999])) == ["0:00.00", "0:00.04", "0:01.00"]
    assert list(texts_of([1, 3599, 3600])) == ["0:00:01", "0:59:59", "1:00:00"]


def test_each_is_decoded_by_seeking(stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Any] = []
    decode = gop.decode_picture
    monkeypatch.setattr(gop, "decode_picture", lambda *args: (counted.append(1), decode(*args))[1])
    assert contact_sheet(stream, tmp_path / "page.jpg", count=2) == [0, 4]
    assert len(counted) == 2


def test_where_it_goes(here, stream: Path, tmp_path: Path) -> None:
    """By its name, to stdout, into a file object; what is there is kept unless -y is given."""
    for name, magic in (("a.png", b"\x89PNG"), ("a.jpg", b"\xff\xd8"), ("a.webp", b"RIFF")):
        assert here("thumbnail", stream, "-o", name).returncode == 0
        assert (tmp_path / name).read_bytes().startswith(magic)
    done = here("thumbnail", stream, "-o", "-")
    assert done.stdout == (tmp_path / "a.png").read_bytes() and b"8 pictures" in done.stderr
    contact_sheet(stream, file := io.BytesIO())
    assert file.getvalue() == done.stdout
    (tmp_path / "a.png").write_bytes(b"mine")
    assert here("thumbnail", stream, "-o", "a.png").returncode == 3
    assert (tmp_path / "a.png").read_bytes() == b"mine"
    assert here("thumbnail", stream, "-o", "a.png", "-y").returncode == 0


def test_what_cannot_be(here, stream: Path, tmp_path: Path) -> None:
    for args, code, words in (
        (["-o", "page.bmp"], 2, b"is no name for a contact sheet"),
        (["-o", "page.png", "--count", "0"], 2, b"--count"),
        (["-o", "none/page.png"], 3, b"there is no folder none"),
    ):
        done = here("thumbnail", stream, *args)
        assert done.returncode == code and words in done.stderr
    assert here("thumbnail", "none.lvc").returncode == 3
    with pytest.raises(InputError, match="no .webp file can hold a page of 32840x"):
        contact_sheet(stream, tmp_path / "a.webp", columns=8, width=4096)
    assert list(tmp_path.iterdir()) == []
