"""Encoding and decoding through the command: pipes, damage, full disks, interruptions, files left behind."""

from __future__ import annotations

import dataclasses
import io
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

import lvcodec
from lvcodec.stream.container import StreamReader, StreamWriter

Command = Callable[..., "subprocess.CompletedProcess[bytes]"]
Here = Callable[..., Any]
PICTURE_BYTES = 64 * 48 * 3 // 2
PICTURES = 8
GOP = 4
MODEL = ("--model", "random-swift", "--gop", str(GOP), "--bframes", "0")

pytestmark = pytest.mark.usefixtures("random_model")


def pictures_of(y4m: bytes) -> list[bytes]:
    """The raw pictures of a whole Y4M file."""
    header, _, rest = y4m.partition(b"\n")
    assert header.startswith(b"YUV4MPEG2 W64 H48 F25:1")
    size = len(b"FRAME\n") + PICTURE_BYTES
    assert len(rest) % size == 0
    frames = [rest[at : at + size] for at in range(0, len(rest), size)]
    assert all(frame.startswith(b"FRAME\n") for frame in frames)
    return [frame.removeprefix(b"FRAME\n") for frame in frames]


@pytest.fixture(scope="module")
def decoded(stream: Path, lvc: Command) -> list[bytes]:
    """The stream's pictures, in one process."""
    done = lvc("decode", stream, "-")
    assert done.returncode == 0, done.stderr.decode()
    pictures = pictures_of(done.stdout)
    assert len(pictures) == PICTURES
    return pictures


def test_summary_and_recon(lvc: Command, clip: Path, stream: Path, decoded: list[bytes], tmp_path: Path) -> None:
    """One line on stderr, nothing on stdout; the encoder's pictures are the decoder's; runs are the same."""
    done = lvc("encode", clip, "out.lvc", *MODEL, "--recon", "recon.y4m", "--psnr", "--verify", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b""
    summary = done.stderr.decode().splitlines()[-1]
    size = stream.stat().st_size
    assert summary.startswith(f"8 pictures, {size} bytes, {8 * size / (64 * 48 * 8):.4f} bpp, ")
    assert "dB" in summary
    assert (tmp_path / "out.lvc").read_bytes() == stream.read_bytes()
    assert pictures_of((tmp_path / "recon.y4m").read_bytes()) == decoded
    assert {path.name for path in tmp_path.iterdir()} == {"out.lvc", "recon.y4m"}


def test_json(here: Here, clip: Path, stream: Path, tmp_path: Path) -> None:
    """On stdout; beside data on stderr."""
    done = here("encode", clip, tmp_path / "a.lvc", *MODEL, "--json", "--quiet", "--psnr")
    record = json.loads(done.stdout)
    assert done.stderr == b""
    assert record["pictures"] == PICTURES and record["size_bytes"] == stream.stat().st_size
    assert record["psnr_db"]["yuv"] > 10
    done = here("decode", stream, "-", "--json", "--quiet")
    assert json.loads(done.stderr)["pictures"] == PICTURES
    assert len(pictures_of(done.stdout)) == PICTURES


def test_frames(here: Here, stream: Path, decoded: list[bytes], tmp_path: Path) -> None:
    assert pictures_of(here("decode", stream, "-", "--frames", "5:7").stdout) == decoded[5:7]
    assert here("decode", stream, "out.yuv", "--frames", "6:").returncode == 0
    assert (tmp_path / "out.yuv").read_bytes() == b"".join(decoded[6:])


def test_replace(here: Here, stream: Path, tmp_path: Path) -> None:
    (tmp_path / "out.y4m").write_bytes(b"old")
    assert here("decode", stream, "out.y4m", "-y").returncode == 0
    assert len(pictures_of((tmp_path / "out.y4m").read_bytes())) == PICTURES
    assert [path.name for path in tmp_path.iterdir()] == ["out.y4m"]


def test_text_is_no_video(here: Here, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("this is no video\n" * 100)
    done = here("encode", "notes.txt", "out.lvc", *MODEL)
    assert done.returncode == 3, done.stderr.decode()
    assert b"notes.txt" in done.stderr and b"Traceback" not in done.stderr
    assert not (tmp_path / "out.lvc").exists()
    done = here("decode", "notes.txt", "out.y4m")
    assert done.returncode == 3, done.stderr.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_raw_length(here: Here, planes: list[bytes], tmp_path: Path) -> None:
    """Ten bytes too many are no picture; the message says what would fit."""
    (tmp_path / "clip_64x48_25.yuv").write_bytes(b"".join(planes) + bytes(10))
    done = here("encode", "clip_64x48_25.yuv", "out.lvc", *MODEL)
    assert done.returncode == 3, done.stderr.decode()
    assert b"64x48" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["clip_64x48_25.yuv"]


@pytest.mark.parametrize("kind", ["y4m", "raw"])
def test_a_cut_clip_names_lenient(here: Here, y4m: bytes, planes: list[bytes], tmp_path: Path, kind: str) -> None:
    name, data = {"y4m": ("a.y4m", y4m), "raw": ("a_64x48_25.yuv", b"".join(planes))}[kind]
    (tmp_path / name).write_bytes(data[:-100])
    done = here("encode", name, "out.lvc", *MODEL)
    assert done.returncode == 3
    assert done.stderr.endswith(b"; encode --lenient (lenient=True) takes the 7 whole ones\n")
    assert here("encode", name, "out.lvc", "--lenient", "-y", *MODEL).returncode == 0
    assert len(lvcodec.probe(tmp_path / "out.lvc").pictures) == 7


def test_notices_about_outputs(here: Here, clip: Path, stream: Path) -> None:
    """A stream under a video's name, a --recon that is not lossless, pixel formats and suffixes that are not there."""
    done = here("encode", clip, "movie.mkv", "--recon", "rec.mp4", "--frames", "0:1", *MODEL)
    assert done.stderr.decode().splitlines()[:2] == [
        "lvcodec: movie.mkv gets an lvcodec stream, which players do not know; the usual suffix is .lvc",
        "lvcodec: rec.mp4 is encoded with H.264 by libx264, crf 10, preset medium",
    ]
    suffixes = "name it .y4m, .yuv, .mkv, .mp4, .webm or .png"
    for target, options, code, said in (
        ("x.foo", [], 3, f"ffmpeg cannot write x.foo: it has no format for .foo; {suffixes}"),
        ("x.y4m", ["rgb24"], 2, "Y4M has no rgb24; choose yuv420p, yuv422p, yuv444p, gray, yuv420p10le …"),
        ("x.mkv", ["foo"], 2, "pixel format 'foo' is not known; choose yuv420p, yuv420p10le, yuv422p, gray …"),
        ("x.gif", ["rgb24"], 2, "gif takes no rgb24; choose gray"),
    ):
        done = here("decode", stream, target, *(word for name in options for word in ("--pix-fmt", name)))
        assert (done.returncode, done.stderr.decode()) == (code, f"lvcodec: error: {said}\n")


@pytest.mark.parametrize("args", [["decode", "x", "out.y4m"], ["info", "x"], ["inspect", "x"], ["thumbnail", "x"]])
def test_errors_name_the_stream(here: Here, stream: Path, tmp_path: Path, args: list[str]) -> None:
    """Once, and what is no stream says how to make one."""
    damaged = bytearray(stream.read_bytes())
    damaged[20] ^= 4
    (tmp_path / "x").write_bytes(damaged)
    done = here(*args)
    assert (done.returncode, done.stderr) == (4, b"lvcodec: error: x: header: the CRC does not match\n")
    (tmp_path / "x").write_bytes(b"hello")
    done = here(*args)
    assert done.returncode == 3
    assert done.stderr.startswith(b"lvcodec: error: x: not an lvcodec stream, ")
    assert done.stderr.endswith(b"; lvcodec encode makes one of a video\n")


def test_raw_by_its_name(here: Here, planes: list[bytes], decoded: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "clip_64x48_25.yuv").write_bytes(b"".join(planes))
    assert here("encode", "clip_64x48_25.yuv", "out.lvc", *MODEL).returncode == 0
    assert pictures_of(here("decode", "out.lvc", "-").stdout) == decoded


def test_unknown_model(here: Here, clip: Path, tmp_path: Path) -> None:
    done = here("encode", clip, "out.lvc", "--model", "no-such-model")
    assert done.returncode == 6 and b"no-such-model" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_unknown_weights(here: Here, stream: Path, tmp_path: Path) -> None:
    """A stream of other weights: refused, with their hash, before anything is written."""
    reader = StreamReader(io.BytesIO(stream.read_bytes()))
    with open(tmp_path / "other.lvc", "wb") as file:
        writer = StreamWriter(file, dataclasses.replace(reader.header, weights_id=b"\xab" * 8))
        for record in reader:
            writer.copy([record])
        writer.finish()
    done = here("decode", "other.lvc", "out.y4m")
    assert done.returncode == 6, done.stderr.decode()
    assert b"abababababababab" in done.stderr
    assert not (tmp_path / "out.y4m").exists()


def test_wrong_checksum(here: Here, stream: Path, tmp_path: Path) -> None:
    """Pixels that are not the encoder's: exit code 5 with the picture's number, unless --no-check."""
    reader = StreamReader(io.BytesIO(stream.read_bytes()))
    with open(tmp_path / "other.lvc", "wb") as file:
        writer = StreamWriter(file, reader.header)
        for record in reader:
            writer.copy([dataclasses.replace(record, checksum=record.checksum ^ (record.number == 5))])
        writer.finish()
    done = here("decode", "other.lvc", "-")
    assert done.returncode == 5, done.stderr.decode()
    assert b"picture 5" in done.stderr
    done = here("decode", "other.lvc", "-", "--no-check")
    assert done.returncode == 0 and len(pictures_of(done.stdout)) == PICTURES


def test_truncated(here: Here, stream: Path, decoded: list[bytes], tmp_path: Path) -> None:
    """Cut within the last picture but one: what is whole is written, then exit code 4."""
    records = list(StreamReader(io.BytesIO(stream.read_bytes())))
    cut = tmp_path / "cut.lvc"
    cut.write_bytes(stream.read_bytes()[: records[6].offset + records[6].size_bytes // 2])
    done = here("decode", cut, "-")
    assert done.returncode == 4, done.stderr.decode()
    assert pictures_of(done.stdout) == decoded[:6]
    assert b"Traceback" not in done.stderr


def test_flipped_bits(here: Here, stream: Path, decoded: list[bytes], tmp_path: Path) -> None:
    """In every part of the file: exit code 4, and no picture that is not the encoder's."""
    data = stream.read_bytes()
    records = list(StreamReader(io.BytesIO(data)))
    spots = [5, 20, records[0].offset + 1, records[2].offset + records[2].size_bytes // 2, len(data) - 3]
    path = tmp_path / "damaged.lvc"
    for spot in spots:
        damaged = bytearray(data)
        damaged[spot] ^= 0x04
        path.write_bytes(damaged)
        done = here("decode", path, "-")
        assert done.returncode == 4, (spot, done.stderr.decode())
        assert b"Traceback" not in done.stderr and b"unexpected" not in done.stderr
        written = pictures_of(done.stdout) if done.stdout else []
        assert written == decoded[: len(written)], spot


def test_conceal(here: Here, stream: Path, decoded: list[bytes], tmp_path: Path) -> None:
    """The last good picture up to the next I-picture, then the encoder's again."""
    data = bytearray(stream.read_bytes())
    records = list(StreamReader(io.BytesIO(bytes(data))))
    data[records[2].offset + records[2].size_bytes // 2] ^= 0x04
    (tmp_path / "damaged.lvc").write_bytes(data)
    done = here("decode", "damaged.lvc", "-", "--conceal", "--json", "--quiet")
    assert done.returncode == 0, done.stderr.decode()
    assert pictures_of(done.stdout) == [*decoded[:2], decoded[1], decoded[1], *decoded[4:]]
    assert json.loads(done.stderr)["concealed"] == 2


def test_full_disk(lvc: Command, stream: Path, clip: Path) -> None:
    for args in (["decode", stream, "-"], ["encode", clip, "-", *MODEL]):
        with open("/dev/full", "wb") as full:
            done = lvc(*args, stdout=full)
        assert done.returncode == 3, done.stderr.decode()
        assert b"space" in done.stderr and b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr


def test_reader_that_leaves(command: list[str], stream: Path) -> None:
    process = subprocess.Popen([*command, "decode", stream, "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 141


class Collector(threading.Thread):
    """Reads a pipe to its end, so that the test can look at what has come."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self.pipe = pipe
        self.data = b""
        self.start()

    def run(self) -> None:
        while block := self.pipe.read1(1 << 16):  # type: ignore[attr-defined]
            self.data += block

    def wait_for(self, size_bytes: int, timeout_s: float) -> bool:
        end = time.monotonic() + timeout_s
        while len(self.data) < size_bytes and time.monotonic() < end:
            time.sleep(0.02)
        return len(self.data) >= size_bytes


def test_pictures_flow_through_pipes(
    command: list[str], y4m_header: bytes, planes: list[bytes], decoded: list[bytes]
) -> None:
    """encode - - | decode - -: pictures come out while the input is still open."""
    encoder = subprocess.Popen(
        [*command, "encode", "-", "-", *MODEL, "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert encoder.stdin is not None and encoder.stdout is not None
    decoder = subprocess.Popen([*command, "decode", "-", "-", "--quiet"], stdin=encoder.stdout, stdout=subprocess.PIPE)
    assert decoder.stdout is not None
    encoder.stdout.close()
    out = Collector(decoder.stdout)
    try:
        frames = [b"FRAME\n" + picture for picture in planes]
        encoder.stdin.write(y4m_header + b"".join(frames[: GOP + 2]))
        encoder.stdin.flush()
        assert out.wait_for(GOP * len(frames[0]), 60), "no GOP came out before the input ended"
        encoder.stdin.write(b"".join(frames[GOP + 2 :]))
        encoder.stdin.close()
        assert encoder.wait(60) == 0 and decoder.wait(60) == 0
        out.join(10)
        assert pictures_of(out.data) == decoded
    finally:
        encoder.kill()
        decoder.kill()


@pytest.mark.parametrize(
    ("number", "code", "times", "keep"),
    [
        (signal.SIGINT, 130, 1, False),
        (signal.SIGINT, 130, 2, False),
        (signal.SIGINT, 130, 2, True),
        (signal.SIGTERM, 143, 1, True),
        (signal.SIGTERM, 143, 2, False),
    ],
)
def test_interrupted(
    command: list[str],
    number: signal.Signals,
    code: int,
    times: int,
    keep: bool,
    y4m_header: bytes,
    planes: list[bytes],
    tmp_path: Path,
) -> None:
    """Nothing half-written stays; with --keep-partial, one stream with whole pictures."""
    options = ["--keep-partial"] if keep else []
    process = subprocess.Popen(
        [*command, "encode", "-", "out.lvc", "--recon", "recon.yuv", *MODEL, *options],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background inherit "ignored"
    )
    assert process.stdin is not None and process.stderr is not None
    try:
        # one GOP, which is not known to be whole before another picture comes: whole ones would be kept
        process.stdin.write(y4m_header + b"".join(b"FRAME\n" + picture for picture in planes[:GOP]))
        process.stdin.flush()
        end = time.monotonic() + 60
        while not any(path.stat().st_size for path in tmp_path.glob("*recon*")):  # pictures are being coded
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.05)
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.005)
        assert process.wait(30) == code
        said = process.stderr.read().decode()
        assert said.endswith("lvcodec: interrupted\n") and "Traceback" not in said
    finally:
        process.kill()
    left = list(tmp_path.iterdir())
    if keep:
        assert [path.name for path in left] == ["out.lvc"]
        assert list(StreamReader(io.BytesIO(left[0].read_bytes())))[0].kind == "I"
    else:
        assert left == []


def test_progress_for_programs(here: Here, clip: Path) -> None:
    """All of stderr is objects, one a line, and --quiet changes nothing of them."""
    for quiet in ([], ["--quiet"]):
        done = here("encode", clip, "out.lvc", "-q", "4.01", "-y", "--progress", "json", *quiet, *MODEL)
        assert done.returncode == 0 and done.stdout == b""
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        assert lines[0] == {"notice": "quality 4.01 is coded as 4: qualities go in steps of 0.05"}
        told = [line for line in lines if line.get("stage") == "encoding"]
        assert told[0]["pictures"] == 1 and told[-1]["pictures"] == told[-1]["total"] == PICTURES
        assert lines[-1]["stage"] == "done" and lines[-1]["size_bytes"] > told[-1]["size_bytes"]
