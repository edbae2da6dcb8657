"""Sources of pictures: Vimeo-90k read as it is, samples of several pictures from stills, what is left out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from lvcodec.errors import InputError
from lvcodec.exact.planes import channels_to_planes
from lvcodec.train.data import crops as data
from lvcodec.train.data import vimeo
from lvcodec.train.data.crops import CachedClip, Crops


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Vimeo-90k tree of two listed septuplets and one that is not listed; picture n is grey of level 30 n."""
    folder = tmp_path_factory.mktemp("vimeo") / "vimeo_septuplet"
    for name in ("00001/0001", "00001/0002", "00001/0003"):
        (folder / "sequences" / name).mkdir(parents=True)
        for number in range(1, 8):
            grey = np.full((64, 128, 3), 30 * number, np.uint8)
            cv2.imwrite(str(folder / "sequences" / name / f"im{number}.png"), grey)
    (folder / "sep_trainlist.txt").write_text("00001/0001\n00001/0003\n")
    return folder


def test_a_tree_is_found_and_read_lazily(tree: Path, tmp_path: Path) -> None:
    """By its own name or its parent's, without a conversion; BT.601 in limited range."""
    assert vimeo.find_tree(tree) == vimeo.find_tree(tree.parent) == tree
    assert vimeo.find_tree(tmp_path) is None
    sources = data.gather([tree.parent], tmp_path / "cache", least=64)
    assert [(s.name, s.count, s.size, s.still) for s in sources] == [
        ("00001/0001", 7, (64, 128), False),
        ("00001/0003", 7, (64, 128), False),
    ]
    assert not (tmp_path / "cache").exists()
    raw = sources[1].read(2, 3)
    assert raw.shape == (3, 96, 128) and raw.dtype == np.uint8
    for picture, level in zip(raw, (90, 120, 150), strict=True):
        assert (abs(picture[:64].astype(int) - (16 + level * 219 / 255)) <= 1).all() and (picture[64:] == 128).all()


def test_septuplets_become_samples(tree: Path, tmp_path: Path) -> None:
    crops = Crops(data.gather([tree], tmp_path, least=64), 3)
    y, u, _ = channels_to_planes(crops.batch(8, 64, length=3).flatten(0, 1))
    levels = y.reshape(8, 3, -1).mean(dim=2)
    steps = levels.diff(dim=1).abs()
    assert torch.allclose(steps, torch.full_like(steps, 30 * 219 / 255), atol=1.5) and bool((u == 128).all())


def test_a_broken_tree_is_told(tree: Path, tmp_path: Path) -> None:
    (tree / "sequences" / "00001" / "0002" / "im4.png").unlink()
    broken = vimeo.Septuplet(tree / "sequences" / "00001" / "0002", (64, 128))
    with pytest.raises(InputError, match="im4.png is missing"):
        broken.read(2, 2)
    (tmp_path / "sequences").mkdir()
    (tmp_path / "sep_trainlist.txt").write_text("\n")
    with pytest.raises(InputError, match="names no sequence"):
        data.gather([tmp_path], tmp_path / "cache", least=64)


@pytest.fixture(scope="module")
def photo(make_clip) -> CachedClip:
    raw = np.frombuffer(make_clip(160, 128, 1, 6)[0].tobytes(), np.uint8).reshape(1, 192, 160)
    return CachedClip(raw, still=True, name="photo")


def test_stills_are_set_in_motion_only_if_asked(photo: CachedClip, clips: list[CachedClip]) -> None:
    with pytest.raises(InputError, match="--animate"):
        Crops([photo], 1).check(2)
    alone = Crops([photo], 1, animated=0.5)
    alone.check(4)
    x = alone.batch(6, 64, length=4)
    assert x.shape == (6, 4, 96, 8, 8)
    changes = x.diff(dim=1).abs().mean(dim=(2, 3, 4))
    assert (changes > 0).all() and (changes < 25).all()
    plain, mixed = Crops(clips, 1), Crops([photo, *clips], 1, animated=0.0)
    assert torch.equal(plain.batch(4, 64, length=2), mixed.batch(4, 64, length=2))


def test_both_kinds_of_samples_come(photo: CachedClip) -> None:
    """By the share that is asked for: the clip here is grey, the photograph is not."""
    grey = CachedClip(np.full((5, 192, 128), 128, np.uint8), still=False)
    x = Crops([photo, grey], 1, animated=0.25).batch(80, 64, length=2)
    moving = (x.abs().amax(dim=(1, 2, 3, 4)) > 0).float().mean()
    assert 0.1 < moving < 0.4


def test_short_clips_are_passed_over(clips: list[CachedClip]) -> None:
    short = CachedClip(clips[0].data[:3], still=False)
    with pytest.raises(InputError, match="no video of 4 pictures"):
        Crops([short], 1).check(4)
    assert Crops([short, clips[1]], 1).batch(8, 64, length=4).shape[1] == 4


def test_stills_stand_in_where_all_clips_are_short(photo: CachedClip, clips: list[CachedClip]) -> None:
    short = CachedClip(clips[0].data[:3], still=False)
    crops = Crops([photo, short], 1, animated=0.2)
    crops.check(4)
    alone = Crops([photo], 1, animated=0.2)
    assert torch.equal(crops.cut(4, 64, length=4), alone.cut(4, 64, length=4))


def test_small_and_unreadable_files_are_left_out(make_clip, tmp_path: Path) -> None:
    notices: list[str] = []
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.jpg").write_bytes(b"no picture")
    for side in (96, 256):
        cv2.imwrite(str(tmp_path / "in" / f"{side}.png"), np.full((side, side, 3), 90, np.uint8))
    prepared = data.prepare([tmp_path / "in"], tmp_path / "cache", least=512, notice=notices.append)
    assert {clip.size for clip in prepared} == {(720, 720)} and all(clip.still for clip in prepared)
    assert len(notices) == 2 and "bad.jpg" in notices[0]
