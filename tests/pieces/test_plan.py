"""Plans: what their pieces are, what makes a file no plan, and which file they are of."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import lvcodec
from lvcodec.errors import InputError, UsageError
from lvcodec.pieces.fingerprint import SAMPLE_BYTES, SAMPLES, Fingerprint
from lvcodec.pieces.lengths import LONGEST, grouped
from lvcodec.pieces.plan import Plan
from lvcodec.stream.container import StreamReader

WriteClip = Callable[..., Path]


@pytest.fixture
def clip(write_clip: WriteClip, tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.y4m", 32, 32, 12)


@pytest.fixture
def plan(clip: Path, random_model: str, tmp_path: Path) -> Plan:
    place = tmp_path / "plan.json"
    options = {"model": random_model, "mode": "intra", "gop": 2, "frames": (1, None), "rate": Fraction(25)}
    assert lvcodec.plan(clip, place, piece_s=0.16, **options) == 3  # 4 pictures each
    return Plan.read(place)


@pytest.mark.parametrize(
    "gops, longest, pieces",
    [
        ([5, 5, 5, 5], 0, [[5, 5], [5, 5]]),
        ([12, 12], 0, [[12], [12]]),
        ([9, 3, 9, 2], 9, [[9, 3], [9, 2]]),
        ([9, 9, 9, 9, 4, 9], 9, [[9, 9, 9, 9, 4], [9]]),  # no shot ends before
        ([9] * 7, 9, [[9] * 5, [9] * 2]),  # nor at all
        ([], 0, []),
    ],
)
def test_pieces_are_whole_gops_and_end_where_shots_do(gops: list[int], longest: int, pieces: list[list[int]]) -> None:
    assert grouped(gops, longest, 10) == pieces
    assert LONGEST == 5


def test_the_longest_piece_comes_first(plan: Plan) -> None:
    assert [piece.pictures for piece in plan.pieces] == [4, 4, 3]
    assert [piece.first for piece in plan.pieces] == [0, 4, 8]
    assert plan.pieces[2].starts == {0, 2} and plan.pieces[2].end == plan.pictures == 11
    assert plan.title(1) == "piece 1 (pictures 4 to 7)"


def test_options_of_other_kinds_are_the_same_plan(clip: Path, random_model: str, tmp_path: Path) -> None:
    kinds = (
        {"quality": 4.5, "gop": 2, "frames": (0, 6), "size": (32, 32), "rate": Fraction(25)},
        {
            "quality": Fraction(9, 2),
            "gop": np.int64(2),
            "frames": [0, np.int64(6)],
            "size": np.array([32, 32]),
            "rate": 25,
        },
    )
    for number, options in enumerate(kinds):
        lvcodec.plan(clip, tmp_path / f"{number}.json", model=random_model, mode="intra", **options)
    plans = [Plan.read(tmp_path / f"{number}.json") for number in (0, 1)]
    assert plans[0].identity == plans[1].identity
    lvcodec.encode_piece(plans[1].path, 0)


def test_a_plan_and_its_source_may_be_moved(plan: Plan, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for file in (plan.path, clip):
        file.rename(folder / file.name)
    moved = Plan.read(folder / "plan.json")
    assert moved.identity == plan.identity
    assert Path(moved.source) == folder / "clip.y4m"
    lvcodec.encode_piece(moved.path, 2)
    assert moved.file_of(2).is_file()


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda record: record.update(canary="0"), "it has been changed since it was made"),
        (lambda record: record.update(format=1), "its format is 1, not 2"),
        (lambda record: record["aim"]["qualities"].update(index=3), "it has been changed since it was made"),
        (lambda record: record["aim"].update(change=[1, 2, 3]), "TypeError"),
        (lambda record: record.pop("pieces"), "KeyError: 'pieces'"),
        (lambda record: record["pieces"][0].update(gops=None), "TypeError"),
        (lambda record: record.update(encoding={"quality": 99}), "UsageError"),
        (lambda record: record.update(encoding={"no_such": 1}), "TypeError"),
        (lambda record: record.update(header="00"), "StreamError"),
        (lambda record: record.pop("plan"), "its JSON is of something else"),
    ],
)
def test_what_is_no_plan(plan: Plan, change: Callable[[dict], object], says: str) -> None:
    record = json.loads(plan.path.read_text())
    change(record)
    plan.path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"plan\.json is no plan that can be used: .*" + says):
        Plan.read(plan.path)


def test_what_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(InputError, match="it is no JSON file"):
        Plan.read(tmp_path / "a.json")
    with pytest.raises(InputError, match="cannot read the plan .*none.json: no such file"):
        Plan.read(tmp_path / "none.json")


def test_options_of_the_whole_clip_are_refused(clip: Path, random_model: str, tmp_path: Path) -> None:
    for options in ({"psnr": True}, {"verify": True}, {"recon": tmp_path / "r.y4m"}):
        with pytest.raises(UsageError, match="a film in pieces is coded without --"):
            lvcodec.plan(clip, tmp_path / "p.json", model=random_model, **options)
    with pytest.raises(UsageError, match="is coded without --maxrate; what a picture may have depends on the bytes"):
        lvcodec.plan(clip, tmp_path / "a.json", model=random_model, maxrate=1e5)
    with pytest.raises(UsageError, match="pieces of 0 seconds"):
        lvcodec.plan(clip, tmp_path / "p.json", model=random_model, piece_s=0)
    with pytest.raises(UsageError, match="put it into a file first"):
        lvcodec.plan("-", tmp_path / "p.json", model=random_model)
    assert not (tmp_path / "p.json").exists()


def test_a_source_that_lacks_pictures(clip: Path, random_model: str, tmp_path: Path) -> None:
    clip.write_bytes(clip.read_bytes()[:-700])
    place = tmp_path / "p.json"
    with pytest.raises(InputError, match="is cut within picture 11"):
        lvcodec.plan(clip, place, model=random_model)
    assert not place.exists()
    assert lvcodec.plan(clip, place, model=random_model, lenient=True) == 1
    lvcodec.encode_piece(place, 0)
    assert Plan.read(place).pictures == 11


def test_fingerprints(tmp_path: Path) -> None:
    file = tmp_path / "a_1.bin"
    data = bytearray(SAMPLES * SAMPLE_BYTES * 2)
    file.write_bytes(data)
    before = Fingerprint.of(str(file))
    assert before.size_bytes == len(data) and before == Fingerprint.of(str(file))
    for place in (0, len(data) - 1):
        file.write_bytes(data[:place] + b"\1" + data[place + 1 :])
        assert Fingerprint.of(str(file)) != before
    file.write_bytes(data[:-1])
    assert Fingerprint.of(str(file)) != before
    (tmp_path / "a_2.bin").write_bytes(b"2")
    assert Fingerprint.of(str(tmp_path / "a_%d.bin")).size_bytes == len(data)
    with pytest.raises(InputError, match="no file fits the pattern"):
        Fingerprint.of(str(tmp_path / "b_%d.bin"))
    with pytest.raises(InputError, match="there is no file"):
        Fingerprint.of(str(tmp_path / "none.bin"))


def test_the_header_is_the_stream_s(plan: Plan, clip: Path, random_model: str, tmp_path: Path) -> None:
    options = {"model": random_model, "mode": "intra", "gop": 2, "frames": (1, None)}
    lvcodec.encode(clip, tmp_path / "a.lvc", **options)
    with open(tmp_path / "a.lvc", "rb") as file:
        assert StreamReader(file).header == plan.header
