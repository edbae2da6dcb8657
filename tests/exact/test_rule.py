"""Nothing that a decoder loads uses an operation outside the rule (docs/determinism.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "lvcodec"
# Not correctly rounded, or dependent on the order of a sum: none of these in the decoder's modules.
FORBIDDEN = {
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "pow",
    "float_power",
    "tanh",
    "sigmoid",
    "softmax",
    "log_softmax",
    "softplus",
    "silu",
    "gelu",
    "elu",
    "erf",
    "erfc",
    "erfinv",
    "sin",
    "cos",
    "tan",
    "atan",
    "rsqrt",
    "mean",
    "var",
    "std",
    "norm",
    "layer_norm",
    "group_norm",
    "batch_norm",
    "interpolate",
    "grid_sample",
    "lerp",
    "addcmul",
    "addcdiv",
    "softmin",
    "logsumexp",
    "cumsum",
    "cumprod",
    "prod",
    "ldexp",
    "hypot",
    "BatchNorm2d",
    "LayerNorm",
    "Upsample",
    "compile",
    "autocast",
    "rand",
    "randn",
}
# Sums of products: spelled out in exact/ and native/ alone, where bounds are proved.
SUMS = {
    "conv2d",
    "conv_transpose2d",
    "conv1d",
    "linear",
    "matmul",
    "mm",
    "bmm",
    "einsum",
    "addmm",
    "dot",
    "tensordot",
    "Conv2d",
    "ConvTranspose2d",
    "Linear",
}
# What may stay, by file and name: says why.
ALLOWED = {
    ("entropy/tables.py", "log2"): "the accounts of bits: reported, never coded with",
    ("entropy/tables.py", "cumsum"): "integers, int64",
    ("native/self_test.py", "cumsum"): "integers, int64",
    ("exact/convolution.py", "ldexp"): "numpy's, exact: powers of two",
    ("exact/layers.py", "ldexp"): "numpy's, exact: powers of two",
    ("exact/settings.py", "autocast"): "to switch it off",
    ("quality.py", "exp"): "lambda, by which encoders decide",
    ("quality.py", "log"): "lambda, by which encoders decide",
}
MODES = ("intra", "mfvc", "lds", "aligned")
NOT_DECODING = ("encoder", "train", "bench", "measure", "cli")  # all else in src is under the rule, but for:
NEVER_LOADED = {  # by file: says why a decoder does without
    "entropy/builders.py": "frequency tables from distributions, at export",
    "entropy/rates.py": "what symbols will cost: for encoders and training",
    "exact/masters.py": "float weights to integers: training and export",
    "models/export.py": "float networks to shipped integers",
    "models/importers.py": "foreign checkpoints to shipped integers",
    "models/steps.py": "learned steps to integer tables: training and export",
    "models/inter_steps.py": "the same of the inter path",
    "models/untrained.py": "random and neutral networks",
}


def under_the_rule() -> list[str]:
    paths = [path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py"))]
    return [path for path in paths if path.split("/")[0] not in NOT_DECODING and path not in NEVER_LOADED]


def loaded_by_a_decoder(tmp_path: Path) -> list[Path]:
    """The package's files that a process has imported after decoding a stream of each mode, by torch and without."""
    script = f"""
import sys, lvcodec
for mode in {MODES}:
    for backend in ("auto", "float"):
        lvcodec.decode(
            {str(tmp_path)!r} + f"/{{mode}}.lvc", {str(tmp_path)!r} + "/out.y4m", overwrite=True, backend=backend
        )
assert "cv2" not in sys.modules, "a decoder loads the search's library"
print("\\n".join(m.__file__ for n, m in sys.modules.items() if n.startswith("lvcodec") and m.__file__))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [Path(line) for line in done.stdout.split("\n") if line]


@pytest.fixture(scope="module")
def decoder_files(tmp_path_factory, random_model, make_clip) -> list[Path]:
    import lvcodec
    from lvcodec.video.format import VideoFormat
    from lvcodec.video.sink import open_sink

    folder = tmp_path_factory.mktemp("decoder")
    with open_sink(folder / "clip.y4m", VideoFormat(64, 64, Fraction(25))) as sink:
        for picture in make_clip(64, 64, 3):
            sink.write(picture)
    for mode in MODES:
        lvcodec.encode(folder / "clip.y4m", folder / f"{mode}.lvc", mode=mode, model=random_model)
    return loaded_by_a_decoder(folder)


def violations(path: str, source: str) -> list[str]:
    seen = []
    for node in ast.walk(ast.parse(source)):
        function = node.func if isinstance(node, ast.Call) else None
        name = getattr(function, "attr", getattr(function, "id", None))
        owner = getattr(getattr(function, "value", None), "id", "")
        if name == "sqrt" and owner not in ("np", "math"):
            seen.append(f"{path}:{node.lineno}: sqrt is numpy's or none")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult) and not path.startswith("exact/"):
            seen.append(f"{path}:{node.lineno}: a matrix product outside exact/")
        if name in FORBIDDEN and owner != "re" and (path, name) not in ALLOWED:
            seen.append(f"{path}:{node.lineno}: {name}")
        if name in SUMS and not path.startswith(("exact/", "native/")):
            seen.append(f"{path}:{node.lineno}: {name} outside exact/ and native/")
    return seen


def test_all_that_may_decode_keeps_the_rule() -> None:
    paths = under_the_rule()
    assert {"nets/swift.py", "nets/cheng2020.py", "exact/ops.py", "exact/gdn.py", "codec/modes.py"} < set(paths)
    broken = [line for path in paths for line in violations(path, (PACKAGE / path).read_text(encoding="utf-8"))]
    assert not broken, "\n".join(broken)


def test_what_is_exempt_is_not_loaded(decoder_files: list[Path]) -> None:
    """By a process that decodes streams of all modes."""
    paths = [p.relative_to(PACKAGE).as_posix() for p in decoder_files]
    assert "nets/swift.py" in paths and "exact/warp.py" in paths and "codec/motion.py" in paths
    assert "encoder/search.py" not in paths and not [p for p in paths if p.startswith(("train/", "bench/"))]
    assert not NEVER_LOADED.keys() & set(paths), "a decoder loads what only encoders or training need"


def test_exemptions_are_needed() -> None:
    for path in NEVER_LOADED:
        assert violations(path, (PACKAGE / path).read_text(encoding="utf-8")), f"{path} keeps the rule by itself"


@pytest.mark.parametrize(
    "line",
    [
        "torch.exp(x)",
        "x.mean()",
        "torch.sqrt(x)",
        "F.conv2d(x, w)",
        "x @ w",
        "nn.Linear(1, 1)",
        "F.interpolate(x)",
    ],
)
def test_the_lint_sees(line: str) -> None:
    assert violations("nets/swift.py", f"def f(x, w):\n    return {line}\n")
