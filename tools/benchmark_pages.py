"""Put the results of `lvcodec bench` into docs/benchmarks.md: `make bench-docs CLIPS=DIR` runs all of it.

    python tools/benchmark_pages.py REPORT CROPS

REPORT is the --out folder of a comparison: its tables replace what stands between the two marks in the page, its curves
go to docs/images, its points to docs/benchmarks.csv. No picture of its clips is taken. CROPS is the folder of a
comparison on clips that may be shown: of that one come the side-by-side pictures.
"""

from __future__ import annotations

import csv
import json
import re
import shlex
import sys
from datetime import date
from pathlib import Path
from typing import Any

from PIL import Image

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, IMAGES, POINTS = DOCS / "benchmarks.md", DOCS / "images", DOCS / "benchmarks.csv"
BEGIN, END = "<!-- results: made by tools/benchmark_pages.py -->", "<!-- end of results -->"
COLUMNS = (
    "clip",
    "codec",
    "q",
    "pictures",
    "size_bytes",
    "bpp",
    "kbps",
    "psnr_y",
    "psnr_u",
    "psnr_v",
    "psnr_yuv",
    "psnr_rgb",
    "ssim",
    "ms_ssim",
    "vmaf",
    "xpsnr",
    "flicker",
    "encode_fps",
    "decode_fps",
)
LEFT_OUT = ("All points", "How it was made")  # the first is benchmarks.csv, the second is told here
FACTS = ("processor", "cores", "system", "python", "torch", "numpy", "ffmpeg", "threads")


def sections(tables: str) -> list[str]:
    """The tables of tables.md that the page shows, as Markdown."""
    parts = ["### " + part.strip() for part in tables.split("### ")[1:]]
    return [part for part in parts if not part[4:].startswith(LEFT_OUT)]


def shown_command(command: str) -> str:
    """The comparison's command without the folders that its clips and its report lie in."""
    words = shlex.split(command)
    return shlex.join([*words[:2], "DIR", "--out", "report", *words[words.index("--out") + 2 :]])


def commands(rows: list[dict[str, Any]]) -> list[str]:
    """One command a codec: that of its middle point on the first clip."""
    lines = []
    for codec in dict.fromkeys(row["codec"] for row in rows if row["codec"]):
        of_codec = [row for row in rows if row["codec"] == codec]
        coded = [row["command"] for row in of_codec if not row["error"] and row["command"].split()] or ["failed"]
        points = sum(row["clip"] == rows[0]["clip"] for row in of_codec)
        lines.append(f"    {coded[min(points // 2, len(coded) - 1)]}")
    return lines


def rounded(value: str) -> str:
    """A figure with six digits; whole numbers and words as they are."""
    return f"{float(value):.6g}" if re.fullmatch(r"-?\d+\.\d+", value) else value


def results(report: Path) -> str:
    """What stands between the marks."""
    record = json.loads((report / "results.json").read_text("utf-8"))
    rows = record["rows"]
    day = date.fromtimestamp((report / "results.json").stat().st_mtime)
    clips = {row["clip"]: f"{row['clip']} ({row['pictures']} pictures)" for row in rows if row["pictures"]}
    ours = next((row["version"] for row in rows if row["codec"].startswith("lvcodec") and row["version"]), "lvcodec")
    facts = "; ".join(f"{name}: {record['machine'][name]}" for name in FACTS)
    places = [*(["average"] if len(clips) > 1 else []), *clips]
    text = [
        BEGIN,
        "",
        f"{day}, {ours}. Clips: {', '.join(clips.values())}. {facts}.",
        "",
        f"    {shown_command(record['command'])}",
        "",
        *sections((report / "tables.md").read_text("utf-8")),
        "### Curves",
        "",
        *(f"![Rate-distortion curves: {place}](images/bench-{place}.png)" for place in places),
        "",
        "### Commands",
        "",
        "Of the middle point of each codec, on the first clip:",
        "",
        *commands(rows),
        "",
        END,
    ]
    return "\n\n".join(re.split(r"\n\n+", "\n".join(text).replace("\n### ", "\n\n### ").replace("\n|", "\n|")))


def main() -> None:
    """Write page, pictures and points from the two folders of reports that were named."""
    report, crops = map(Path, sys.argv[1:])
    page = PAGE.read_text("utf-8")
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        sys.exit(f"{PAGE} lacks its marks")
    new = results(report)
    for old in IMAGES.glob("bench-*"):
        old.unlink()
    for curve in sorted((report / "curves").glob("*.png")):
        (IMAGES / f"bench-{curve.name}").write_bytes(curve.read_bytes())
    [sheet] = sorted((crops / "crops").glob("*.png"))
    Image.open(sheet).convert("RGB").save(IMAGES / "bench-crops.jpg", quality=95, subsampling=0, optimize=True)
    with (
        open(report / "results.csv", encoding="utf-8", newline="") as source,
        open(POINTS, "w", encoding="utf-8", newline="") as target,
    ):
        writer = csv.DictWriter(target, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: rounded(value) for name, value in row.items()} for row in csv.DictReader(source))
    PAGE.write_text(before + new + after, "utf-8")


if __name__ == "__main__":
    main()
