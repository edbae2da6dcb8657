"""`lvcodec plan`, `encode --piece` and `join`, as docs/cluster.md has them, and what they refuse."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lvcodec
from lvcodec.encoder.probing import Probe, Prober


@pytest.fixture
def film(write_clip: Callable[..., Path], tmp_path: Path) -> Path:
    return write_clip(tmp_path / "film.y4m", 32, 32, 9)


def test_by_xargs(film: Path, random_model: str, command: list[str], tmp_path: Path) -> None:
    """As docs/cluster.md has it: two processes at once."""
    options = ["--model", random_model, "--mode", "intra", "--gop", "3"]
    words = [*command, "plan", film, "-o", "plan.json", "--piece-length", "0.1", *options]
    numbers = subprocess.run(words, cwd=tmp_path, capture_output=True, check=True).stdout
    assert numbers == b"0\n1\n2\n"
    each = ["xargs", "-P", "2", "-I{}", *command, "encode", "--piece", "{}", "plan.json"]
    subprocess.run(each, input=numbers, cwd=tmp_path, check=True)
    subprocess.run([*command, "join", "plan.json", "joined.lvc"], cwd=tmp_path, check=True)
    subprocess.run([*command, "encode", film, "whole.lvc", *options], cwd=tmp_path, check=True)
    assert (tmp_path / "joined.lvc").read_bytes() == (tmp_path / "whole.lvc").read_bytes()


def test_what_the_commands_refuse(here: Callable[..., Any], film: Path, random_model: str, tmp_path: Path) -> None:
    lvcodec.plan(film, tmp_path / "plan.json", piece_s=0.1, model=random_model, mode="intra", gop=3)
    for words, says in (
        (["encode", "--piece", "0", "plan.json", "a.lvc"], "--piece takes a plan alone"),
        (["encode", "--piece", "0", "-q", "3", "plan.json"], "--quality cannot be given with --piece"),
        (["encode", "--piece", "7", "plan.json"], "has no piece 7"),
        (["encode", film], "Missing argument 'TARGET'"),
        (["encode", film, "a.lvc", "--ship"], "--ship belongs to --cluster"),
        (["plan", "-", "-o", "b.json"], "a plan needs files"),
        (["plan", film, "-o", "plan.json"], "output plan.json exists"),
    ):
        done = here(*words)
        assert done.returncode in (2, 3) and says in done.stderr.decode(), done
    done = here("join", "plan.json", "a.lvc", "--json")
    assert done.returncode == 3 and b"piece 0 (pictures 0 to 2) is missing" in done.stderr
    for number in range(3):
        done = here("encode", "--piece", number, "plan.json", "--json")
        assert json.loads(done.stdout) == {"plan": "plan.json", "piece": number}
    done = here("join", "plan.json", "a.lvc", "--json")
    assert json.loads(done.stdout)["pictures"] == 9


def test_a_size_that_is_missed(
    here: Callable[..., Any], film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written; what is to be coded again comes to stdout, as docs/cluster.md's loop needs it."""
    right = Prober.at

    def told(self: Prober, index: int) -> Probe:
        probe = right(self, index)
        return dataclasses.replace(probe, size_bytes=round(0.9 * probe.size_bytes))

    monkeypatch.setattr(Prober, "at", told)
    options = ["--gop", "3", "--preset", "fast", "--target-size", "900"]
    assert here("plan", film, "-o", "plan.json", "-q", "3", *options).returncode == 2
    assert here("plan", film, "-o", "plan.json", "--piece-length", "0.1", *options).stdout == b"0\n1\n2\n"
    numbers, codes = ["0", "1", "2"], []
    while numbers:
        for number in numbers:
            assert here("encode", "--piece", number, "plan.json").returncode == 0
        done = here("join", "plan.json", "a.lvc")
        codes.append(done.returncode)
        numbers = done.stdout.decode().split()
        assert bool(numbers) == (done.returncode == 8) == (b"and are to have 900; code piece" in done.stderr)
        assert (tmp_path / "a.lvc").exists() == (done.returncode == 0)
    assert len(codes) > 1 and codes[-1] == 0 and 870 <= (tmp_path / "a.lvc").stat().st_size <= 900
