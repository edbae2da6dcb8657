"""Shipped weights: a folder a model, with manifest.json and integers.safetensors.

A model is identified by a SHA-256 over its family, its sizes and all its integers in a canonical order; streams
carry the first eight bytes. Reading checks the hash; loading.py, layer by layer, that no sum can round.

Models are looked for in the folder inside the package, then in those of the environment variable LVCODEC_MODELS
(separated as in PATH), then in ~/.local/share/lvcodec/models.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec import names
from lvcodec.errors import WeightsError

MANIFEST = "manifest.json"
INTEGERS = "integers.safetensors"
MASTERS = "masters.safetensors"  # for training on (train/results/masters.py); no decoder reads them
ID_BYTES = 8

Arrays = dict[str, NDArray[Any]]  # by name, as the files have them


@dataclass(frozen=True)
class ModelInfo:
    """A model in the store.

    weights_id: hexadecimal, 16 digits; size_bytes: of the integers; alpha: the length of the shift that its LCM was
    trained for, 1 or 1/2; with 1/2 it can do with 1 too.
    """

    name: str
    family: str
    path: Path
    weights_id: str
    size_bytes: int
    manifest: Mapping[str, Any]
    alpha: Fraction = Fraction(1)


def search_path() -> list[Path]:
    """The folders that models are looked for in, first one first."""
    package = Path(__file__).parents[1]
    packed = package / "weights"
    folders = [packed if packed.is_dir() else package.parents[1] / "weights"]
    folders += [Path(part) for part in os.environ.get("LVCODEC_MODELS", "").split(os.pathsep) if part]
    return [*folders, Path.home() / ".local" / "share" / "lvcodec" / "models"]


def read_info(folder: Path) -> ModelInfo:
    """A model's manifest. Raises WeightsError if the folder does not hold a model."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        size = (folder / INTEGERS).stat().st_size
        name, family, digest = (str(manifest[key]) for key in ("name", "family", "sha256"))
        alpha = manifest.get("alpha", 1)
        if not alpha or alpha not in names.ALPHAS:
            raise ValueError(f"alpha is {alpha}, not 1 or 0.5")
        return ModelInfo(name, family, folder, digest[: 2 * ID_BYTES], size, manifest, Fraction(alpha))
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"the manifest lacks {error}" if isinstance(error, KeyError) else error
        raise WeightsError(f"no model in {folder}: {why}", "lvcodec models list shows what is there") from error


def installed(broken: list[WeightsError] | None = None) -> list[ModelInfo]:
    """All models on the search path; of two with one name, the first.

    Folders whose model cannot be read are passed over; why is added to `broken`.
    """
    by_name: dict[str, ModelInfo] = {}
    for base in search_path():
        if base.is_dir():
            for folder in sorted(p.parent for p in base.glob(f"*/{MANIFEST}")):
                try:
                    info = read_info(folder)
                except WeightsError as error:
                    if broken is not None:
                        broken.append(error)
                    continue
                by_name.setdefault(info.name, info)
    return list(by_name.values())


def _first(fits: Callable[[ModelInfo], bool], message: str, hint: str) -> ModelInfo:
    """The first installed model that fits. Raises WeightsError with `message` if none does."""
    broken: list[WeightsError] = []
    for info in installed(broken):
        if fits(info):
            return info
    raise WeightsError(message, "; ".join([hint, *(error.message for error in broken)]))


def find(name_or_path: str | os.PathLike[str]) -> ModelInfo:
    """A model by its folder or its name. Raises WeightsError if there is none."""
    path = Path(name_or_path)
    if (path / MANIFEST).is_file():
        return read_info(path)
    return _first(
        lambda info: info.name == str(name_or_path),
        f"no model is called {name_or_path}",
        "lvcodec models list shows what is there",
    )


def default_of(family: str) -> ModelInfo:
    """The first model of a family. Raises WeightsError if there is none."""
    return _first(
        lambda info: info.family == family,
        f"no weights of the {family} family are installed",
        "make some with lvcodec models init or import, and name them with --model",
    )


def by_id(weights_id: bytes) -> ModelInfo:
    """The model that a stream was made with. Raises WeightsError if it is not installed."""
    return _first(
        lambda info: info.weights_id == weights_id.hex(),
        f"the stream was made with weights {weights_id.hex()}, which are not installed",
        "put the model's folder where the environment variable LVCODEC_MODELS points",
    )


def fingerprint(family: str, shape: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256, hexadecimal, over family, sizes and integers; independent of how the file orders them."""
    digest = hashlib.sha256(f"{family}\n{json.dumps(dict(shape), sort_keys=True)}\n".encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {array.dtype.str[1:]} {array.shape}\n".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def read_integers(info: ModelInfo) -> Arrays:
    """All integers of a model, checked against the manifest's hash.

    Raises WeightsError if the file is missing, damaged or another model's.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays: dict[str, NDArray[Any]] = load_file(info.path / INTEGERS)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read the weights in {info.path}: {error}") from error
    digest = fingerprint(info.family, info.manifest.get("shape", {}), arrays)
    if digest != info.manifest["sha256"]:
        raise WeightsError(
            f"the weights in {info.path} are damaged: their hash is {digest[:16]}, not {info.weights_id}",
            "install the model again",
        )
    return arrays


def write(
    folder: Path,
    *,
    name: str,
    family: str,
    shape: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    about: Mapping[str, Any],
    overwrite: bool,
) -> ModelInfo:
    """Put a model into `folder` (made if need be). Raises WeightsError if one is there and `overwrite` is not set."""
    from safetensors.numpy import save_file

    if (folder / MANIFEST).exists() and not overwrite:
        raise WeightsError(f"{folder} already holds a model", "-y replaces it")
    manifest = {
        "name": name,
        "family": family,
        "sha256": fingerprint(family, shape, arrays),
        "shape": dict(shape),
        **about,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / (INTEGERS + ".partial")
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, partial)
        partial.chmod(0o644)  # safetensors makes files for their owner alone
        partial.replace(folder / INTEGERS)
    except OSError as error:
        raise WeightsError(f"cannot write the model to {folder}: {error.strerror}") from error
    write_manifest(folder, manifest)
    return read_info(folder)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Put a manifest into a model's folder, whole or not at all. Raises WeightsError if it cannot be written."""
    partial = folder / (MANIFEST + ".partial")
    try:
        partial.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        partial.replace(folder / MANIFEST)
    except OSError as error:
        raise WeightsError(f"cannot write the manifest in {folder}: {error.strerror}") from error


@lru_cache(maxsize=2)
def cached_integers(path: Path, weights_id: str) -> Arrays:
    """The integers of a model in `path`, read once; `weights_id` keys the cache."""
    return read_integers(read_info(path))
