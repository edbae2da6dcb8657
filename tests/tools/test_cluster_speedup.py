"""The film on paper: what must hold of any schedule, and the table of a plan that was coded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

import lvcodec


@pytest.fixture(scope="module")
def tool(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    return load_tool("cluster_speedup")


def test_schedules(tool: ModuleType) -> None:
    calm, lost = tool.Trouble(), tool.Trouble(lost=True)
    assert tool.elapsed_s([5.0, 3.0, 2.0], 1, calm) == 10
    assert tool.elapsed_s([5.0, 3.0, 2.0], 2, calm) == 5
    assert tool.elapsed_s([2.0, 3.0, 5.0], 2, calm) == 7  # the longest last
    assert tool.elapsed_s([5.0, 3.0, 2.0], 9, calm) == 5
    assert tool.elapsed_s([1.0] * 20, 20, tool.Trouble(slow=True)) == 2
    assert tool.elapsed_s([1800.0, 1800.0], 2, lost) == 1800
    # half an hour on, one of both is lost, and its piece begun anew
    assert tool.elapsed_s([1900.0, 1900.0], 2, lost) >= 1800 + 1900
    assert tool.elapsed_s([70.0] * 100, 1, lost) == 7000 + 60 + 30  # away for a minute, and half a piece to do again


def test_a_film(tool: ModuleType) -> None:
    pieces = tool.film_of([(5.0, 50.0)], 60, 12)
    assert pieces == [150.0] * 4
    assert tool.film_of([(5.0, 50.0)], 60) == [50.0] * 12


def test_a_table(tool: ModuleType, write_clip: Callable[..., Path], random_model: str, tmp_path: Path) -> None:
    clip, plan = write_clip(tmp_path / "a.y4m", 32, 32, 4), tmp_path / "p.json"
    for number in range(lvcodec.plan(clip, plan, piece_s=0.08, model=random_model, mode="intra", gop=2)):
        lvcodec.encode_piece(plan, number)
    done = CliRunner().invoke(tool.main, [str(plan), "--hours", "0.01"], catch_exceptions=False)
    assert done.exit_code == 0
    rows = [line.split("|")[1:-1] for line in done.output.splitlines()[2:]]
    assert [len(row) for row in rows] == [len(tool.HEADING)] * (2 + len(tool.WORKERS))
    assert all(float(cell) >= 0 for row in rows[2:] for cell in row)
