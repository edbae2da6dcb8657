"""`lvcodec info` and `concat`: streams made with the container alone, without torch."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from lvcodec.stream.container import StreamWriter
from lvcodec.stream.header import Header
from lvcodec.stream.structure import Structure
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat

Command = Callable[..., "subprocess.CompletedProcess[bytes]"]
KINDS = "IPPIPP"
HEADER = Header(
    family="swift",
    mode="lds",
    weights_id=bytes(range(8)),
    video=VideoFormat(64, 48, Fraction(30000, 1001), Colour(1, 1, 1, False, 1)),
    gop=3,
    quality_index=60,
)


def write(path: Path, header: Header = HEADER, *, complete: bool = True) -> Path:
    with open(path, "wb") as file:
        writer = StreamWriter(file, header)
        pictures = [(bytes([number + 1]) * (10 * (number + 1)), number) for number in range(len(KINDS))]
        for first in (0, 3):
            writer.intra(*pictures[first])
            writer.group(
                Structure(2, alpha=Fraction(1, 2 if first else 1), kept=not first), pictures[first + 1 : first + 3]
            )
        if complete:
            writer.finish()
    return path


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    return write(tmp_path / "made.lvc")


def test_fields(lvc: Command, stream: Path) -> None:
    done = lvc("info", stream)
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode()
    for piece in (
        "swift",
        "lds, alpha 1 with latents kept (2 P) and 0.5 (2 P)",
        "0001020304050607",
        "64x48",
        "30000/1001",
        "6 (2 I, 4 P) in 4 groups",
        "yes",
    ):
        assert piece in text
    assert "quality   4\n" in text
    assert f"{stream.stat().st_size} (" in text


def test_json_and_pictures(lvc: Command, stream: Path) -> None:
    done = lvc("info", stream, "--json", "--frames")
    record = json.loads(done.stdout)
    assert record["size_bytes"] == stream.stat().st_size
    assert record["rate"] == "30000/1001" and record["complete"] is True
    assert [picture["kind"] for picture in record["pictures"]] == list(KINDS)
    assert [picture["payload_bytes"] for picture in record["pictures"]] == [10, 20, 30, 40, 50, 60]
    assert [picture["kept"] for picture in record["pictures"]] == [False, True, True, False, False, False]
    assert all(0 < picture["overhead_bytes"] <= 24 for picture in record["pictures"])
    assert json.loads(lvc("info", stream, "--json").stdout)["pictures"] == len(KINDS)


def test_rows(lvc: Command, stream: Path) -> None:
    lines = lvc("info", stream, "--frames").stdout.decode().splitlines()
    rows = [line.split() for line in lines[lines.index("") + 1 :]]
    assert rows[0] == ["picture", "type", "from", "quality", "payload", "overhead", "bytes"]
    assert [row[:5] for row in rows[1:3]] == [["0", "I", "-", "4", "10"], ["1", "P", "0", "4", "20"]]
    total = rows[-1]
    assert total[:2] == ["all", "210"]
    assert int(total[1]) + int(total[2]) == int(total[3])
    assert sum(int(row[6]) for row in rows[1:-1]) == int(total[3])


def test_b_pictures(lvc: Command, tmp_path: Path) -> None:
    """In the order of display, each with what it is predicted from; and how many."""
    with open(tmp_path / "made.lvc", "wb") as file:
        writer = StreamWriter(file, dataclasses.replace(HEADER, mode="aligned", gop=9, layers=(20,) * 7))
        writer.intra(b"I", 0)
        writer.group(Structure(4, pyramid=True), [(bytes(size), 0) for size in (40, 20, 10, 30)])
        writer.group(Structure(1, key=True), [(bytes(5), 0)])
        writer.finish()
    lines = lvc("info", tmp_path / "made.lvc", "--frames").stdout.decode().splitlines()
    assert "pictures  6 (1 I, 2 P, 3 B) in 3 groups, 0.20 s" in lines
    rows = [line.split()[:5] for line in lines[lines.index("") + 2 : -1]]
    assert rows == [
        ["0", "I", "-", "4", "1"],
        ["1", "B", "0,2", "3", "10"],
        ["2", "B", "0,4", "3", "20"],
        ["3", "B", "2,4", "3", "30"],
        ["4", "P", "0", "3", "40"],
        ["5", "P", "4", "4", "5"],
    ]
    record = json.loads(lvc("info", tmp_path / "made.lvc", "--frames", "--json").stdout)
    assert [picture["references"] for picture in record["pictures"]] == [[], [0, 2], [0, 4], [2, 4], [0], [4]]
    assert len({picture["offset"] for picture in record["pictures"]}) == 3


def test_from_stdin(lvc: Command, stream: Path) -> None:
    done = lvc("info", "-", "--json", stdin=stream.read_bytes())
    assert done.stdout == lvc("info", stream, "--json").stdout


def test_no_end_record(lvc: Command, tmp_path: Path) -> None:
    done = lvc("info", write(tmp_path / "cut.lvc", complete=False))
    assert done.returncode == 0
    assert b"stops before its end record" in done.stderr
    assert b"6 (2 I, 4 P)" in done.stdout


def test_not_a_stream(lvc: Command) -> None:
    done = lvc("info", __file__)
    assert done.returncode == 3 and done.stdout == b""
    assert done.stderr.startswith(b"lvcodec: error: ") and done.stderr.count(b"\n") == 1


def test_damaged(lvc: Command, stream: Path) -> None:
    data = bytearray(stream.read_bytes())
    data[len(data) // 2] ^= 0x10
    stream.write_bytes(data)
    done = lvc("info", stream)
    assert done.returncode == 4, done.stdout.decode()


def test_no_torch(stream: Path) -> None:
    """What `info` and `concat` load: the container, not the networks."""
    script = (
        "import sys; from lvcodec.cli.main import execute\n"
        f"assert execute(['info', '--frames', {str(stream)!r}]) == 0\n"
        f"assert execute(['concat', {str(stream)!r}, {str(stream)!r}, {str(stream) + '2'!r}]) == 0\n"
        "print([name for name in ('torch', 'scipy', 'compressai') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_concat(lvc: Command, stream: Path, tmp_path: Path) -> None:
    done = lvc("concat", stream, stream, "both.lvc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b"" and b"12 pictures from 2 streams" in done.stderr
    record = json.loads(lvc("info", tmp_path / "both.lvc", "--json", "--frames").stdout)
    assert [picture["kind"] for picture in record["pictures"]] == list(KINDS * 2)
    assert record["complete"] is True


def test_concat_json(lvc: Command, stream: Path, tmp_path: Path) -> None:
    done = lvc("concat", stream, "-", tmp_path / "both.lvc", "--json", stdin=stream.read_bytes())
    assert json.loads(done.stdout)["pictures"] == 12 and done.stderr == b""


def test_concat_to_stdout(lvc: Command, stream: Path, tmp_path: Path) -> None:
    assert lvc("concat", stream, stream, tmp_path / "both.lvc").returncode == 0
    done = lvc("concat", stream, stream, "-", "--json")
    assert done.returncode == 0 and done.stdout == (tmp_path / "both.lvc").read_bytes()
    assert json.loads(done.stderr)["pictures"] == 12


def test_concat_says_what_must_agree(lvc: Command) -> None:
    words = " ".join(lvc("concat", "--help").stdout.decode().split())
    assert "agree in family, weights, mode, GOP length, size, rate and colour" in words


def test_concat_of_what_does_not_fit(lvc: Command, stream: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.lvc", dataclasses.replace(HEADER, weights_id=bytes(8)))
    done = lvc("concat", stream, other, "both.lvc", cwd=tmp_path)
    assert done.returncode == 3 and f"{other} does not fit {stream}: weights_id" in done.stderr.decode()
    assert not (tmp_path / "both.lvc").exists()
