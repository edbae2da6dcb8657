"""`lvcodec play`, with programs in the place of players: what they get, and what is said when they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import lvcodec
from lvcodec.video.ffmpeg import ffmpeg_exe

MakePlayer = Callable[[str, str], None]


@pytest.fixture
def player(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePlayer:
    """player(name, script): what a shell does when that player is started; no others are there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        (folder / name).chmod(0o755)

    return make


def test_the_video_reaches_the_player(here, stream, tmp_path, player: MakePlayer) -> None:
    """ffplay before mpv, or the one that is named; all of the stream, or some."""
    for name in ("ffplay", "mpv"):
        player(name, f'echo "$@" > {name}.args; cat > {name}.y4m')
    assert here("decode", stream, "all.y4m").returncode == 0
    done = here("play", stream)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode().splitlines()[-1] == "8 pictures went to ffplay"
    assert (tmp_path / "ffplay.y4m").read_bytes() == (tmp_path / "all.y4m").read_bytes()
    assert "-window_title clip.lvc" in (tmp_path / "ffplay.args").read_text()
    assert not (tmp_path / "mpv.y4m").exists()
    assert here("play", stream, "--player", "mpv", "--frames", "5:7", "--json").stdout.split() == [
        *b'{ "pictures": 2, "player": "mpv" }'.split()
    ]
    assert here("decode", stream, "some.y4m", "--frames", "5:7").returncode == 0
    assert (tmp_path / "mpv.y4m").read_bytes() == (tmp_path / "some.y4m").read_bytes()
    assert "--title=$>clip.lvc -" in (tmp_path / "mpv.args").read_text()


def test_sound_goes_along(here, tmp_path, random_model: str, player: MakePlayer) -> None:
    film, words = tmp_path / "film.mkv", "-f lavfi -i testsrc=size=64x48:rate=8:duration=1 -f lavfi -i sine=duration=1"
    subprocess.run([ffmpeg_exe(), "-v", "error", *words.split(), "-c:a", "flac", film], check=True)
    lvcodec.encode(film, tmp_path / "film.lvc", model=random_model)
    player("ffplay", "cat > shown")
    assert here("play", tmp_path / "film.lvc").returncode == 0
    (tmp_path / "shown").rename(tmp_path / "shown.mkv")
    said = subprocess.run(
        [ffmpeg_exe(), "-i", tmp_path / "shown.mkv"], capture_output=True, text=True, check=False
    ).stderr
    assert "Video: ffv1" in said and "Audio: flac" in said
    assert here("play", tmp_path / "film.lvc", "--video-only").returncode == 0
    assert (tmp_path / "shown").read_bytes().startswith(b"YUV4MPEG2")


def test_no_player(here, stream, player: MakePlayer) -> None:
    done = here("play", stream)
    assert (done.returncode, done.stdout) == (3, b"")
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("lvcodec: error: there is no ffplay and no mpv on the PATH; install one of them")
    player("mpv", "cat > /dev/null")
    assert b"there is no ffplay on the PATH; install it" in here("play", stream, "--player", "ffplay").stderr
    assert here("play", stream, "--player", "vlc").returncode == 2


def test_the_window_is_closed(here, stream, player: MakePlayer) -> None:
    """That is no failure."""
    player("ffplay", "head -c 100 > /dev/null; exit 0")
    done = here("play", stream)
    assert done.returncode == 0 and done.stderr.decode().splitlines()[-1].endswith(
        ("picture went to ffplay", "pictures went to ffplay")
    )


@pytest.mark.parametrize("script", ["exit 1", "cat > /dev/null; exit 1"])
def test_a_player_that_fails(here, stream, player: MakePlayer, script: str) -> None:
    player("ffplay", f"echo 'Could not initialize SDL - no display' >&2; {script}")
    done = here("play", stream)
    assert done.returncode == 3
    assert done.stderr.decode().splitlines()[-1] == (
        "lvcodec: error: ffplay failed with status 1: Could not initialize SDL - no display"
    )


def test_damage(here, stream, tmp_path, player: MakePlayer) -> None:
    """What comes before it is shown."""
    player("ffplay", "cat > shown.y4m")
    (tmp_path / "cut.lvc").write_bytes(stream.read_bytes()[:-40])
    done = here("play", tmp_path / "cut.lvc")
    assert done.returncode == 4 and b"the stream is cut" in done.stderr
    assert (tmp_path / "shown.y4m").read_bytes().count(b"FRAME\n") == int(done.stderr.split(b"the ")[1].split()[0])


def test_no_stream(here, tmp_path, player: MakePlayer) -> None:
    player("ffplay", "cat > /dev/null")
    (tmp_path / "a.lvc").write_bytes(b"hello")
    for name, words in (("none.lvc", b"no such file"), ("a.lvc", b"not an lvcodec stream")):
        done = here("play", name)
        assert done.returncode == 3 and words in done.stderr
