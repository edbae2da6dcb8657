"""The timing of the kernels runs, and leaves the process as it was."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
from click.testing import CliRunner

from lvcodec import native


@pytest.mark.parametrize("block", ["16", "8"])
def test_a_table(load_tool: Callable[[str], ModuleType], block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = load_tool("kernels")
    pytest.importorskip("lvcodec.native._kernels", reason="the compiled kernels were not built")
    monkeypatch.setenv(native.VARIABLE, "")  # so that it is restored
    try:
        done = CliRunner().invoke(
            kernels.main, ["--size", "64x48", "--block", block, "--rounds", "1"], catch_exceptions=False
        )
    finally:
        monkeypatch.undo()
        native._found.cache_clear()
    assert done.exit_code == 0
    rows = [line.split("|")[1:-1] for line in done.output.splitlines()]
    assert len(rows) == 17 and len({len(row) for row in rows}) == 1
    assert all(float(cell) >= 0 for row in rows[2:] for cell in row[1:])
