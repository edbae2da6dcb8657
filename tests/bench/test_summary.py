"""Tables and curves of rows that are given: averages, the paper's Table 2, the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lvcodec.bench.crops import Box, busiest, nearest, parse_box, rate_text
from lvcodec.bench.curves import draw_curves
from lvcodec.bench.ours import EFFORT
from lvcodec.bench.page import Page
from lvcodec.bench.presets import PRESETS, published
from lvcodec.bench.rows import Row
from lvcodec.bench.summary import Summary, in_db
from lvcodec.bench.table import Table
from lvcodec.errors import UsageError
from lvcodec.measure.clips import AVERAGE
from lvcodec.video.picture import Picture


def row(clip: str, codec: str, q: float, bpp: float, psnr: float) -> Row:
    return Row(
        clip,
        codec,
        codec.replace("-", " "),
        q,
        width=64,
        height=48,
        pictures=4,
        size_bytes=1,
        bpp=bpp,
        kbps=1.0,
        scores={"psnr_rgb": psnr, "psnr_yuv": psnr},
    )


def rows(*, stretch: float = 0.5) -> list[Row]:
    """Two clips; each lvcodec mode needs `stretch` times the bits of the one before, the first twice x264's."""
    points = [(0.03, 32.0), (0.06, 34.0), (0.12, 36.0), (0.3, 38.0)]
    factors = {"lvcodec-intra": 2, "lvcodec-mfvc": 2 * stretch, "lvcodec-lds": 2 * stretch**2, "x264-veryfast": 1}
    return [
        row(clip, codec, q, rate * factor * size, psnr)
        for clip, size in (("small", 1), ("large", 3))
        for codec, factor in factors.items()
        for q, (rate, psnr) in enumerate(points, 1)
    ]


def table(summary: Summary, title: str) -> Table:
    return next(table for table in summary.tables() if title in table.title)


def test_averages() -> None:
    summary = Summary(rows(), PRESETS["ablation"], metric="psnr_yuv", reference="x264-veryfast")
    assert summary.places == ["small", "large", AVERAGE]
    assert summary.curves[AVERAGE]["x264-veryfast"][0] == pytest.approx((0.06, 32.0))
    found = {line[0]: line[1:] for line in table(summary, "BD-rate against").rows}
    assert found == {"lvcodec intra": ["+100.00"] * 4, "lvcodec mfvc": ["+0.00"] * 4, "lvcodec lds": ["-50.00"] * 4}
    steps = table(summary, "Each mode").rows
    assert [line[:2] for line in steps] == [["lvcodec mfvc", "lvcodec intra"], ["lvcodec lds", "lvcodec mfvc"]]
    assert [line[2:] for line in steps] == [["-50.00"] * 4] * 2


def test_table_2_three_times() -> None:
    """As published, as the paper counts bits, by bytes; no BD-rate is between two ways of counting."""
    half = {"lvcodec-intra": 1.0, "lvcodec-mfvc": 1.0, "lvcodec-lds": 0.5}
    known = [replace(r, paper_estimate_bpp=(r.bpp or 0) * half[r.codec] if r.codec in half else None) for r in rows()]
    summary = Summary(known, PRESETS["ablation"], metric="psnr_yuv", reference="x264-veryfast")
    assert [line[1:] for line in table(summary, "Table 2 of Kim").rows] == [
        ["+15.55", "", ""],
        ["-14.78", "-26.25", ""],
        ["-27.13", "-36.94", "-14.49"],
    ]
    estimates, by_bytes = table(summary, "ours by the paper's estimate"), table(summary, "ours by bytes")
    assert estimates.heading == by_bytes.heading and len(by_bytes.heading) == 8
    assert [line[1:5] for line in by_bytes.rows] == [
        ["lvcodec intra", "+100.00", "", ""],
        ["lvcodec mfvc", "+0.00", "-50.00", ""],
        ["lvcodec lds", "-50.00", "-75.00", "-50.00"],
    ]
    assert [line[2:5] for line in estimates.rows] == [
        ["n/a", "", ""],
        ["n/a", "-50.00", ""],
        ["n/a", "-87.50", "-75.00"],
    ]
    refused = "RGB PSNR by the paper's estimate is not compared with RGB PSNR by bytes of files"
    assert refused in estimates.note and refused not in by_bytes.note
    both = table(summary, "lvcodec lds against lvcodec mfvc, both ways")
    assert [line[2:] for line in both.rows] == [["-75.00"] * 4] * 2 + [["-50.00"] * 4] * 2


def test_table_2_of_what_was_not_measured() -> None:
    known = [r for r in rows() if r.codec != "lvcodec-lds"]
    summary = Summary(known, PRESETS["ablation"], metric="psnr_yuv", reference="x264-veryfast")
    for title in ("ours by the paper's estimate", "ours by bytes"):
        assert table(summary, title).rows[-1][1:5] == ["n/a"] * 4
    assert not any("both ways" in line.title for line in summary.tables())


def test_the_ladder_at_two_efforts() -> None:
    """Steps within one effort only; the two calmest clips are those where x264 without prediction costs most."""
    plain = [*rows(), *(replace(r, clip="still") for r in rows() if r.clip == "small")]
    intra = {"still": 9.0, "small": 3.0, "large": 6.0}
    known = plain + [
        replace(r, codec="x264-intra", label="x264-intra", bpp=(r.bpp or 0) * intra[r.clip])
        for r in plain
        if r.codec == "x264-veryfast"
    ]
    known += [
        replace(r, codec=f"{r.codec}{EFFORT}8", label=f"{r.label} effort 8", bpp=(r.bpp or 0) * 0.9)
        for r in plain
        if r.codec.startswith("lvcodec")
    ]
    steps = table(Summary(known, PRESETS["ablation"], metric="psnr_yuv", reference="x264-veryfast"), "Each mode")
    assert [line[:2] for line in steps.rows] == [
        ["lvcodec intra", "x264-intra"],
        ["lvcodec mfvc", "lvcodec intra"],
        ["lvcodec lds", "lvcodec mfvc"],
        ["lvcodec intra effort 8", "x264-intra"],
        ["lvcodec mfvc effort 8", "lvcodec intra effort 8"],
        ["lvcodec lds effort 8", "lvcodec mfvc effort 8"],
    ]
    assert steps.rows[0][2:5] == ["-33.33", "-66.67", "-77.78"] and steps.rows[3][2:5] == ["-40.00", "-70.00", "-80.00"]
    assert steps.rows[4][2:] == ["-50.00"] * 5
    assert "still and large: -50.00" in steps.note


def test_a_point_that_one_clip_lacks_is_not_averaged() -> None:
    known = [r for r in rows() if (r.clip, r.codec, r.q) != ("large", "lvcodec-lds", 2)]
    summary = Summary(known, PRESETS["ablation"], metric="psnr_yuv", reference="x264-veryfast")
    assert len(summary.curves[AVERAGE]["lvcodec-lds"]) == 3
    assert len(summary.curves[AVERAGE]["x264-veryfast"]) == 4


def test_by_each_metric() -> None:
    """A clip a row, what was measured a column; the first metric's figures are those of the first table."""
    known = [replace(r, scores={**r.scores, "vmaf": 12 * (r.scores["psnr_yuv"] or 0) - 370}) for r in rows()]
    summary = Summary(known, PRESETS["ablation"], metric="vmaf", reference="x264-veryfast")
    by_metric = table(summary, "BD-rate by each metric")
    assert by_metric.heading == ["codec", "clip", "PSNR-YUV", "RGB PSNR", "VMAF"]
    assert [line[:2] for line in by_metric.rows[:3]] == [
        ["lvcodec intra", place] for place in ("small", "large", "mean of clips")
    ]
    assert by_metric.rows[0][2:] == ["+100.00"] * 3 and by_metric.rows[-1][2:] == ["-50.00"] * 3
    flat = [replace(r, scores={**r.scores, "flicker": 30.0}) for r in known if r.codec != "lvcodec-lds"]
    noted = table(Summary(flat, PRESETS["quick"], metric="vmaf", reference="x264-veryfast"), "by each metric")
    assert noted.rows[0][-1] == "n/a" and "flicker of lvcodec intra: the anchor's curve is not monotone" in noted.note
    assert any(line.title.startswith("BD-VMAF against x264 veryfast (points)") for line in summary.tables())
    assert "intervals (points): lvcodec intra 20.00 to 86.00" in table(summary, "BD-rate against").note
    single = Summary([replace(r, scores={"psnr_yuv": r.scores["psnr_yuv"]}) for r in known], PRESETS["quick"],
        metric="psnr_yuv", reference="x264-veryfast")  # fmt: skip
    assert not any("by each metric" in line.title for line in single.tables())


def test_uvg_shows_the_published_curves(tmp_path: Path) -> None:
    summary = Summary(rows(), PRESETS["uvg"], metric="psnr_rgb", reference="x264-veryfast")
    by_bytes = table(summary, "ours by bytes")
    assert "published H.264" in by_bytes.heading[-1] and all(line[-1] not in ("", "n/a") for line in by_bytes.rows)
    assert all(line[-1] == "n/a" for line in table(summary, "ours by the paper's estimate").rows)
    label = published()["x264-veryfast-mfvcfig"].label
    svgs = draw_curves(summary, tmp_path)
    assert f"<!-- {label} -->" in svgs[AVERAGE].read_text()
    assert label not in svgs["small"].read_text()
    again = tmp_path / "again"
    again.mkdir()
    assert draw_curves(summary, again)[AVERAGE].read_bytes() == svgs[AVERAGE].read_bytes()


def test_ssim_in_db() -> None:
    assert in_db("ssim", 0.99) == pytest.approx(20)
    assert in_db("ms_ssim", 1.0) == pytest.approx(100)
    assert in_db("psnr_y", 33.0) == 33.0


def test_markdown_and_page() -> None:
    sample = Table("A | B", ["codec", "n"], [["x|y", "1"], ["<b>", "2"]], "a note.")
    assert sample.markdown() == [
        "### A | B",
        "",
        "| codec | n |",
        "| --- | ---: |",
        "| x\\|y | 1 |",
        "| <b> | 2 |",
        "",
        "a note.",
        "",
    ]
    html = Page("title", "lead", {"processor": "a & b"}, [sample], {}, {}).html()
    assert "<td>&lt;b&gt;</td>" in html and "a &amp; b" in html and 'name="viewport"' in html


def test_crops() -> None:
    luma = np.full((64, 96), 50, np.uint8)
    luma[20:36:2, 40:56] = 200
    chroma = np.full((32, 48), 128, np.uint8)
    box = busiest(Picture(luma, chroma, chroma), 32)
    assert box.x <= 40 and box.x + box.width >= 56 and box.y <= 20 and box.y + box.height >= 36
    assert parse_box("32x16+5+8") == Box(4, 8, 32, 16)
    for text in ("32x16", "axb+1+2"):
        with pytest.raises(UsageError):
            parse_box(text)
    shown = nearest(rows()[:16])
    assert [r.codec for r in shown] == ["lvcodec-intra", "lvcodec-mfvc", "lvcodec-lds", "x264-veryfast"]
    assert shown[0].q == 3
    assert rate_text(shown[0], shown[0]) == "0.2400 bpp" and rate_text(shown[3], shown[0]) == "0.3000 bpp (+25%)"
