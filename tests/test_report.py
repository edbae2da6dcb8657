"""Figures that follow from what was counted."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from lvcodec.report import EncodeReport, Estimate, PictureInfo, PlanePsnr, StreamInfo, picture_bytes
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat

VIDEO = VideoFormat(100, 50, Fraction(25), Colour(1, 1, 1, False, 1))


def test_measured() -> None:
    report = EncodeReport.measured(
        VIDEO,
        pictures=50,
        size_bytes=12_500,
        payload_bytes=12_000,
        elapsed_s=4.0,
        psnr_db=PlanePsnr.weighted(40.0, 44.0, 36.0),
        notices=["a notice"],
    )
    assert report.bpp == pytest.approx(0.4)
    assert report.kbps == pytest.approx(50.0)
    assert (report.fps, report.duration_s, report.ratio) == (12.5, 2.0, 30.0)
    record = json.loads(json.dumps(report.as_dict()))
    assert record["psnr_db"] == {"y": 40.0, "u": 44.0, "v": 36.0, "yuv": 40.0}
    assert record["notices"] == ["a notice"]


def test_nothing_coded() -> None:
    report = EncodeReport.measured(VIDEO, pictures=0, size_bytes=60, payload_bytes=0, elapsed_s=0.0)
    assert (report.bpp, report.kbps, report.fps, report.ratio) == (0, 0, 0, 0)


def test_odd_sizes_round_chroma_up() -> None:
    assert picture_bytes(175, 143) == 175 * 143 + 2 * 88 * 72
    assert picture_bytes(1, 1) == 3


def test_stream() -> None:
    info = StreamInfo(
        family="swift",
        mode="lds",
        quality=4.5,
        weights_id="00" * 8,
        width=100,
        height=50,
        rate=Fraction(30000, 1001),
        colour=VIDEO.colour,
        gop=12,
        pictures=[
            PictureInfo(0, "I", (), 4.5, 900, 10, 48, {"z": 1.5}),
            PictureInfo(1, "P", (0,), 4.5, 80, 10, 958, alpha=Fraction(1, 2)),
        ],
        size_bytes=1250,
        duration_s=2.0,
        complete=True,
    )
    assert info.payload_bytes == 980 and info.pictures[0].size_bytes == 910
    assert (info.bpp, info.kbps, info.ratio) == (1.0, 5.0, 12.0)
    record = json.loads(json.dumps(info.as_dict()))
    assert (record["rate"], record["pictures"][1]["alpha"], record["bpp"]) == ("30000/1001", "1/2", 1.0)
    assert info.alphas == (Fraction(1, 2),) and info.paper_estimate_bits is None
    assert record["pictures"][0]["streams"] == {"z": 1.5} and record["pictures"][1]["streams"] is None
    assert record["pictures"][1]["references"] == [0]
    assert record["colour"]["matrix"] == 1


def test_an_estimate_says_so() -> None:
    pictures = Estimate(250)
    assert (pictures, pictures + 1, f"{pictures}", json.dumps(pictures)) == (250, 251, "about 250", "250")
