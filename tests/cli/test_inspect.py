"""`lvcodec inspect`: the maps' bits are the coder's, what they say of the residual is true, and what is refused."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import lvcodec
from lvcodec.bench.latent_maps import picture_maps
from lvcodec.codec.gop import decode_record
from lvcodec.codec.modes import last_latents
from lvcodec.codec.shift import shift_direction
from lvcodec.codec.state import State
from lvcodec.encoder import structures
from lvcodec.encoder.decisions import DECISIONS, LatentDecisions
from lvcodec.encoder.network import EncoderNetworks
from lvcodec.entropy import grid
from lvcodec.entropy.coder import Writer
from lvcodec.entropy.tables import TOTAL, TableSet, bits_of
from lvcodec.stream.container import StreamReader
from lvcodec.video.picture import Picture

Command = Callable[..., "subprocess.CompletedProcess[bytes]"]
NUMBER = 2
CODINGS = {  # mode, alpha, latents
    "intra": ("intra", 1.0, None),
    "mfvc": ("mfvc", 1.0, None),
    "lds": ("lds", 1.0, None),
    "half": ("lds", 0.5, "analysed"),
    "kept": ("lds", 0.5, "kept"),
    "unshifted": ("lds", 0.0, None),
    "aligned": ("aligned", 1.0, None),
}


@pytest.fixture(scope="module")
def streams(clip: Path, random_model: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The clip's first four pictures in every mode, with untrained weights."""
    folder = tmp_path_factory.mktemp("streams")
    for name, (mode, alpha, latents) in CODINGS.items():
        lvcodec.encode(
            clip,
            folder / f"{name}.lvc",
            mode=mode,
            alpha=alpha,
            latents=latents,
            model=random_model,
            quality=5,
            bframes=0,
            frames=(0, 4),
        )
    return {name: folder / f"{name}.lvc" for name in CODINGS}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("number", [0, 3])
def test_bits_are_the_coders(streams: dict[str, Path], coding: str, number: int) -> None:
    """Over all channels and positions, the map of what was coded sums to what `info --streams` says."""
    maps = picture_maps(streams[coding], number)
    told = lvcodec.probe(streams[coding], streams=True).pictures[number].streams or {}
    [name] = {"y", "y_res", "y_shift", "residual"} & told.keys()
    assert told[name] > 50
    assert maps.arrays[maps.coded].sum() == pytest.approx(told[name], rel=1e-9)
    assert dict(maps.streams) == dict(told)


@pytest.mark.parametrize("coding", CODINGS)
def test_the_papers_estimate(streams: dict[str, Path], coding: str, lvc: Command) -> None:
    """Streams of lds alone have one beside their bits, by `info` as by `inspect`; it is not called a rate."""
    record = json.loads(lvc("info", streams[coding], "--streams", "--frames", "--json").stdout)
    told = [picture["shift_estimate_bits"] for picture in record["pictures"]]
    if coding not in ("lds", "half", "kept"):
        assert told == [None] * 4 and "paper_estimate" not in record
        return
    assert told[0] is None and min(told[1:]) > 100
    maps = picture_maps(streams[coding], NUMBER).arrays
    assert maps["estimate"].sum() == pytest.approx(told[NUMBER], rel=1e-9)
    totals, estimate = record["streams"], record["paper_estimate"]
    assert estimate["y_shift"] == pytest.approx(sum(told[1:]))
    assert estimate["all symbols"] == pytest.approx(sum(totals.values()) - totals["y_shift"] + estimate["y_shift"])
    assert estimate["decodable"] == (coding == "lds")
    # by a half nothing is lost, and still the estimate lies below the bits; by one the push-forward beats it
    assert (estimate["y_shift"] < totals["y_shift"]) == (coding in ("half", "kept"))
    text = lvc("info", streams[coding], "--streams").stdout.decode()
    assert f"paper's estimate, not {'what is coded' if coding == 'lds' else 'decodable'}" in text


@pytest.fixture(scope="module")
def pyramid(clip: Path, random_model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An I-picture, then a pyramid of 4: picture 2 is a B-picture, 1 and 3 refer to it."""
    path = tmp_path_factory.mktemp("pyramid") / "pyramid.lvc"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structures, "SPLITS", (structures.pyramid,))
        lvcodec.encode(clip, path, model=random_model, quality=4, bframes=3, frames=(0, 5))
    return path


@pytest.mark.parametrize("number", [2, 4])
def test_the_inter_path(pyramid: Path, number: int) -> None:
    """Its maps are what the coder read; symbols and their bits are at live places alone."""
    maps = picture_maps(pyramid, number)
    arrays = maps.arrays
    assert maps.kind == "PB"[number == 2]
    live, bits = arrays["live"], arrays["symbol_bits"]
    assert 0 < live.sum() < live.size and arrays["symbols"].any()
    assert not arrays["symbols"][:, ~live].any() and not bits[:, ~live].any()
    assert (bits[:, live] > 0).all() and (arrays["live_bits"] > 0).all()
    assert np.isnan(arrays["level"][:, ~live]).all()
    assert ((arrays["level"][:, live] >= 0) & (arrays["level"][:, live] < grid.LEVELS)).all()
    assert arrays["live_bits"].sum() == pytest.approx(maps.streams["live"], rel=1e-9)
    assert bits.sum() == pytest.approx(maps.streams["residual"], rel=1e-9)
    both = maps.streams["live"] + maps.streams["residual"]
    assert arrays["place_bits"].sum() == pytest.approx(both, rel=1e-9)
    assert maps.motion is not None and maps.motion.field.shape[1:] == live.shape == bits.shape[1:]


def test_motion_in_small_blocks(random_model: str, make_clip: Callable[..., list[Picture]], tmp_path: Path) -> None:
    """Of a P-picture of quality 6 or more: maps are of places of 16x16 pels, the motion of four blocks at each."""
    source = io.BytesIO(b"".join(picture.tobytes() for picture in make_clip(70, 50, 2)))
    stream = tmp_path / "small.lvc"
    lvcodec.encode(source, stream, size=(70, 50), rate=Fraction(25), model=random_model, quality=8)
    maps = picture_maps(stream, 1)
    assert maps.motion is not None and maps.motion.side == 8
    assert maps.motion.field.shape == (2, 7, 9) and maps.arrays["live"].shape == (4, 5)
    assert maps.arrays["symbols"].shape[1:] == (4, 5)
    assert maps.streams["motion"] > 0


def test_two_steps(lvc: Command, clip: Path, random_model: str, tmp_path: Path) -> None:
    """The maps are of the first, and say so."""
    stream = tmp_path / "two.lvc"
    lvcodec.encode(clip, stream, model=random_model, quality=7, frames=(0, 2))
    told = lvcodec.probe(stream, streams=True).pictures[0].streams or {}
    assert told.keys() == {"z", "y", "live", "residual"}
    maps = picture_maps(stream, 0)
    assert maps.first_step and maps.arrays["bits"].sum() == pytest.approx(told["y"], rel=1e-9)
    assert not picture_maps(stream, 1).first_step
    done = lvc("inspect", stream, "--frame", "0", "-o", "shown.png", cwd=tmp_path)
    assert done.returncode == 0 and b"first of two steps" in done.stdout


def test_escapes_are_counted() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    counts = np.array([TOTAL - 9, 5, 4, TOTAL // 2, TOTAL // 4, TOTAL // 4], np.int32)
    tables = TableSet(counts, np.array([3, 3], np.int32))
    values = (rng.standard_cauchy((3, 40, 40)) * 30).clip(-(10**6), 10**6).astype(np.int32)
    index, sign = rng.integers(0, 2, values.shape), rng.choice([-1, 1], values.shape)
    centre = rng.integers(-3, 4, values.shape).astype(np.int32)
    coder = Writer()
    coder.begin("all")
    coder.code(values, tables, index, centre, sign)
    assert bits_of(tables, index, centre, sign, values).sum() == pytest.approx(coder.bits["all"], rel=1e-9)


def encoders_view(
    path: Path, planes: list[bytes], number: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """What only the encoder knows: a picture's nearest residuals, the symbols that it chose, their means in eighths of
    a step; and what gives the bits of residuals unshifted."""
    with open(path, "rb") as file:
        reader = StreamReader(file)
        header = reader.header
        networks = EncoderNetworks.of_stream(header)
        references: tuple[State, ...] = ()
        for _ in range(number):
            references = decode_record(next(reader), references, header, networks)[:1]
        record = next(reader)
        index, alpha = record.quality_index, record.shift.alpha
    decisions = DECISIONS[header.mode]
    [state] = references
    assert isinstance(decisions, LatentDecisions)
    size = header.video.width, header.video.height
    net = networks.at(index)
    latents = net.analyse(Picture.frombuffer(planes[number], *size))
    reference = last_latents(state, net)
    found = decisions.analyse(latents, reference, net, alpha, decisions.distortion_weight_at(alpha))
    chosen = found.streams["y_res" if header.mode == "mfvc" else "y_shift"]
    mean8, level = net.p_parameters(found.streams["z_t"], reference.latents)
    located = grid.locate(mean8, level)
    return net.symbols(latents) - reference.steps, chosen, mean8, lambda y: bits_of(net.tables["laplace"], *located, y)


@pytest.mark.parametrize("coding", ["mfvc", "half", "kept"])
def test_what_is_known_exactly(streams: dict[str, Path], planes: list[bytes], coding: str) -> None:
    nearest, chosen, mean8, plain = encoders_view(streams[coding], planes, NUMBER)
    maps = picture_maps(streams[coding], NUMBER)
    assert maps.exact and np.count_nonzero(chosen) > 100 and (chosen != nearest).any()
    np.testing.assert_array_equal(maps.arrays["y_res"], chosen)
    np.testing.assert_array_equal(maps.arrays["mean"], mean8 / 8)
    np.testing.assert_array_equal(maps.arrays["bfd"], shift_direction(chosen, mean8))
    moved = chosen - CODINGS[coding][1] * shift_direction(chosen, mean8)
    np.testing.assert_array_equal(maps.arrays["y_shift"], moved)
    np.testing.assert_array_equal(maps.arrays["plain"], plain(chosen))


def test_what_is_known_of_a_shift(streams: dict[str, Path], planes: list[bytes]) -> None:
    """Further than half a step from the mean the residual is the encoder's; nearer, its bits are the least possible."""
    nearest, chosen, mean8, plain = encoders_view(streams["lds"], planes, NUMBER)
    maps = picture_maps(streams["lds"], NUMBER)
    assert not maps.exact and maps.coded == "shifted"
    np.testing.assert_array_equal(maps.arrays["mean"], mean8 / 8)
    np.testing.assert_array_equal(maps.arrays["y_shift"], chosen)
    kept = chosen == nearest - shift_direction(nearest, mean8)
    sure = np.abs(8 * chosen - mean8) > grid.MEAN_STEPS // 2
    assert (~kept).any() and (kept & sure).sum() > 10 and (kept & ~sure).sum() > 10
    known = maps.arrays["y_res"]
    np.testing.assert_array_equal(known[kept & sure], nearest[kept & sure])
    np.testing.assert_array_equal(known - shift_direction(known, mean8), chosen)
    assert (known[kept] != nearest[kept]).any()
    for y_res in (chosen - 1, chosen, chosen + 1):
        possible = y_res - shift_direction(y_res, mean8) == chosen
        assert (maps.arrays["plain"] <= plain(y_res))[possible].all()


@pytest.mark.parametrize(
    "coding, said",
    [
        ("intra", ["(I)", "latent"]),
        ("mfvc", ["(P)", "with the shift", "not coded"]),
        ("lds", ["(P)", "the least possible", "z_bfd"]),
        ("half", ["(P)", "without the shift", "the paper's estimate", "not decodable"]),
        ("kept", ["(P), latents kept", "without the shift", "the paper's estimate", "not decodable"]),
        ("unshifted", ["(P)", "y_res", "with the shift", "not coded"]),
        ("aligned", ["(P)", "symbols", "live places: ", "motion", "residual"]),
    ],
)
def test_the_command(lvc: Command, streams: dict[str, Path], tmp_path: Path, coding: str, said: list[str]) -> None:
    done = lvc("inspect", streams[coding], "--frame", str(NUMBER), "-o", "shown.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode()
    assert all(piece in text for piece in said), text
    assert b"the maps are shown.png" in done.stderr
    assert (tmp_path / "shown.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["shown.png"]


def test_motion(lvc: Command, streams: dict[str, Path], tmp_path: Path) -> None:
    """The field over the picture; refused where there is none."""
    done = lvc("inspect", streams["aligned"], "--frame", "1", "--motion", "-o", "motion.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "motion.png").read_bytes().startswith(b"\x89PNG")
    assert picture_maps(streams["aligned"], 1).motion is not None
    for coding, number in (("lds", "1"), ("aligned", "0")):
        done = lvc("inspect", streams[coding], "--frame", number, "--motion", "-o", "none.png", cwd=tmp_path)
        assert done.returncode == 2 and b"has no motion" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["motion.png"]


def test_json_from_a_pipe_and_the_dearest_channel(lvc: Command, streams: dict[str, Path], tmp_path: Path) -> None:
    done = lvc("inspect", "-", "--frame", str(NUMBER), "--json", stdin=streams["mfvc"].read_bytes(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    record = json.loads(done.stdout)
    coded = picture_maps(streams["mfvc"], NUMBER).arrays["plain"].sum(axis=(1, 2))
    assert record["channel"] == int(coded.argmax()) and record["output"] == "maps.png"
    assert record["bits"]["plain"]["channel"] == pytest.approx(coded.max())
    assert record["bits"]["plain"]["all"] == pytest.approx(record["streams"]["y_res"])
    again = lvc("inspect", streams["mfvc"], "--frame", str(NUMBER), "--json", "--channel", "3", "-y", cwd=tmp_path)
    assert json.loads(again.stdout)["bits"]["plain"]["channel"] == pytest.approx(coded[3])


@pytest.mark.parametrize(
    "args, code, reason",
    [
        (["--frame", "4"], 2, "no picture 4; the stream has 4"),
        (["--channel", "9999"], 2, "no channel 9999; the latent has"),
        (["-o", "maps.jpg"], 2, "not named .png"),
        (["-o", "there.png"], 3, "there.png exists"),
        (["-o", "no/maps.png"], 3, "no folder no"),
    ],
)
def test_refused(
    lvc: Command, streams: dict[str, Path], tmp_path: Path, args: list[str], code: int, reason: str
) -> None:
    (tmp_path / "there.png").write_bytes(b"precious")
    done = lvc("inspect", streams["lds"], *args, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == b"" and done.stderr.count(b"\n") == 1 and reason in done.stderr.decode()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("there.png", b"precious")]


def test_more_than_a_pipe_holds(lvc: Command, streams: dict[str, Path], tmp_path: Path) -> None:
    done = lvc("inspect", "-", "--frame", "9", stdin=streams["lds"].read_bytes(), cwd=tmp_path)
    assert done.returncode == 2 and b"no picture 9; the stream has 4" in done.stderr


@pytest.mark.parametrize("damage, code", [("flip", 4), ("cut", 4), ("other", 3), ("missing", 3)])
def test_damaged(lvc: Command, streams: dict[str, Path], tmp_path: Path, damage: str, code: int) -> None:
    data = bytearray(streams["lds"].read_bytes())
    path = tmp_path / "damaged.lvc"
    if damage == "flip":
        data[len(data) // 2] ^= 0x10
    elif damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[:] = b"no stream at all"
    if damage != "missing":
        path.write_bytes(data)
    done = lvc("inspect", path, "--frame", "3", cwd=tmp_path)
    assert done.returncode == code, done.stderr.decode()
    assert done.stdout == b"" and done.stderr.startswith(b"lvcodec: error: ") and done.stderr.count(b"\n") == 1
    assert not (tmp_path / "maps.png").exists()
