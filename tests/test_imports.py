"""Which part may import which (docs/architecture.md), and what stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "lvcodec"
ANYWHERE = {
    "lvcodec",
    "errors",
    "report",
    "names",
    "quality",
    "frames",
    "padding",
}  # lvcodec: the lazy functions and the version

# Data flows video -> codec -> (nets -> exact) -> entropy -> stream, and back; codec alone knows them all.
ALLOWED = {
    "errors": set(),
    "report": set(),
    "names": set(),
    "quality": set(),
    "frames": set(),
    "padding": set(),
    "options": {"stream"},
    "lvcodec": {"codec", "options", "stream"},
    "video": set(),
    "stream": {"video"},
    "entropy": set(),
    "exact": set(),
    "nets": {"exact", "entropy", "video", "encoder"},
    "models": {"nets", "exact", "entropy", "encoder"},
    "codec": {"video", "stream", "entropy", "exact", "nets", "models", "encoder", "measure"},
    "encoder": {"video", "stream", "entropy", "exact", "nets", "models", "codec", "measure"},
    "measure": {"video"},
    "cli": {"options", "models", "video", "bench", "train", "measure"},
    "train": {"video", "entropy", "exact", "nets", "models", "codec", "encoder", "measure"},
    "bench": {"video", "stream", "entropy", "exact", "nets", "models", "codec", "measure"},
}
# Types may be named more freely: models hands out what codec declares.
ALLOWED_FOR_TYPES = {"report": {"video"}, "models": {"codec", "encoder"}, "nets": {"codec"}}
LIGHT = ("video", "stream", "cli")
HEAVY = ("torch", "scipy", "compressai")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(module: str) -> str:
    """lvcodec.video.source -> video; lvcodec -> lvcodec."""
    names = module.split(".")
    return names[1] if len(names) > 1 else names[0]


def parts() -> set[str]:
    return {path.stem for path in PACKAGE.iterdir()}


def name_of(path: Path) -> str:
    names = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports(tree: ast.AST, package: str, typing_only: bool = False) -> Iterator[tuple[str, bool]]:
    """(module of lvcodec that is imported, whether under TYPE_CHECKING), wherever the import stands."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, typing_only) for alias in node.names if in_lvcodec(alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: 1 - node.level or None]
                base = ".".join([*above, base]).rstrip(".")
            if base == "lvcodec":
                for alias in node.names:
                    yield (f"lvcodec.{alias.name}" if alias.name in parts() else base), typing_only
            elif in_lvcodec(base):
                yield base, typing_only
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.body:
                yield from imports(ast.Module([child], []), package, True)
            for child in node.orelse:
                yield from imports(ast.Module([child], []), package, typing_only)
        else:
            yield from imports(node, package, typing_only)


def in_lvcodec(module: str) -> bool:
    return module == "lvcodec" or module.startswith("lvcodec.")


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_direction(path: Path) -> None:
    name = name_of(path)
    if name == "lvcodec.__main__":
        return  # it is the command
    part = part_of(name)
    assert part in ALLOWED, f"{name}: say in ALLOWED what the new part may import"
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for module, typing_only in imports(ast.parse(path.read_text(encoding="utf-8")), package):
        allowed = ALLOWED[part] | ANYWHERE | {part}
        if typing_only:
            allowed |= ALLOWED_FOR_TYPES.get(part, set())
        assert part_of(module) in allowed, f"{name} imports {module}"


def test_directions_are_seen() -> None:
    """The walk finds imports in functions and branches, relative ones, and tells type-only ones apart."""
    source = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from lvcodec.codec.network import Coding\n"
        "def f():\n    from lvcodec import cli\n    from ..stream import fields\n"
        "    import lvcodec.exact.ops\n"
    )
    assert list(imports(ast.parse(source), "lvcodec.video")) == [
        ("lvcodec.codec.network", True),
        ("lvcodec.cli", False),
        ("lvcodec.stream", False),
        ("lvcodec.exact.ops", False),
    ]


def loaded_by(code: str, *names: str) -> list[str]:
    """Which of the modules a fresh interpreter has loaded after the code."""
    script = f"{code}\nimport sys; print(*[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_package_is_light() -> None:
    assert loaded_by("import lvcodec", *HEAVY, "numpy", "click", "constriction") == []


def test_light_parts() -> None:
    names = [name_of(path) for path in modules() if part_of(name_of(path)) in LIGHT]
    assert len(names) > 15
    assert loaded_by("\n".join(f"import {name}" for name in names), *HEAVY) == []


def test_no_scipy_when_coding() -> None:
    """scipy and compressai are for export and training."""
    assert loaded_by("import lvcodec.codec.sequence, lvcodec.models.loading", "scipy", "compressai") == []


def test_all_packages_are_packed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found = {name_of(path) for path in modules() if path.stem == "__init__"}
    assert set(settings["packages"]) == found | {"lvcodec.weights"}


def test_public_names() -> None:
    import lvcodec

    for name in lvcodec.__all__:
        assert getattr(lvcodec, name) is not None
    with pytest.raises(AttributeError):
        _ = lvcodec.no_such_name
