"""Whole comparisons, small ones: what they write, what fails, what resumes."""

from __future__ import annotations

import csv
import json
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lvcodec.bench import point
from lvcodec.bench.comparison import ComparisonRequest, compare
from lvcodec.bench.rows import PointFile
from lvcodec.cli.main import execute
from lvcodec.errors import InputError, UsageError
from lvcodec.measure import ffmpeg_features

WriteClip = Callable[..., Path]
DOCS = Path(__file__).resolve().parents[2] / "docs"
QUIET = ("--quiet", "--metrics", "psnr")

# a codec that copies the raw file, and counts how often it is run
COPY = """
[copy]
label = "copy"
points = [1, 2]
version = "{python} -c 'print(1)'"
encode = "{python} {script} {{input}} {{output}} {{q}}"
decode = "{python} {script} {{input}} {{output}} 0"
"""
SCRIPT = """
import pathlib, shutil, sys
here = pathlib.Path(__file__).parent
with open(here / "calls", "a") as calls:
    calls.write(sys.argv[3] + "\\n")
if sys.argv[3] in (here / "fail").read_text().split():
    sys.exit("out of ideas")
shutil.copy(sys.argv[1], sys.argv[2])
"""


class Copy:
    """The codec that copies: its table, its calls, and the settings at which it fails."""

    def __init__(self, folder: Path) -> None:
        self.table = folder / "copy.toml"
        self._fail, self._calls = folder / "fail", folder / "calls"
        script = folder / "copy.py"
        script.write_text(SCRIPT)
        self.table.write_text(COPY.format(python=sys.executable, script=script))
        self.fail("")

    def fail(self, settings: str) -> None:
        self._fail.write_text(settings)

    def calls(self) -> list[str]:
        """Settings since the last look; 0 is decoding."""
        found = self._calls.read_text().split() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return found


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


@pytest.fixture
def clip(write_clip: WriteClip, tmp_path: Path) -> Path:
    return write_clip(tmp_path / "moving.y4m", 64, 48, 4)


def read(out: Path) -> list[dict[str, Any]]:
    with open(out / "results.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("which", [0, 1])
def test_the_papers_table_by_the_commands_of_its_page(
    clip: Path, tmp_path: Path, random_model: str, capfd: pytest.CaptureFixture[str], which: int
) -> None:
    """The commands of docs/paper.md, short: one small clip, two qualities, weights that are not trained."""
    page = (DOCS / "paper.md").read_text(encoding="utf-8")
    command = re.findall(r"^    lvcodec (bench .*)$", page, re.MULTILINE)[which]
    words = ["DIR", "report", "0:36", "1,2.5,4,6"]
    short = [str(clip), str(tmp_path / "out"), "0:3", "2,6"]
    args = [short[words.index(word)] if word in words else word for word in shlex.split(command)]
    assert not set(words) & set(args)
    code = execute([*args, "--model", random_model, "--quiet"])
    printed = capfd.readouterr()
    assert code == 0, printed.err
    shown = re.findall(r"^### (.*)$", printed.out, re.MULTILINE)
    told = [title for title in re.findall(r"^### (.*)$", page, re.MULTILINE) if "(%)" in title]
    assert len(told) == 4 and [title for title in shown if title in told] == told
    for row in json.loads((tmp_path / "out" / "results.json").read_text())["rows"]:
        estimate, rate = row["paper_estimate_bpp"], row["bpp"]
        assert (estimate is None) == (row["codec"] == "x264-veryfast")
        assert estimate is None or 0 < estimate < (rate if row["codec"] != "lvcodec-lds" else 2 * rate)


def test_lvcodec_and_a_users_anchor(
    clip: Path,
    write_clip: WriteClip,
    mpeg4: Path,
    tmp_path: Path,
    random_model: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Two clips, three codecs: every row is measured, and the user's codec is in every table and plot."""
    other = write_clip(tmp_path / "other.y4m", 64, 48, 4, seed=3, noise=5)
    out = tmp_path / "out"
    code = execute(
        [
            "bench",
            str(clip),
            str(other),
            "--out",
            str(out),
            "--model",
            random_model,
            "-q",
            "2,5",
            "--anchors",
            "x264-veryfast",
            "--anchor-file",
            str(mpeg4),
            "--pictures",
            "2,4",
            *QUIET,
        ]
    )
    printed = capfd.readouterr()
    assert code == 0, printed.err
    rows = read(out)
    assert len(rows) == 2 * (2 + 7 + 2)
    assert {row["codec"] for row in rows} == {"lvcodec-aligned", "x264-veryfast", "mpeg4"}
    for row in rows:
        bits = 8 * int(row["size_bytes"])
        assert float(row["bpp"]) == pytest.approx(bits / (64 * 48 * 4))
        assert float(row["kbps"]) == pytest.approx(bits * 25 / 4 / 1000)
        assert float(row["psnr_yuv"]) > 5 and row["ssim"] == "n/a" and float(row["encode_fps"]) > 0
        assert row["command"].startswith(("lvcodec encode", "ffmpeg")) and row["version"]
        assert str(tmp_path) not in row["command"]
    tables = (out / "tables.md").read_text(encoding="utf-8")
    sections = {section.splitlines()[0]: section for section in tables.split("### ")[1:]}
    assert any(title.startswith("BD-rate against x264 veryfast") for title in sections)
    assert all("MPEG-4 part 2" in section for title, section in sections.items() if title != "How it was made")
    assert "processor" in sections["How it was made"]
    for place in ("moving", "other", "average"):
        assert (
            b"MPEG-4 part 2" in (out / "curves" / f"{place}.svg").read_bytes()
            or b"<!-- MPEG-4 part 2 -->" in (out / "curves" / f"{place}.svg").read_bytes()
        )
        assert (out / "curves" / f"{place}.png").read_bytes().startswith(b"\x89PNG")
    for name in ("moving", "other"):
        assert (out / "crops" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/") == 3 + 2 and "MPEG-4 part 2" in page
    assert "<link" not in page and "http://" not in page.replace("http://www.w3.org", "") and "<script" not in page
    record = json.loads((out / "results.json").read_text())
    assert len(record["rows"]) == len(rows) and record["reference"] == "x264-veryfast"
    assert "BD-rate" in printed.out
    assert sorted(path.name for path in out.iterdir()) == [
        "crops",
        "curves",
        "index.html",
        "pieces",
        "points.jsonl",
        "results.csv",
        "results.json",
        "tables.md",
    ]


def test_failures_are_rows(clip: Path, copy: Copy, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A broken clip and a failing encoder: rows that say so, the rest goes on, exit code 1."""
    broken = tmp_path / "broken.y4m"
    broken.write_bytes(clip.read_bytes()[:-100])
    copy.fail("2")
    out = tmp_path / "out"
    code = execute(
        [
            "bench",
            str(broken),
            str(clip),
            "--out",
            str(out),
            "--modes",
            "none",
            "--anchors",
            "none",
            "--anchor-file",
            str(copy.table),
            *QUIET,
        ]
    )
    printed = capfd.readouterr()
    assert code == 1
    assert "2 of 3 rows failed" in printed.err
    rows = read(out)
    assert [(row["clip"], row["codec"], row["q"], bool(row["error"])) for row in rows] == [
        ("broken", "", "", True),
        ("moving", "copy", "1", False),
        ("moving", "copy", "2", True),
    ]
    assert "broken.y4m" in rows[0]["error"] and "out of ideas" in rows[2]["error"]
    assert float(rows[1]["psnr_yuv"]) == 100
    for name in ("tables.md", "index.html"):
        assert "out of ideas" in (out / name).read_text(encoding="utf-8")


def test_nothing_but_failures(copy: Copy, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "empty.y4m").write_bytes(b"")
    code = execute(
        [
            "bench",
            str(tmp_path / "empty.y4m"),
            "--out",
            str(out),
            "--modes",
            "none",
            "--anchors",
            "none",
            "--anchor-file",
            str(copy.table),
            *QUIET,
        ]
    )
    assert code == 1
    assert [bool(row["error"]) for row in read(out)] == [True]


def test_missing_weights_are_rows(clip: Path, copy: Copy, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = execute(
        [
            "bench",
            str(clip),
            "--out",
            str(out),
            "--model",
            "no-such-model",
            "-q",
            "3",
            "--anchors",
            "none",
            "--anchor-file",
            str(copy.table),
            *QUIET,
        ]
    )
    assert code == 1
    assert [(row["codec"], bool(row["error"])) for row in read(out)] == [
        ("lvcodec-aligned", True),
        ("copy", False),
        ("copy", False),
    ]


def request(clip: Path, copy: Copy, tmp_path: Path) -> ComparisonRequest:
    return ComparisonRequest(
        [clip], tmp_path / "out", modes=(), anchors=(), anchor_files=(copy.table,), metrics=("psnr",)
    )


def test_resumes(clip: Path, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished before an interruption is not coded again; what failed is."""
    real = point.measure

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        if len(copy_calls := (tmp_path / "calls").read_text().split()) > 2:
            raise KeyboardInterrupt(copy_calls)
        return real(*args, **kwargs)

    asked = request(clip, copy, tmp_path)
    monkeypatch.setattr(point, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare(asked)
    assert copy.calls() == ["1", "0", "2", "0"]
    assert not list((tmp_path / "out").glob("work-*"))
    monkeypatch.undo()
    with open(tmp_path / "out" / "points.jsonl", "a") as file:
        file.write('{"clip": "moving", "cod')  # cut in the middle of a line
    report = compare(asked)
    assert copy.calls() == ["2", "0"] and report.failures == 0
    before = (tmp_path / "out" / "results.csv").read_bytes()
    compare(asked)
    assert copy.calls() == [] and (tmp_path / "out" / "results.csv").read_bytes() == before
    compare(replace(asked, metrics=("psnr", "ssim")))  # other figures are asked for
    assert copy.calls() == ["1", "0", "2", "0"]


def test_failed_points_are_tried_again(clip: Path, copy: Copy, tmp_path: Path) -> None:
    asked = request(clip, copy, tmp_path)
    copy.fail("1")
    assert compare(asked).failures == 1
    copy.calls()
    copy.fail("")
    assert compare(asked).failures == 0
    assert copy.calls() == ["1", "0"]


def test_another_clip_of_that_name(clip: Path, write_clip: WriteClip, copy: Copy, tmp_path: Path) -> None:
    asked = request(clip, copy, tmp_path)
    compare(asked)
    clip.unlink()
    write_clip(clip, 64, 48, 4, seed=9)
    copy.calls()
    compare(asked)
    assert copy.calls() == ["1", "0", "2", "0"]


@pytest.mark.slow
def test_side_by_side(clip: Path, write_clip: WriteClip, copy: Copy, tmp_path: Path) -> None:
    """Several points at once give the same figures; times are taken alone, of one point."""
    other = write_clip(tmp_path / "other.y4m", 64, 48, 4, seed=3)
    asked = replace(request(clip, copy, tmp_path), clips=[clip, other, tmp_path / "absent.y4m"])
    one = compare(asked).record["rows"]
    two = compare(replace(asked, jobs=2, out=tmp_path / "two")).record["rows"]
    assert [row["scores"] for row in one] == [row["scores"] for row in two]
    assert [row["encode_s"] is None for row in two] == [True, False, True, False, True]
    assert not list((tmp_path / "two").glob("work-*"))


def test_a_decoder_that_loses_pictures(clip: Path, copy: Copy, tmp_path: Path) -> None:
    copy.table.write_text(
        copy.table.read_text().replace("shutil.copy", "")
        + '\n[short]\npoints = [1]\nversion = "true"\nencode = "cp {input} {output}"\n'
        + 'decode = "head -c 4608 {input}"\n'
    )
    report = compare(request(clip, copy, tmp_path))
    [row] = [row for row in report.record["rows"] if row["codec"] == "short"]
    assert row["error"] == "short decoder wrote no file"


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"metric": "psnr_x"}, "no metric 'psnr_x'"),
        ({"metrics": ("psmr",)}, "no metric 'psmr'"),
        ({"modes": ("fast",)}, "no mode 'fast'"),
        ({"anchors": ("h264",)}, "no anchor 'h264'"),
        ({"reference": "h264"}, "reference 'h264' is not among"),
        ({"crop": "big"}, "'big' is no crop"),
        ({"anchor_files": ()}, "not among the codecs"),
    ],
)
def test_refused_before_any_work(clip: Path, copy: Copy, tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        compare(replace(request(clip, copy, tmp_path), **change))
    assert copy.calls() == [] and not (tmp_path / "out").exists()


def test_an_ffmpeg_without_vmaf(clip: Path, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_features, "filters", lambda: frozenset({"psnr"}))
    asked = replace(request(clip, copy, tmp_path), metrics=("psnr", "vmaf"))
    notices: list[str] = []
    report = compare(asked, on_notice=notices.append)
    assert "vmaf is left out: this ffmpeg has no filter libvmaf" in notices
    assert report.failures == 0 and report.record["rows"][0]["scores"]["vmaf"] is None
    with pytest.raises(InputError, match="no curves of xpsnr: this ffmpeg has no filter xpsnr"):
        compare(replace(asked, metric="xpsnr", out=tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_points_file_keeps_the_last(tmp_path: Path) -> None:
    points = PointFile(tmp_path / "points.jsonl")
    points.add(point.Row("clip", "codec", key="a", bpp=1.0))
    points.add(point.Row("clip", "codec", key="a", bpp=2.0))
    points.add(point.Row("clip", "codec", key="b", error="broken"))
    assert {key: row.bpp for key, row in PointFile(tmp_path / "points.jsonl").finished.items()} == {"a": 2.0}
