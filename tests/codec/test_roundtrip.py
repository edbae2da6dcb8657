"""Encode, then decode: the same pictures to the last bit, whatever the mode, size, quality or number of jobs."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import lvcodec
from lvcodec import names
from lvcodec.encoder import gop, structures
from lvcodec.encoder.network import EncoderNetwork
from lvcodec.errors import InputError, MismatchError, StreamError, TruncatedStreamError, UsageError, WeightsError
from lvcodec.models import store
from lvcodec.models.verify import verify
from lvcodec.stream.container import StreamReader
from lvcodec.stream.structure import Shift, Structure
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.sink import open_sink
from lvcodec.video.source import open_source

MODES = ("intra", "mfvc", "lds", "aligned")


@pytest.fixture
def clip(tmp_path: Path, make_clip: Callable[..., list[Picture]]) -> Callable[..., Path]:
    def make(width: int, height: int, count: int, seed: int = 0) -> Path:
        path = tmp_path / f"clip_{width}x{height}_{count}_{seed}.y4m"
        with open_sink(path, VideoFormat(width, height, Fraction(25)), overwrite=True) as sink:
            for picture in make_clip(width, height, count, seed):
                sink.write(picture)
        return path

    return make


def pictures(path: Path) -> list[bytes]:
    with open_source(path) as source:
        return [p.tobytes() for p in source]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("quality", [1, 3.5, 6, 8.5])
@pytest.mark.parametrize("size", [(80, 48), (175, 143), (1, 1), (2, 65)])
def test_decoder_shows_the_recon(clip, tmp_path, random_model, mode, quality, size) -> None:
    source = clip(*size, 5)
    stream, recon, out = (tmp_path / n for n in ("a.lvc", "recon.y4m", "out.y4m"))
    report = lvcodec.encode(source, stream, mode=mode, quality=quality, model=random_model, gop=3, recon=recon)
    decoded = lvcodec.decode(stream, out)
    assert decoded.pictures == report.pictures == 5
    assert recon.read_bytes() == out.read_bytes()
    assert report.size_bytes == stream.stat().st_size
    kinds = {p.number: p.kind for p in lvcodec.probe(stream).pictures}
    assert len(kinds) == 5 and all(kind == "I" for kind in kinds.values() if mode == "intra")
    assert mode == "intra" or [number for number, kind in kinds.items() if kind == "I"] == [0, 3]


@pytest.mark.parametrize("mode", ["mfvc", "lds"])
def test_one_step_where_latents_are_referred_to(clip, tmp_path, random_model, mode) -> None:
    lvcodec.encode(clip(64, 64, 2), tmp_path / "a.lvc", mode=mode, quality=8, model=random_model)
    assert lvcodec.probe(tmp_path / "a.lvc", streams=True).pictures[0].streams.keys() == {"z", "y"}


def test_one_step_without_an_inter_path(clip, tmp_path, random_model, monkeypatch) -> None:
    """The same integers, but for those of the inter path."""
    info = store.find(random_model)
    arrays = {name: part for name, part in store.read_integers(info).items() if "inter" not in name.split(".")}
    shape = info.manifest["shape"] | {"inter": False}
    about = {"about": "", "alpha": 1.0}
    plain = store.write(
        tmp_path / "plain", name="plain", family="swift", shape=shape, arrays=arrays, about=about, overwrite=False
    )
    stream, recon = tmp_path / "a.lvc", tmp_path / "recon.y4m"
    lvcodec.encode(clip(64, 64, 2), stream, mode="intra", quality=8, model=plain.path, recon=recon)
    lvcodec.encode(clip(64, 64, 2), tmp_path / "b.lvc", mode="intra", quality=8, model=random_model)
    assert stream.stat().st_size != (tmp_path / "b.lvc").stat().st_size
    monkeypatch.setenv("LVCODEC_MODELS", str(tmp_path))
    lvcodec.decode(stream, tmp_path / "back.y4m")
    assert (tmp_path / "back.y4m").read_bytes() == recon.read_bytes()


@pytest.mark.parametrize("quality", [1, 5])
def test_mfvc_shows_the_intra_pictures(clip, tmp_path, random_model, quality, monkeypatch) -> None:
    """The residuals are of whole latents: no error can propagate. (Where the encoder takes the nearest symbols: by
    their bits it would choose others in each mode.)"""
    monkeypatch.setattr(EncoderNetwork, "distortion_weights", lambda self, factor: None)
    source = clip(96, 80, 5)
    for mode in ("intra", "mfvc"):
        lvcodec.encode(
            source,
            tmp_path / f"{mode}.lvc",
            mode=mode,
            quality=quality,
            model=random_model,
            recon=tmp_path / f"{mode}.y4m",
        )
    assert (tmp_path / "intra.y4m").read_bytes() == (tmp_path / "mfvc.y4m").read_bytes()


def test_half_alpha_loses_nothing_to_the_shift(clip, tmp_path, random_model) -> None:
    source = clip(80, 64, 4)
    report = lvcodec.encode(
        source, tmp_path / "a.lvc", mode="lds", alpha=0.5, model=random_model, recon=tmp_path / "r.y4m"
    )
    lvcodec.decode(tmp_path / "a.lvc", tmp_path / "o.y4m")
    assert (tmp_path / "r.y4m").read_bytes() == (tmp_path / "o.y4m").read_bytes()
    assert lvcodec.probe(tmp_path / "a.lvc").alphas == (Fraction(1, 2),) and report.pictures == 4


@pytest.mark.parametrize("alpha", names.ALPHAS)
def test_latents_are_analysed_or_kept(clip, tmp_path, random_model, alpha) -> None:
    """It matters from the second P-picture on; the first one follows the I-picture."""
    source, payloads = clip(80, 64, 4), {}
    for latents in names.LATENTS if alpha else ("kept",):
        stream, recon = tmp_path / f"{latents}.lvc", tmp_path / "r.y4m"
        options = lvcodec.Encoding(mode="lds", alpha=alpha, latents=latents, model=random_model, recon=recon)
        lvcodec.encode(source, stream, options, overwrite=True)
        lvcodec.decode(stream, tmp_path / "o.y4m", overwrite=True)
        assert recon.read_bytes() == (tmp_path / "o.y4m").read_bytes()
        with open(stream, "rb") as file:
            records = list(StreamReader(file))
        assert {record.shift for record in records[1:]} == {(alpha, latents == "kept" and alpha != 0)}
        payloads[latents] = [record.payload for record in records]
    if alpha:
        assert payloads["kept"][:2] == payloads["analysed"][:2]
        assert all(one != other for one, other in zip(payloads["kept"][2:], payloads["analysed"][2:], strict=True))


@pytest.mark.parametrize(
    ("trained", "asked", "lds"),
    [(None, None, 1), (1, None, 1), (0.5, 0.5, 0.5), (0.5, 1, 1), (0.5, 0, 0), (1, 0.5, 0.5)],
)
def test_the_shift_is_as_long_as_lcm_was_trained_for(clip, tmp_path, random_model, trained, asked, lds) -> None:
    """If that is 1, unless another length is asked for. Other modes do not shift."""
    model = model_trained_for(trained, random_model, tmp_path / "model")
    for mode, alpha, want in (("lds", asked, lds), ("aligned", None, 1)):
        lvcodec.encode(clip(64, 64, 2), tmp_path / "a.lvc", mode=mode, alpha=alpha, model=model, overwrite=True)
        assert lvcodec.probe(tmp_path / "a.lvc").alphas == (want,)


def model_trained_for(alpha: float | None, random_model: str, folder: Path) -> Path:
    """A model whose manifest says so; None: says nothing."""
    shutil.copytree(store.find(random_model).path, folder)
    manifest = json.loads((folder / store.MANIFEST).read_text())
    (folder / store.MANIFEST).write_text(json.dumps(manifest if alpha is None else manifest | {"alpha": alpha}))
    return folder


@pytest.mark.parametrize("low_delay", [False, True])
def test_each_gop_has_the_shift_that_is_cheapest(clip, tmp_path, random_model, monkeypatch, low_delay) -> None:
    """With weights trained for a half. The pictures that were tried are coded as if the shift had been asked for."""
    model, source = model_trained_for(0.5, random_model, tmp_path / "model"), clip(80, 64, 20)
    chosen, tried = iter([Shift(Fraction(0)), Shift(Fraction(1, 2)), Shift(kept=True)]), []
    gops = {}
    for alpha, latents in zip(names.ALPHAS, ("kept", "analysed", None), strict=True):
        stream = tmp_path / f"{float(alpha)}.lvc"
        lvcodec.encode(source, stream, mode="lds", alpha=alpha, latents=latents, gop=8, model=model)
        with open(stream, "rb") as file:
            gops[alpha] = [(record.number, record.payload) for record in StreamReader(file)]

    def told(shifts, pictures, intra, before, executor, coder):
        assert [*shifts] == [(1, False), (1, True), (0.5, False), (0.5, True), (0, False)]
        tried.append(len(pictures))
        ways = (Structure(1, False, False, *next(chosen)),) * len(pictures)
        return structures.coded_as(pictures, before, coder, ways)

    monkeypatch.setattr(gop, "cheapest_shift", told)
    recon = tmp_path / "r.y4m"
    lvcodec.encode(source, tmp_path / "a.lvc", mode="lds", gop=8, low_delay=low_delay, jobs=1, model=model, recon=recon)
    lvcodec.decode(tmp_path / "a.lvc", tmp_path / "o.y4m")
    assert tried == ([1, 1, 1] if low_delay else [3, 3, 3])
    assert recon.read_bytes() == (tmp_path / "o.y4m").read_bytes()
    with open(tmp_path / "a.lvc", "rb") as file:
        records = list(StreamReader(file))
    ways = [*[(1, False), *[(0, False)] * 7], *[(1, False), *[(0.5, False)] * 7], *[(1, False), *[(1, True)] * 3]]
    assert [record.shift for record in records] == ways
    want = gops[Fraction(0)][:8] + gops[Fraction(1, 2)][8:16] + gops[Fraction(1)][16:]
    assert [(record.number, record.payload) for record in records] == want


def test_pictures_before_damage_are_coded_in_a_gop_whose_shift_is_tried(clip, tmp_path, random_model) -> None:
    """Those that were read to try it on too."""
    model, source = model_trained_for(0.5, random_model, tmp_path / "model"), clip(256, 256, 6)
    whole = source.read_bytes()
    for kept in range(1, 6):
        source.write_bytes(whole[: -(6 - kept) * 98_310 + 50_000])
        with pytest.raises(InputError):
            lvcodec.encode(source, tmp_path / "b.lvc", mode="lds", model=model, keep_partial=True, overwrite=True)
        assert len(lvcodec.probe(tmp_path / "b.lvc").pictures) == kept


@pytest.mark.parametrize("mode", MODES)
def test_jobs_make_no_difference(clip, tmp_path, random_model, mode) -> None:
    source = clip(80, 64, 11)
    for jobs in (1, 3):
        lvcodec.encode(source, tmp_path / f"{jobs}.lvc", mode=mode, gop=4, jobs=jobs, model=random_model)
        lvcodec.decode(tmp_path / f"{jobs}.lvc", tmp_path / f"{jobs}.y4m", jobs=4 - jobs)
    assert (tmp_path / "1.lvc").read_bytes() == (tmp_path / "3.lvc").read_bytes()
    assert (tmp_path / "1.y4m").read_bytes() == (tmp_path / "3.y4m").read_bytes()


LIMITS = {
    "one thread": {"OMP_NUM_THREADS": "1"},
    "SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
}


@pytest.mark.parametrize("limit", LIMITS)
def test_other_instruction_sets_decode_the_same(clip, tmp_path, random_model, limit) -> None:
    """One side limited: the other process's stream still decodes to its pictures, which decode checks itself."""
    source = clip(112, 80, 4)
    for mode in MODES:
        lvcodec.encode(
            source, tmp_path / "a.lvc", mode=mode, model=random_model, overwrite=True, recon=tmp_path / "recon.y4m"
        )
        done = subprocess.run(
            [sys.executable, "-m", "lvcodec", "decode", str(tmp_path / "a.lvc"), str(tmp_path / "out.y4m"), "-y"],
            env={**os.environ, **LIMITS[limit]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "recon.y4m").read_bytes() == (tmp_path / "out.y4m").read_bytes()


@pytest.mark.parametrize("mode", MODES)
def test_rate_is_the_file(clip, tmp_path, random_model, mode) -> None:
    """Payloads keep to their information, the container to 24 bytes a picture and 200 a file."""
    report = lvcodec.encode(clip(175, 143, 6), tmp_path / "a.lvc", mode=mode, quality=5, gop=4, model=random_model)
    info = lvcodec.probe(tmp_path / "a.lvc", streams=True)
    for picture in info.pictures:
        ideal = sum(picture.streams.values()) / 8
        assert picture.payload_bytes <= ideal * 1.001 + 4
        assert picture.payload_bytes >= 0.99 * ideal - 8  # likeliest symbols at the end are free: low stays, zeros go
        assert picture.overhead_bytes <= 24
    overhead = report.size_bytes - report.payload_bytes
    assert overhead <= 200 + 24 * report.pictures
    assert report.payload_bytes == info.payload_bytes and info.size_bytes == report.size_bytes


def test_any_range_of_pictures(clip, tmp_path, random_model) -> None:
    lvcodec.encode(clip(64, 48, 10), tmp_path / "a.lvc", gop=4, model=random_model)
    lvcodec.decode(tmp_path / "a.lvc", tmp_path / "all.y4m")
    everything = pictures(tmp_path / "all.y4m")
    for first, end in ((0, 3), (5, 7), (6, None), (None, 1), (9, 10)):
        lvcodec.decode(tmp_path / "a.lvc", tmp_path / "some.y4m", frames=(first, end), overwrite=True)
        assert pictures(tmp_path / "some.y4m") == everything[first:end]
        # a pipe cannot seek: decoded from the start, the same pictures
        pipe = Unseekable((tmp_path / "a.lvc").read_bytes())
        lvcodec.decode(pipe, tmp_path / "piped.y4m", frames=(first, end), overwrite=True)
        assert pictures(tmp_path / "piped.y4m") == everything[first:end]


class Unseekable(io.RawIOBase):
    """Bytes as a pipe gives them: in small pieces, forwards only."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        part = self._file.read(min(len(buffer), 7))
        buffer[: len(part)] = part
        return len(part)


def offsets(stream: Path) -> Iterator[tuple[int, int, int]]:
    """Number, offset and size of each record."""
    with stream.open("rb") as file:
        for record in StreamReader(file):
            yield record.number, record.offset, record.size_bytes


def damaged(stream: Path, number: int) -> Path:
    """A copy with one payload byte of picture `number` changed."""
    data = bytearray(stream.read_bytes())
    _, offset, size = list(offsets(stream))[number]
    data[offset + size // 2] ^= 0x10
    copy = stream.with_name("damaged.lvc")
    copy.write_bytes(data)
    return copy


def test_damage_stops_with_everything_before_it_written(clip, tmp_path, random_model) -> None:
    stream = tmp_path / "a.lvc"
    lvcodec.encode(clip(64, 48, 10), stream, gop=4, model=random_model)
    lvcodec.decode(stream, tmp_path / "whole.y4m")
    whole = pictures(tmp_path / "whole.y4m")
    with pytest.raises(StreamError) as caught:
        lvcodec.decode(damaged(stream, 5), tmp_path / "out.y4m")
    assert caught.value.exit_code == 4 and caught.value.picture == 5
    assert str(caught.value).startswith(f"{tmp_path / 'damaged.lvc'}: the stream is damaged at picture 5")
    assert str(caught.value).endswith("; --conceal (conceal=True) goes on after the damage")
    assert pictures(tmp_path / "out.y4m") == whole[:5]


def test_damage_leaves_an_older_file_as_it_was(clip, tmp_path, random_model) -> None:
    stream, keep, heard = tmp_path / "a.lvc", tmp_path / "keep.y4m", []
    lvcodec.encode(clip(64, 48, 6), stream, gop=4, bframes=0, model=random_model)
    keep.write_bytes(b"older")
    for bad, what in ((damaged(stream, 3), "goes on after the damage"), (tmp_path / "cut.lvc", "takes what is whole")):
        (tmp_path / "cut.lvc").write_bytes(stream.read_bytes()[:-40])
        with pytest.raises(StreamError, match=what):
            lvcodec.decode(bad, keep, overwrite=True, on_notice=heard.append)
        assert keep.read_bytes() == b"older" and heard.pop() == f"{keep} is left as it was"
    with pytest.raises(StreamError):
        lvcodec.decode(damaged(stream, 1), tmp_path / "one.y4m", on_notice=heard.append)
    assert heard[-1] == "the picture before the damage was written" and len(pictures(tmp_path / "one.y4m")) == 1


def test_a_range_beyond_the_end_is_told(clip, tmp_path, random_model) -> None:
    stream = tmp_path / "a.lvc"
    lvcodec.encode(clip(64, 48, 6), stream, gop=4, model=random_model)
    for place, name in ((stream, str(stream)), (io.BytesIO(stream.read_bytes()), "the stream")):
        report = lvcodec.decode(place, tmp_path / "out.y4m", frames=(4, 9), overwrite=True)
        assert report.notices == (f"{name} has only 6 pictures: 2 are taken",)
    assert lvcodec.decode(stream, tmp_path / "out.y4m", frames=(4, 6), overwrite=True).notices == ()


@pytest.mark.parametrize("jobs", [1, 2])
def test_conceal_bridges_damage(clip, tmp_path, random_model, jobs) -> None:
    """The last good picture stands in up to the next I-picture; then all is as it was."""
    stream = tmp_path / "a.lvc"
    lvcodec.encode(clip(64, 48, 10), stream, gop=4, model=random_model)
    lvcodec.decode(stream, tmp_path / "whole.y4m")
    whole = pictures(tmp_path / "whole.y4m")
    for number, first_good in ((5, 8), (0, 4), (9, 10)):
        report = lvcodec.decode(damaged(stream, number), tmp_path / "out.y4m", conceal=True, jobs=jobs, overwrite=True)
        got = pictures(tmp_path / "out.y4m")
        stand_in = whole[number - 1] if number else bytes([128]) * len(whole[0])
        assert got == whole[:number] + [stand_in] * (first_good - number) + whole[first_good:]
        assert report.concealed == first_good - number and report.pictures == 10


def test_cut_stream_gives_what_is_whole(clip, tmp_path, random_model) -> None:
    stream = tmp_path / "a.lvc"
    lvcodec.encode(clip(64, 48, 6), stream, gop=4, bframes=0, model=random_model)
    lvcodec.decode(stream, tmp_path / "whole.y4m")
    cut = tmp_path / "cut.lvc"
    _, offset, size = list(offsets(stream))[3]
    cut.write_bytes(stream.read_bytes()[: offset + size - 1])
    with pytest.raises(TruncatedStreamError):
        lvcodec.decode(cut, tmp_path / "out.y4m")
    assert pictures(tmp_path / "out.y4m") == pictures(tmp_path / "whole.y4m")[:3]
    info = lvcodec.probe(cut)
    assert len(info.pictures) == 3 and not info.complete


@pytest.mark.parametrize("mode", MODES)
def test_other_pixels_are_noticed(clip, tmp_path, random_model, monkeypatch, mode) -> None:
    """One decoded pixel that differs by one level stops the decoder, which names the picture."""
    from lvcodec.codec import aligned, network

    stream = tmp_path / "a.lvc"
    lvcodec.encode(clip(64, 48, 4), stream, bframes=0, model=random_model, mode=mode)
    calls = iter(range(100))

    def made_wrong(honest):
        def wrong(*args):
            picture = honest(*args)
            if next(calls) == 2:
                picture.y[0, 0] ^= 1
            return picture

        return wrong

    # every decoded picture comes from one of them
    monkeypatch.setattr(network.Network, "pixels", made_wrong(network.Network.pixels))
    monkeypatch.setattr(aligned, "reconstruct_inter", made_wrong(aligned.reconstruct_inter))
    with pytest.raises(MismatchError) as caught:
        lvcodec.decode(stream, tmp_path / "out.y4m")
    assert caught.value.picture == 2 and caught.value.exit_code == 5


def test_concat_joins_streams(clip, tmp_path, random_model) -> None:
    for seed in (1, 2):
        lvcodec.encode(clip(64, 48, 5, seed), tmp_path / f"{seed}.lvc", gop=4, quality=seed + 1, model=random_model)
        lvcodec.decode(tmp_path / f"{seed}.lvc", tmp_path / f"{seed}.y4m")
    info = lvcodec.concat([tmp_path / "1.lvc", tmp_path / "2.lvc"], tmp_path / "both.lvc")
    assert len(info.pictures) == 10 and info.complete
    lvcodec.decode(tmp_path / "both.lvc", tmp_path / "both.y4m")
    assert pictures(tmp_path / "both.y4m") == pictures(tmp_path / "1.y4m") + pictures(tmp_path / "2.y4m")


def test_arrays_and_file_objects(random_model) -> None:
    random = np.random.Generator(np.random.PCG64(9))
    rgb = np.repeat(np.repeat(random.integers(0, 256, (3, 6, 8, 3), dtype=np.uint8), 8, axis=1), 8, axis=2)
    stream, out = io.BytesIO(), io.BytesIO()
    report = lvcodec.encode(rgb, stream, model=random_model, psnr=True)
    assert report.pictures == 3 and report.psnr_db is not None
    stream.seek(0)
    assert lvcodec.probe(stream).width == 64
    stream.seek(0)
    lvcodec.decode(stream, out)
    assert out.getvalue().startswith(b"YUV4MPEG2 W64 H48")


def test_unknown_weights_and_wrong_options(clip, tmp_path, random_model, monkeypatch) -> None:
    source = clip(64, 48, 2)
    lvcodec.encode(source, tmp_path / "a.lvc", model=random_model)
    for bad in ({"quality": 0.9}, {"quality": 9.1}, {"mode": "inter"}, {"alpha": 0.3}, {"gop": 0}, {"jobs": 0}):
        with pytest.raises(UsageError):
            lvcodec.encode(source, tmp_path / "b.lvc", model=random_model, **bad)
    assert not (tmp_path / "b.lvc").exists()
    monkeypatch.setenv("LVCODEC_MODELS", str(tmp_path))
    with pytest.raises(WeightsError, match="not installed"):
        lvcodec.decode(tmp_path / "a.lvc", tmp_path / "out.y4m")
    assert not (tmp_path / "out.y4m").exists()


def test_damaged_weights_are_refused(random_model, tmp_path) -> None:
    info = store.find(random_model)
    copy = tmp_path / "copy"
    shutil.copytree(info.path, copy)
    data = bytearray((copy / store.INTEGERS).read_bytes())
    data[-1000] ^= 1  # one unit in one integer
    (copy / store.INTEGERS).write_bytes(data)
    verify(info)
    with pytest.raises(WeightsError, match="damaged"):
        verify(store.read_info(copy))
