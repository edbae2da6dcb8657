"""tools/benchmark_pages.py: what it takes from a report into docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lvcodec.bench.comparison import ComparisonRequest, compare

WriteClip = Callable[..., Path]


@pytest.fixture
def script(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    return load_tool("benchmark_pages")


def test_page_from_a_report(
    script: ModuleType, write_clip: WriteClip, mpeg4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables, curves, points and commands come in between the marks, folders and pictures of the clips do not."""
    clips = [write_clip(tmp_path / f"{name}.y4m", 64, 48, 3, seed=seed) for name, seed in (("one", 1), ("two", 2))]
    report, crops = tmp_path / "report", tmp_path / "crops"
    command = f"lvcodec bench {tmp_path} --out {report} --modes none"
    for out, of in ((report, clips), (crops, clips[:1])):
        compare(
            ComparisonRequest(
                of, out, modes=(), anchors=("x264-veryfast",), anchor_files=(mpeg4,), metrics=("psnr",), command=command
            )
        )
    docs = tmp_path / "docs"
    (docs / "images").mkdir(parents=True)
    (docs / "images" / "bench-gone.png").write_text("of another clip")
    for name, path in (("PAGE", "benchmarks.md"), ("IMAGES", "images"), ("POINTS", "benchmarks.csv")):
        monkeypatch.setattr(script, name, docs / path)
    script.PAGE.write_text(f"before\n\n{script.BEGIN}\nstale words\n{script.END}\n\nafter\n")
    monkeypatch.setattr("sys.argv", ["benchmark_pages.py", str(report), str(crops)])
    script.main()
    first = script.PAGE.read_text(encoding="utf-8")
    assert first.startswith("before\n\n<!--") and first.endswith("-->\n\nafter\n") and "stale words" not in first
    assert "    lvcodec bench DIR --out report --modes none\n" in first and str(tmp_path) not in first
    for piece in (
        "### BD-rate against x264",
        "one (3 pictures), two (3 pictures)",
        "(images/bench-average.png)",
        "\n    ffmpeg -v error",
        "-c:v mpeg4 -q:v 8",
    ):
        assert piece in first, piece
    assert "### All points" not in first and "\n|\n" not in first
    assert sorted(path.name for path in script.IMAGES.iterdir()) == [
        "bench-average.png",
        "bench-crops.jpg",
        "bench-one.png",
        "bench-two.png",
    ]
    assert len(script.POINTS.read_text().splitlines()) == 1 + 2 * (7 + 2)
    script.main()
    assert script.PAGE.read_text(encoding="utf-8") == first


def test_page_without_marks(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PAGE", tmp_path / "page.md")
    script.PAGE.write_text("no marks")
    monkeypatch.setattr("sys.argv", ["benchmark_pages.py", str(tmp_path), str(tmp_path)])
    with pytest.raises(SystemExit, match="lacks its marks"):
        script.main()
