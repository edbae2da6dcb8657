"""PSNR of errors, planes and pictures, and raw files of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lvcodec.errors import InputError
from lvcodec.measure.clips import Reading, prepared
from lvcodec.measure.psnr import CAP_DB, mean_psnr, psnr_db, psnr_of_mse
from lvcodec.measure.raw import count_pictures, read_all, read_some
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture


def test_an_error_in_db() -> None:
    assert psnr_of_mse(255.0**2) == 0
    assert psnr_of_mse(1.0) == pytest.approx(48.1308, abs=1e-4)
    assert psnr_of_mse(0.0) == psnr_of_mse(1e-9) == CAP_DB


def test_bytes_do_not_wrap_around() -> None:
    assert psnr_db(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)) == 0


def test_the_mean_is_over_pictures(make_clip) -> None:
    first, second = make_clip(64, 48, 2)
    other = Picture(first.y ^ 1, first.u, first.v)
    psnr = mean_psnr([first, second], [other, second])
    assert (psnr.u, psnr.v) == (CAP_DB, CAP_DB)
    assert psnr.y == pytest.approx((psnr_of_mse(1.0) + CAP_DB) / 2)
    assert psnr.yuv == pytest.approx((6 * psnr.y + psnr.u + psnr.v) / 8)
    with pytest.raises(InputError, match="1 decoded pictures and 2"):
        mean_psnr([first, second], [other])
    with pytest.raises(InputError, match="no pictures"):
        mean_psnr([], [])


def test_pictures_in_memory_become_a_raw_clip(make_clip, tmp_path: Path) -> None:
    pictures, video = make_clip(64, 48, 3), VideoFormat(64, 48, Fraction(25))
    with prepared("clip", (pictures, video), tmp_path, Reading()) as clip:
        assert (clip.pictures, clip.video, clip.raw.stat().st_size) == (3, video, clip.size_bytes)
        assert count_pictures(clip.raw, video) == 3
        assert [p.tobytes() for p in read_all(clip.raw, video)] == [p.tobytes() for p in pictures]
        some = read_some(clip.raw, video, [2, 0, 7])
        assert {number: p.tobytes() for number, p in some.items()} == {n: pictures[n].tobytes() for n in (0, 2)}
    assert not clip.raw.exists()
