"""The compiled kernels, for tests that compare them with numpy."""

from __future__ import annotations

from types import ModuleType

import pytest

from lvcodec import native


@pytest.fixture(params=native.LEVELS)
def kernels(request: pytest.FixtureRequest) -> ModuleType:
    compiled = pytest.importorskip("lvcodec.native._kernels", reason="the compiled kernels were not built")
    level = native.LEVELS.index(request.param)
    if level > compiled.best():
        pytest.skip(f"this processor has no {request.param}")
    compiled.use(level)
    request.addfinalizer(lambda: compiled.use(compiled.best()))
    return compiled
