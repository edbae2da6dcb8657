"""The table of codecs: what it may say, and how commands come of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from lvcodec.errors import InputError, LvcError, UsageError
from lvcodec.measure.anchors import choose, load_anchors
from lvcodec.measure.clips import Clip, Reading, find_clips, prepared
from lvcodec.measure.metrics import measure
from lvcodec.measure.raw import count_pictures
from lvcodec.names import ANCHORS
from lvcodec.video.format import VideoFormat

CLIP = Clip("a clip", Path("/elsewhere/a clip.yuv"), VideoFormat(64, 48, Fraction(30000, 1001)), 4, "0")
GOOD = '[mine]\nencode = "coder {input} {output} {q}"\ndecode = "coder -d {input} {output}"\npoints = [1, 2.5]\n'


def test_the_fields_anchors() -> None:
    anchors = load_anchors(gop=7)
    x264 = anchors["x264-veryfast"].command_line(CLIP, 23)
    for part in (
        "-preset veryfast -tune zerolatency -crf 23 -g 7 -bf 0 -sc_threshold 0 -threads 1",
        "filter_units=remove_types=6",
        "-f h264",
        "-s 64x48 -r 30000/1001 -i 'a clip.yuv'",
    ):
        assert part in x264
    assert "elsewhere" not in x264 and x264.startswith("ffmpeg ")
    x265 = anchors["x265-veryfast"].command_line(CLIP, 23)
    assert "crf=23:keyint=7:min-keyint=7:scenecut=0:bframes=0:info=0:pools=1:frame-threads=1" in x265
    assert "-g 1 " in anchors["x264-intra"].command_line(CLIP, 23)
    assert {"svt-av1", "vvenc", "x264-medium", "x265-medium"} <= anchors.keys()


def test_the_list_of_names_is_the_tables() -> None:
    assert tuple(load_anchors()) == ANCHORS


def test_a_users_codec(tmp_path: Path) -> None:
    mine = load_anchors([write(tmp_path, GOOD)])["mine"]
    assert (mine.label, mine.points, mine.suffix, mine.available()) == ("mine", (1, 2.5), "bin", True)
    assert mine.command_line(CLIP, 2.5) == "coder 'a clip.yuv' 'a clip.bin' 2.5"


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text, reason",
    [
        ("[mine", "is no TOML"),
        ("mine = 3", "is no table"),
        (GOOD.replace("mine", "x264-medium"), "there is a codec x264-medium already"),
        (GOOD.replace("[mine]", '["my codec"]'), "no name for a codec"),
        (GOOD + 'colour = "red"', "unknown key 'colour'"),
        (GOOD.replace("points = [1, 2.5]", "points = []"), "needs points"),
        (GOOD.replace("points = [1, 2.5]", 'points = ["a"]'), "needs points"),
        (GOOD.replace("decode", "suffix"), "needs a text decode"),
        (GOOD.replace("{q}", "{crf}"), r"names \{crf\}"),
        (GOOD.replace("{q}", "'"), "no closing quotation"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load_anchors([write(tmp_path, text)])


def test_no_such_file_or_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        load_anchors([tmp_path / "none.toml"])
    with pytest.raises(UsageError, match="no anchor 'h264'; choose among x264-veryfast"):
        choose(load_anchors(), ["h264"])


def test_an_encoder_that_is_missing(tmp_path: Path) -> None:
    text = GOOD.replace("points", 'encoder = "libnothing"\npoints')
    assert not load_anchors([write(tmp_path, text)])["mine"].available()


def test_failures_are_told(tmp_path: Path) -> None:
    mine = load_anchors([write(tmp_path, GOOD)])["mine"]
    with pytest.raises(LvcError, match="mine encoder: cannot run coder"):
        mine.encode_clip(CLIP, 1, tmp_path / "out.bin")
    silent = GOOD.replace('"coder', '"false')
    assert silent != GOOD
    with pytest.raises(LvcError, match="mine encoder ended with status 1: false ended without a word"):
        load_anchors([write(tmp_path, silent)])["mine"].encode_clip(CLIP, 1, tmp_path / "out.bin")
    x264 = load_anchors()["x264-veryfast"]
    with pytest.raises(LvcError, match="x264-veryfast encoder ended with status .*[Nn]o such file"):
        x264.encode_clip(CLIP, 23, tmp_path / "out.h264")


@pytest.mark.parametrize("place", ["2026-11-29T15:40", "http:rep", "-rep", "100%03d"])
def test_folders_may_be_called_anything(make_clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(place)
    folder.mkdir()
    pictures = make_clip(64, 48, 2)
    with prepared("c", (pictures, CLIP.video), folder, Reading()) as clip:
        anchor = load_anchors()["x264-veryfast"]
        anchor.encode_clip(clip, 23, folder / "c.h264")
        anchor.decode_clip(folder / "c.h264", clip, folder / "d.yuv")
        assert count_pictures(folder / "d.yuv", clip.video) == 2
        assert measure(clip.raw, folder / "d.yuv", clip.video, metrics=("psnr", "rgb")).mean.psnr_rgb > 20
        assert str(tmp_path) not in anchor.command_line(clip, 23)


def test_programs_that_are_not_ffmpeg_get_plain_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    copy = GOOD.replace("coder -d", "cp").replace("coder {input} {output} {q}", "cp {input} {output}")
    (tmp_path / "-c.yuv").write_bytes(b"raw")
    clip = replace(CLIP, raw=Path("-c.yuv"))
    load_anchors([write(tmp_path, copy)])["mine"].encode_clip(clip, 1, Path("-d"))
    assert (tmp_path / "-d").read_bytes() == b"raw"


def test_clips_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.y4m", "a.mkv", "notes.txt", "average.y4m"):
        (tmp_path / name).write_bytes(b"")
    found = find_clips([tmp_path, tmp_path / "b.y4m", "absent.y4m"])
    assert list(found) == ["a", "average-2", "b", "b-2", "absent"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no videos"):
        find_clips([tmp_path / "empty"])
