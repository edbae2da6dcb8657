"""`gop="auto"`: GOPs as long as the content allows, and key pictures inside of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

import lvcodec
from lvcodec import quality
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.stream.container import StreamReader
from lvcodec.stream.structure import LAYER_CHAIN
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink

MakeClip = Callable[..., list[Picture]]


def written(path: Path, clip: list[Picture], rate: int) -> Path:
    height, width = clip[0].y.shape
    with open_sink(path, VideoFormat(width, height, Fraction(rate))) as sink:
        for picture in clip:
            sink.write(picture)
    return path


@pytest.mark.parametrize("mode", ["aligned", "lds"])
def test_a_gop_is_a_shot(
    mode: str, make_clip: MakeClip, make_waves: MakeClip, random_model: str, tmp_path: Path
) -> None:
    """An I-picture at the first picture and at the cut alone; the stream decodes to the encoder's pictures."""
    clip = written(tmp_path / "a.y4m", [*make_clip(64, 48, 19, seed=1), *make_waves(64, 48, 5)], 25)
    stream, recon, again = tmp_path / "a.lvc", tmp_path / "r.y4m", tmp_path / "d.y4m"
    lvcodec.encode(clip, stream, gop="auto", mode=mode, model=random_model, quality=4, recon=recon)
    info = lvcodec.probe(stream)
    assert info.gop == 200
    assert [picture.number for picture in info.pictures if picture.kind == "I"] == [0, 19]
    lvcodec.decode(stream, again)
    assert again.read_bytes() == recon.read_bytes()


def test_key_pictures_have_the_quality_of_their_i_picture(
    make_clip: MakeClip, random_model: str, tmp_path: Path
) -> None:
    decisions = DECISIONS["aligned"]
    assert decisions is not None
    clip = written(tmp_path / "a.y4m", make_clip(64, 48, 2 * decisions.key_every + 2, seed=1), 25)
    lvcodec.encode(clip, tmp_path / "a.lvc", bframes=0, model=random_model, quality=4)
    pictures = lvcodec.probe(tmp_path / "a.lvc").pictures
    finest = [picture.number for picture in pictures if picture.quality == 4]
    assert finest == [0, decisions.key_every + 1, 2 * decisions.key_every + 1]
    coarse = {picture.quality for picture in pictures if picture.number not in finest}
    assert coarse == {quality.of_index(quality.index_of(4) - decisions.layers[LAYER_CHAIN - 1])}


@pytest.mark.parametrize(("gop", "bframes"), [("auto", 0), (12, 0), ("auto", 7)])
def test_pictures_share_records_where_nobody_waits_for_each(
    gop: int | str, bframes: int, make_clip: MakeClip, random_model: str, tmp_path: Path
) -> None:
    """Up to as many pictures as are read ahead; the header's layers imply all qualities."""
    clip = written(tmp_path / "a.y4m", make_clip(32, 32, 18), 25)
    lvcodec.encode(clip, tmp_path / "a.lvc", gop=gop, bframes=bframes, model=random_model, quality=4)
    with open(tmp_path / "a.lvc", "rb") as file:
        records = list(StreamReader(file))
    sizes = Counter(record.offset for record in records)
    assert max(sizes.values()) <= bframes + 1 and (bframes == 0 or max(sizes.values()) > 1)
    for record in records:
        kinds = [other for other in records if other.offset == record.offset]
        fixed = 8 if record.kind == "I" else 6
        assert sum(other.overhead_bytes for other in kinds) <= fixed + 4 * len(kinds)


@pytest.mark.parametrize(("rate", "longest"), [(1, 8), (30, 240), (60, 250)])
def test_a_gop_ends_after_8_seconds_or_250_pictures(
    rate: int, longest: int, make_clip: MakeClip, random_model: str, tmp_path: Path
) -> None:
    clip = written(tmp_path / "a.y4m", make_clip(16, 16, 10), rate)
    lvcodec.encode(clip, tmp_path / "a.lvc", gop="auto", model=random_model, quality=2)
    info = lvcodec.probe(tmp_path / "a.lvc")
    assert info.gop == longest
    assert [picture.number for picture in info.pictures if picture.kind == "I"] == list(range(0, 10, longest))
