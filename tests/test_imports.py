"""Which part may import which, that no modules import each other in a circle, and what stays light.

The arrows of all imports in src/ are read from the sources, those inside functions too. Imports under TYPE_CHECKING
are kept apart: they load nothing, so they make no circle, but what they may name stands in the same table.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "lvcodec"

BASICS = {
    "errors",
    "frames",
    "names",
    "presets",
    "quality",
    "report",
    "sizes",
    "version",
}  # light; every part may import them
CODING = {"arrays", "native", "video", "stream", "entropy", "exact", "nets", "models"}  # what codec stands on
AROUND = CODING | {"codec", "encoder", "measure", "options", "lvcodec"}  # for parts that stand around the codec
TRAIN = {"train", "train.data", "train.stages", "train.results", "train.run"}

# Data flows video -> encoder -> codec -> (nets -> exact) -> entropy -> stream, and back without the encoder. A part is
# a module or a folder of lvcodec, or a folder of train; "lvcodec" is the package's own file, "train" what lies in none
# of train's folders. A part may import itself, the basics, and these. The basics import no more than stands here.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "native": set(),
    "names": set(),
    "presets": set(),
    "quality": {"errors"},
    "report": {"errors", "sizes"},
    "frames": {"errors"},
    "sizes": set(),
    "version": set(),
    "arrays": set(),
    "options": {"stream"},
    "video": set(),
    "stream": {"video"},
    "entropy": {"arrays", "native"},
    "exact": {"arrays", "native"},
    "nets": {"arrays", "exact", "entropy"},
    "models": {"arrays", "nets", "exact", "entropy", "native"},
    "codec": CODING | {"options"},
    "measure": {"video"},
    "encoder": CODING | {"codec", "measure", "options"},
    "pieces": CODING | {"codec", "encoder", "options"},
    "cluster": CODING | {"codec", "encoder", "options", "pieces"},
    "lvcodec": {"cluster", "codec", "encoder", "options", "pieces", "stream"},
    "train": set(),
    "train.data": AROUND | {"train"},
    "train.stages": AROUND | {"train", "train.data"},
    "train.results": AROUND | {"train", "train.data", "train.stages"},
    "train.run": AROUND | TRAIN,
    "bench": AROUND | {"cluster"},
    "imageio": {"lvcodec", "stream"},
    "thumbnails": {"codec", "options", "stream", "video"},
    "cli": {"lvcodec", "options", "stream", "video", "models", "measure", "bench", "thumbnails"} | TRAIN,
    "__main__": {"cli"},
}
# For types alone, under TYPE_CHECKING: those of video in reports, and what the package's functions take.
MAY_NAME: dict[str, set[str]] = {
    "report": {"video"},
    "lvcodec": {"video"},
}

ENCODES = {"lvcodec", "bench", "cluster", "pieces", "train.data", "train.stages", "train.results", "train.run"}
LIGHT = {*BASICS, "lvcodec", "video", "stream", "cli"}
HEAVY = ("torch", "scipy", "compressai")


class Import(NamedTuple):
    """A module of lvcodec that is imported; type_only: under TYPE_CHECKING; function: the outermost one it is in."""

    module: str
    type_only: bool = False
    function: str = ""


def modules() -> dict[str, Path]:
    return {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def name_of(path: Path) -> str:
    names = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


@cache
def sources() -> dict[str, str]:
    return {name: path.read_text(encoding="utf-8") for name, path in modules().items()}


def part_of(module: str) -> str:
    """lvcodec.video.source -> video; lvcodec.train.data.crops -> train.data; lvcodec -> lvcodec."""
    names = module.split(".")
    in_train = ".".join(names[1:3])
    return in_train if in_train in TRAIN else names[1] if len(names) > 1 else names[0]


def imports_of(name: str, texts: Mapping[str, str]) -> list[Import]:
    """The imports of a module, wherever they stand. texts: the source of each module by its name."""
    is_package = any(other.startswith(f"{name}.") for other in texts)
    package = name.split(".") if is_package else name.split(".")[:-1]
    return list(_walk(ast.parse(texts[name]), package, set(texts), Import("")))


def _walk(tree: ast.AST, package: list[str], known: set[str], where: Import) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (where._replace(module=alias.name) for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names = (f"{base}.{alias.name}" for alias in node.names)
            targets = [name if name in known else base for name in names if base in known]
            yield from (where._replace(module=module) for module in dict.fromkeys(targets))
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from _walk(ast.Module(node.body, []), package, known, where._replace(type_only=True))
            yield from _walk(ast.Module(node.orelse, []), package, known, where)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not where.function:
            yield from _walk(node, package, known, where._replace(function=node.name))
        else:
            yield from _walk(node, package, known, where)


def graph_of(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """The modules that each module imports; not those that only its types need, nor the packages that it lies in."""
    return {name: {each.module for each in imports_of(name, texts) if not each.type_only} for name in texts}


def circles(graph: Mapping[str, set[str]]) -> list[str]:
    """A shortest way round through each module that can reach itself, each way once: "a -> b -> a"."""
    ways: dict[frozenset[str], str] = {}
    for start in sorted(graph):
        paths, seen = [[start]], set()
        for path in paths:  # grows while it is walked: breadth first
            if path[-1] == start and len(path) > 1:
                ways.setdefault(frozenset(path), " -> ".join(path))
                break
            ahead = sorted(graph[path[-1]] - seen)
            seen.update(ahead)
            paths += [[*path, name] for name in ahead]
    return list(ways.values())


# ---- directions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", modules())
def test_direction(name: str) -> None:
    part = part_of(name)
    assert part in MAY_IMPORT, f"{name}: say in MAY_IMPORT what the new part may import"
    allowed = MAY_IMPORT[part] | {part} | (set() if part in BASICS else BASICS)
    wrong = [
        each.module
        for each in imports_of(name, sources())
        if part_of(each.module) not in (allowed | MAY_NAME.get(part, set()) if each.type_only else allowed)
    ]
    assert wrong == [], f"{part} may not import these"


def test_the_table_is_of_parts_that_are_there() -> None:
    assert set(MAY_IMPORT) == {part_of(name) for name in modules()}
    assert set().union(*MAY_IMPORT.values(), *MAY_NAME.values()) <= set(MAY_IMPORT)


def test_the_table_has_no_circle() -> None:
    TopologicalSorter({part: parts - {part} for part, parts in MAY_IMPORT.items()}).prepare()


def test_only_those_who_encode_import_the_encoder() -> None:
    """Whoever decodes loads none of it: in the package's own file, it is `encode` that imports the encoder."""
    assert {part for part, parts in MAY_IMPORT.items() if "encoder" in parts} == ENCODES
    imports = [each for each in imports_of("lvcodec", sources()) if part_of(each.module) == "encoder"]
    assert {each.function for each in imports if not each.type_only} == {"encode"}


def test_directions_are_seen() -> None:
    """The walk finds imports in functions and branches, relative ones, and tells those for types apart."""
    names = ["cli", "codec", "codec.motion", "errors", "exact", "exact.ops", "stream", "stream.fields", "video"]
    texts = dict.fromkeys(["lvcodec", *(f"lvcodec.{name}" for name in names)], "")
    texts["lvcodec.video.sink"] = (
        "from typing import TYPE_CHECKING\n"
        "from lvcodec.errors import InputError, UsageError\n"
        "if TYPE_CHECKING:\n    from lvcodec.codec.motion import Field\nelse:\n    import lvcodec\n"
        "class Sink:\n    def write(self):\n        def late():\n            from lvcodec import cli, encode\n"
        "        from ..stream import fields, Header\n        import lvcodec.exact.ops, os\n"
        "try:\n    from . import Picture\nexcept ImportError:\n    pass\n"
    )
    assert imports_of("lvcodec.video.sink", texts) == [
        Import("lvcodec.errors"),
        Import("lvcodec.codec.motion", type_only=True),
        Import("lvcodec"),
        Import("lvcodec.cli", function="write"),
        Import("lvcodec", function="write"),
        Import("lvcodec.stream.fields", function="write"),
        Import("lvcodec.stream", function="write"),
        Import("lvcodec.exact.ops", function="write"),
        Import("lvcodec.video"),
    ]
    texts["lvcodec.video"] = "from .sink import Sink\n"
    assert imports_of("lvcodec.video", texts) == [Import("lvcodec.video.sink")]


# ---- circles ------------------------------------------------------------------------------------------------


def test_no_circle() -> None:
    assert circles(graph_of(sources())) == []


def test_a_circle_is_seen() -> None:
    """Through functions and by way of a package's own file; not through types."""
    texts = {
        "lvcodec": "def encode():\n    from lvcodec.codec import sequence\n",
        "lvcodec.codec": "",
        "lvcodec.codec.sequence": "from lvcodec.codec.modes import MODES\nimport lvcodec.codec.picture\n",
        "lvcodec.codec.modes": "def mode():\n    from .picture import code\n",
        "lvcodec.codec.picture": "if TYPE_CHECKING:\n    from lvcodec.codec.modes import Mode\n",
    }
    assert circles(graph_of(texts)) == []
    through_function = "def code():\n    from lvcodec.codec import modes\n"
    assert circles(graph_of(texts | {"lvcodec.codec.picture": through_function})) == [
        "lvcodec.codec.modes -> lvcodec.codec.picture -> lvcodec.codec.modes"
    ]
    through_package = "import lvcodec\n"
    assert circles(graph_of(texts | {"lvcodec.codec.picture": through_package})) == [
        "lvcodec -> lvcodec.codec.sequence -> lvcodec.codec.picture -> lvcodec",
        "lvcodec.codec.modes -> lvcodec.codec.picture -> lvcodec -> lvcodec.codec.sequence -> lvcodec.codec.modes",
    ]


# ---- weight -------------------------------------------------------------------------------------------------


def loaded_by(code: str, *names: str) -> list[str]:
    """Which of the modules a fresh interpreter has loaded after the code."""
    script = f"{code}\nimport sys; print(*[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def import_all(parts: set[str]) -> str:
    """The code that imports all modules of the parts."""
    assert parts <= set(MAY_IMPORT)
    return "\n".join(f"import {name}" for name in modules() if part_of(name) in parts)


def test_the_package_is_light() -> None:
    assert loaded_by(import_all({"lvcodec", *BASICS}), *HEAVY, "numpy", "cv2", "click", "constriction") == []


def test_light_parts() -> None:
    assert loaded_by(import_all(LIGHT), *HEAVY) == []


def test_no_scipy_when_coding() -> None:
    """scipy and compressai are for export and training."""
    assert loaded_by(import_all(CODING | {"codec", "encoder"}), "scipy", "compressai") == []


def test_no_encoder_and_no_opencv_when_decoding() -> None:
    assert loaded_by(import_all(CODING | {"codec"}), "lvcodec.encoder", "cv2") == []
    assert loaded_by("import lvcodec.cluster.decoding", "lvcodec.encoder", "cv2", "distributed") == []


def test_public_names() -> None:
    import lvcodec

    for name in lvcodec.__all__:
        assert getattr(lvcodec, name) is not None
    assert dir(lvcodec) == sorted(lvcodec.__all__)
    with pytest.raises(AttributeError):
        _ = lvcodec.no_such_name
