"""The short form of `make fuzz`: some hundred damaged streams, in a process with its limits."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from golden.streams import STREAMS

from fuzz import damage

TESTS = Path(__file__).resolve().parents[1]


def test_damaged_streams_end_in_an_error_or_right() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", "--seed", "2", "--count", "400"],
        cwd=TESTS,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "400 streams, seed 2: 0 wrong" in done.stdout
    assert "MismatchError" in done.stdout and "StreamError" in done.stdout  # damage reaches networks and container


@pytest.mark.parametrize("golden", STREAMS, ids=[golden.name for golden in STREAMS])
def test_a_stream_taken_apart_goes_together_again(golden) -> None:
    data = golden.path.read_bytes()
    parts = damage.dissect(data)
    assert [part.kind for part in parts] == ["header", *["group"] * 4, "end"]
    damage.mend_end(parts)
    assert b"".join(part.to_bytes() for part in parts) == data


def test_damage_depends_on_the_seed_alone() -> None:
    whole = [golden.path.read_bytes() for golden in STREAMS]
    first, second = ([damage.damaged(whole, random.Random(f"{seed}")) for seed in range(50)] for _ in range(2))
    assert first == second and len(set(first) - set(whole)) > 40  # two bits flipped back leave a stream whole


def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    """A decoder that shows other pixels without a word does not pass."""
    script = """
import sys
from lvcodec.codec import gop
gop.check_picture = lambda picture, record, hint: None  # no checksums
from fuzz import __main__ as fuzz
sys.argv = ["fuzz", "--seed", "2", "--count", "100"]
sys.exit(fuzz.main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=TESTS,
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 1 and "other checksums than the stream tells" in done.stderr
    assert list(tmp_path.glob("fuzz-2-*.lvc"))
