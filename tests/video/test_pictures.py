"""Pictures, one a file: numbered output of every suffix, refused before any work or complete."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lvcodec.errors import InputError
from lvcodec.video.encoders import ALSO_NUMBERED, PICTURES
from lvcodec.video.sink import open_sink

from .clips import read_all, video_format


@pytest.mark.parametrize("suffix", [*PICTURES, *ALSO_NUMBERED])
def test_numbered_output_of_every_suffix(tmp_path: Path, make_clip, suffix: str) -> None:
    clip = make_clip(35, 21, 2)
    with open_sink(tmp_path / f"f_%03d{suffix}", video_format(clip)) as sink:
        for picture in clip:
            sink.write(picture)
    assert sorted(os.listdir(tmp_path)) == [f"f_001{suffix}", f"f_002{suffix}"]
    got, fmt, _ = read_all(tmp_path / f"f_002{suffix}")
    assert (len(got), fmt.width, fmt.height) == (1, 35, 21)


@pytest.mark.parametrize("suffix", [".pbm", ".xbm", ".phm", ".nothing"])
def test_what_cannot_be_numbered_is_refused_before_any_work(tmp_path: Path, make_clip, suffix: str) -> None:
    with pytest.raises(InputError, match="cannot write"):
        open_sink(tmp_path / f"f_%03d{suffix}", video_format(make_clip(32, 32, 1)))
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_called_like_a_pattern(tmp_path: Path, make_clip) -> None:
    """One file, since an MP4 holds all pictures; one that is there is refused at once."""
    clip = make_clip(32, 32, 2)
    for name in ("f_%03d.mp4", "100%.mkv"):
        with open_sink(tmp_path / name, video_format(clip)) as sink:
            for picture in clip:
                sink.write(picture)
        with pytest.raises(InputError, match="exists"):
            open_sink(tmp_path / name, video_format(clip))
    assert sorted(os.listdir(tmp_path)) == ["100%.mkv", "f_%03d.mp4"]


@pytest.mark.parametrize(("taken", "count", "refused"), [(3, 5, True), (3, 2, False), (0, 5, False), (1, None, True)])
def test_an_existing_number_is_refused_before_any_work(
    tmp_path: Path, make_clip, taken: int, count: int | None, refused: bool
) -> None:
    (tmp_path / f"f_{taken:03d}.png").write_text("precious")
    fmt = video_format(make_clip(32, 32, 1))
    if refused:
        with pytest.raises(InputError, match=f"f_00{taken}.png exists"):
            open_sink(tmp_path / "f_%03d.png", fmt, count=count)
    else:
        open_sink(tmp_path / "f_%03d.png", fmt, count=count).abort()
    assert os.listdir(tmp_path) == [f"f_{taken:03d}.png"]
    open_sink(tmp_path / "f_%03d.png", fmt, count=count, overwrite=True).abort()


def test_an_existing_number_ends_the_work_where_it_is_met(tmp_path: Path, make_clip) -> None:
    """How many come is not known: those before it are not written either."""
    clip = make_clip(32, 32, 3)
    (tmp_path / "f_2.png").write_text("precious")
    sink = open_sink(tmp_path / "f_%d.png", video_format(clip))
    sink.write(clip[0])
    with pytest.raises(InputError, match="f_2.png exists"):
        sink.write(clip[1])
    sink.abort()
    assert os.listdir(tmp_path) == ["f_2.png"]


def test_one_that_comes_into_being_meanwhile(tmp_path: Path, make_clip) -> None:
    """All pictures or none."""
    clip = make_clip(32, 32, 3)
    sink = open_sink(tmp_path / "f_%d.png", video_format(clip))
    for picture in clip:
        sink.write(picture)
    (tmp_path / "f_3.png").write_text("somebody else's")
    with pytest.raises(InputError, match="f_3.png exists"):
        sink.close()
    assert os.listdir(tmp_path) == ["f_3.png"] and (tmp_path / "f_3.png").read_text() == "somebody else's"


def test_more_pictures_than_one_file_holds(tmp_path: Path, make_clip) -> None:
    with pytest.raises(InputError, match="holds one picture.*name them a_%03d.tga"):
        open_sink(tmp_path / "a.tga", video_format(make_clip(32, 32, 1)), count=2)
    assert os.listdir(tmp_path) == []


def test_a_folder_in_a_picture_s_place(tmp_path: Path, make_clip) -> None:
    (tmp_path / "f_2.png").mkdir()
    with pytest.raises(InputError, match="f_2.png is a folder"):
        open_sink(tmp_path / "f_%d.png", video_format(make_clip(32, 32, 1)), count=2, overwrite=True)
