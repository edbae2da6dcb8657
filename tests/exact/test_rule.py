"""Nothing that a decoder loads uses an operation outside the rule (docs/determinism.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
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
# Sums of products: spelled out in exact/ alone, where bounds are proved.
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
    ("exact/backends.py", "ldexp"): "numpy's, exact: powers of two",
    ("exact/settings.py", "autocast"): "to switch it off",
    ("quality.py", "exp"): "lambda, which weighs what an encoder decides",
    ("quality.py", "log"): "lambda, which weighs what an encoder decides",
}
MODES = ("intra", "mfvc", "lds", "aligned")
NOT_DECODING = ("cli", "video", "stream", "bench", "train")  # no networks there; video/convert.py runs ffmpeg


def loaded_by_a_decoder(tmp_path: Path, model: str, make_clip) -> list[Path]:
    """The package's files that a process has imported after decoding a stream of each mode."""
    script = f"""
import sys, lvcodec
for mode in {MODES}:
    lvcodec.decode({str(tmp_path)!r} + f"/{{mode}}.lvc", {str(tmp_path)!r} + "/out.y4m", overwrite=True)
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
    from fractions import Fraction

    with open_sink(folder / "clip.y4m", VideoFormat(64, 64, Fraction(25))) as sink:
        for picture in make_clip(64, 64, 3):
            sink.write(picture)
    for mode in MODES:
        lvcodec.encode(folder / "clip.y4m", folder / f"{mode}.lvc", mode=mode, model=random_model)
    return loaded_by_a_decoder(folder, random_model, make_clip)


def violations(path: str, source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        function = node.func if isinstance(node, ast.Call) else None
        name = getattr(function, "attr", getattr(function, "id", None))
        if name == "sqrt" and getattr(getattr(function, "value", None), "id", "") not in ("np", "math"):
            found.append(f"{path}:{node.lineno}: sqrt is numpy's or none")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult) and not path.startswith("exact/"):
            found.append(f"{path}:{node.lineno}: a matrix product outside exact/")
        if name in FORBIDDEN and (path, name) not in ALLOWED:
            found.append(f"{path}:{node.lineno}: {name}")
        if name in SUMS and not path.startswith("exact/"):
            found.append(f"{path}:{node.lineno}: {name} outside exact/")
    return found


def test_decoder_modules_keep_the_rule(decoder_files: list[Path]) -> None:
    paths = [p.relative_to(PACKAGE).as_posix() for p in decoder_files]
    assert "nets/swift.py" in paths and "exact/ops.py" in paths and "codec/modes.py" in paths
    assert "exact/warp.py" in paths and "codec/motion.py" in paths and "encoder/search.py" not in paths
    assert not [p for p in paths if p.startswith("train/") or p == "exact/masters.py"], "a decoder loads training code"
    found = [
        v
        for p in paths
        if not p.startswith(NOT_DECODING)
        for v in violations(p, (PACKAGE / p).read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_cheng2020_keeps_the_rule() -> None:
    for name in ("nets/cheng2020.py", "nets/cheng2020_coding.py", "nets/rgb.py", "exact/gdn.py"):
        assert not violations(name, (PACKAGE / name).read_text(encoding="utf-8"))


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
