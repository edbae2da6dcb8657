"""The documentation against the tree: files, dependencies, links, and the layers that docs/bitstream.md lists."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "lvcodec"
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
# Pages of the archive name what was there when they were written; only their links have to hold.
ARCHIVE = sorted((DOCS / "archive").glob("*.md"))
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
BITSTREAM = (DOCS / "bitstream.md").read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one of its rank or a higher one."""
    heading = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert heading, f"no heading {title!r}"
    rest = text[heading.end() :]
    end = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


# ---- architecture.md ----------------------------------------------------------------------------------------


def test_every_module_says_what_it_is_for() -> None:
    """Modules tell it themselves; the page has no list of them."""
    silent = [path for path in PACKAGE.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert [path.name for path in silent if path.stat().st_size] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_in_the_text_exist(page: Path) -> None:
    """Modules and folders in backticks, by their path in the repository or in src/lvcodec."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`([\w./]+(?:\.py|/))`", text))
    assert (
        sorted(
            name
            for name in named
            if not any((base / name).exists() for base in (ROOT, PACKAGE, PACKAGE.parent))
            and not name.startswith(("demo/", ".cache/"))
        )
        == []
    )


def dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    return {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in declared}


def test_every_dependency_has_its_reason() -> None:
    listed = re.findall(r"^\| `([^`]+)`.* \| \S", section(ARCHITECTURE, "Dependencies"), re.MULTILINE)
    assert sorted(listed) == sorted(dependencies())


# ---- links --------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, *ARCHIVE], ids=name_of)
def test_no_link_leads_nowhere(page: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


def test_constants_are_where_decisions_say() -> None:
    """NAME in `file.py`: the file gives that name a value."""
    page = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    names = [
        (name, file)
        for listed, file in re.findall(r"\b((?:[A-Z][A-Z0-9_]{2,}(?:,|, and| and)?\s+)+)in\s+`([\w/]+\.py)`", page)
        for name in re.findall(r"[A-Z][A-Z0-9_]{2,}", listed)
    ]
    assert len(names) > 10
    wrong = [
        f"{name} in {file}"
        for name, file in names
        if not re.search(rf"^[A-Z0-9_, ]*\b{name}\b[^=\n]*=", (PACKAGE / file).read_text("utf-8"), re.MULTILINE)
    ]
    assert wrong == []


def test_comments_point_to_what_is_there() -> None:
    """Pages that code names, and their headings where it names one."""
    lost = []
    for folder in (PACKAGE, ROOT / "tools", ROOT / "examples", ROOT / "tests"):
        for path in folder.rglob("*.py"):
            for name, anchor in re.findall(r"\b(docs/[\w/-]+\.md)(?:#([\w-]+))?", path.read_text(encoding="utf-8")):
                page = ROOT / name
                if not page.is_file() or (anchor and anchor not in anchors(page)):
                    lost.append(f"{path.relative_to(ROOT)}: {name}#{anchor}")
    assert lost == []


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)\s]+)\)", index)}
    assert [page.name for page in PAGES if page.resolve() not in linked and page != DOCS / "README.md"] == []


# ---- decisions.md -------------------------------------------------------------------------------------------


def test_every_decision_says_what_and_when() -> None:
    text = (DOCS / "decisions.md").read_text(encoding="utf-8")
    titles = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert titles
    for title in titles:
        entry = section(text, title)
        assert "**Taken:**" in entry, title
        assert re.search(r"\b20\d\d-\d\d-\d\d\b", entry), title


# ---- bitstream.md: the layers ---------------------------------------------------------------------------------


def rows(title: str) -> Iterator[tuple[str, str, str, str, str]]:
    """(pattern of the names, kind of block or "", weight, activation, stride) of each row of a table of layers."""
    for line in section(BITSTREAM, title).splitlines():
        row = re.match(r"\| `([^`]+)`(?: \((\w+)\))? \| (\(.+?\)) \| ([a-z ]+?) \|(?: (.*?) ?\|)? [RDE, ]+ \|$", line)
        if row:
            name = re.escape(row[1]).replace(r"\.i\.", r"\.\d+\.")
            name = re.sub(r"\\{(.+?)\\}", lambda m: "(?:" + m[1].replace(",", "|") + ")", name)
            yield name, row[2] or "", row[3], row[4], (row[5] or "").strip()


def described(title: str, name: str, block: str, sizes: dict[str, int]) -> list[tuple[tuple[int, ...], str, str]]:
    """Weight, activation and stride of the rows that a layer's name fits."""
    return [
        (eval(weight, {"__builtins__": {}}, sizes), activation, stride)
        for pattern, kind, weight, activation, stride in rows(title)
        if re.fullmatch(pattern, name) and kind in ("", block)
    ]


@pytest.mark.parametrize("case", ["dense", "depthwise", "inter path", "cheng2020"])
def test_bitstream_lists_the_layers(case: str) -> None:
    """Every layer of a network fits one row of its table, with its weight's shape; no row is left over."""
    import torch

    from lvcodec.exact.gdn import Gdn
    from lvcodec.exact.ops import layers
    from lvcodec.nets.cheng2020 import Cheng2020
    from lvcodec.nets.inter import Inter
    from lvcodec.nets.shapes import InterShape, SwiftShape
    from lvcodec.nets.swift import Swift

    with torch.device("meta"):
        if case == "cheng2020":
            title, block, model, sizes = "Layers of cheng2020", "", Cheng2020(14), {"N": 14}
        elif case == "inter path":
            title, block, model, sizes = "The inter path", "depthwise", Inter(InterShape()), {}
        else:
            shape = SwiftShape(
                latent=22,
                width8=10,
                width16=12,
                block=case,
                lapped=case == "dense",
                hyper=16,
                z_channels=18,
                context=20,
                temporal=14,
            )
            title, block, model = "Layers of swift", case, Swift(shape)
            sizes = {
                "M": 22,
                "A": 10,
                "B": 12,
                "G": 16,
                "Z": 18,
                "K": 20,
                "N": 14,
                "F": 22 // 4,
                "l": 3 if shape.lapped else 1,
            }
    names = []
    for name, layer in layers(model):
        names.append(name)
        activation = ("inverse gdn" if layer.inverse else "gdn") if isinstance(layer, Gdn) else layer.act
        stride = "2, transposed" if layer.transposed else "2" if layer.stride == 2 else ""
        assert described(title, name, block, sizes) == [(tuple(layer.weight.shape), activation, stride)], name
    unused = [
        pattern
        for pattern, kind, *_ in rows(title)
        if kind in ("", block) and not any(re.fullmatch(pattern, name) for name in names)
    ]
    assert not unused, f"docs/bitstream.md lists layers that {case} lacks"


def test_bitstream_tells_the_shapes_of_arrays() -> None:
    """Those that the page gives in numbers, and how many tables a set has, are those of the shipped weights."""
    shapes = {
        name: array.shape
        for model in ("swift", "cheng2020")
        for name, array in load_file(ROOT / "weights" / model / "integers.safetensors").items()
    }
    text = section(BITSTREAM, "The arrays")
    row = re.compile(r"^\| `([a-z.]+\.)(\w+)`((?:, `\.\w+`)*) \| (\([\dM, ]+\)) \|", re.MULTILINE)
    told = {
        stem + name: eval(shape, {"__builtins__": {}}, {"M": 256})
        for stem, first, others, shape in row.findall(text)
        for name in (first, *re.findall(r"\w+", others))
    }
    assert told == {name: shape for name, shape in shapes.items() if name.startswith(("steps.", "grid."))}
    assert "`gaussian`, `laplace`, `laplace_shifted`: 340 tables each" in text
    assert "`inter`, `live`: 408 and 65 tables" in text
    counts = {"gaussian": 340, "laplace": 340, "laplace_shifted": 340, "inter": 408, "live": 65}
    assert {name: shapes[f"tables.{name}.lengths"] for name in counts} == {name: (n,) for name, n in counts.items()}
