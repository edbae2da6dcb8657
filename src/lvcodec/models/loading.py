"""From a model's integers to networks that code, family by family."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec import names, quality
from lvcodec.errors import UsageError, WeightsError
from lvcodec.exact.backends import NATIVE, layers_of, pick_backend
from lvcodec.exact.loaded import needed
from lvcodec.models.store import Arrays, ModelInfo, cached_integers

if TYPE_CHECKING:
    import torch

    from lvcodec.entropy.tables import TableSet
    from lvcodec.nets.coding import Coding


def qualities(info: ModelInfo) -> list[int]:
    """The quality indices at which a model's networks differ in kind."""
    if is_continuous(info):
        return [0, quality.LAST_INDEX]
    return [quality.index_of(whole) for whole in _listed(info)]


def _listed(info: ModelInfo) -> list[int]:
    """The qualities of a model that has a network for each. Raises WeightsError if the manifest names none."""
    listed = info.manifest.get("qualities")
    if not isinstance(listed, list) or not listed or not all(type(q) is int and q in quality.WHOLE for q in listed):
        raise WeightsError(
            f"the manifest in {info.path} names no qualities from {quality.LOWEST} to {quality.HIGHEST}",
            "install the model again",
        )
    return listed


def is_continuous(info: ModelInfo) -> bool:
    """Whether a model has every quality between its lowest and its highest, and not single ones only."""
    return info.family in names.ONE_NETWORK_FAMILIES


def needs_torch(info: ModelInfo, backend: str) -> bool:
    """Whether networks that code are torch's. backend: a name of exact/backends.py, not "auto"."""
    return not (backend == NATIVE and info.family == "swift")


def coding(info: ModelInfo, quality_index: int, device: torch.device | str = "cpu", backend: str = "auto") -> Coding:
    """The networks of a model at one quality. backend: a name of exact/backends.py, or "auto".

    Raises WeightsError if the weights are damaged, UsageError if they have no such quality.
    """
    return build(info, cached_integers(info.path, info.weights_id), quality_index, device, backend)


def build(
    info: ModelInfo, arrays: Arrays, quality_index: int, device: torch.device | str = "cpu", backend: str = "auto"
) -> Coding:
    """The networks of a model at one quality, from integers that are at hand already. Raises as `coding` does."""
    if info.family not in _BUILDERS:
        raise WeightsError(
            f"{info.path} holds a model of an unknown family, {info.family}", "a newer lvcodec may know it"
        )
    backend = pick_backend(backend, device)
    if needs_torch(info, backend):
        needed(f"the {info.family} family" if backend == NATIVE else f"the {backend} backend")
    return _BUILDERS[info.family](info, arrays, quality_index, str(device), backend)


def table_sets(arrays: Arrays, prefix: str = "tables.") -> tuple[dict[str, TableSet], dict[str, NDArray[np.int32]]]:
    """The frequency tables under `prefix`, and the centres of those that have any."""
    from lvcodec.entropy.tables import TableSet

    names = sorted({key[len(prefix) :].rsplit(".", 1)[0] for key in arrays if key.startswith(prefix)})
    try:
        sets = {n: TableSet(arrays[f"{prefix}{n}.counts"], arrays[f"{prefix}{n}.lengths"]) for n in names}
    except KeyError as error:
        raise WeightsError(f"the weights lack {error.args[0]}") from error
    centres = {n: arrays[f"{prefix}{n}.centres"].astype(np.int32) for n in names if f"{prefix}{n}.centres" in arrays}
    return sets, centres


def load_layers(model: torch.nn.Module, arrays: Arrays, prefix: str) -> None:
    """Give every integer layer of a network its integers. Raises WeightsError if one lacks them or its bound fails."""
    import torch

    from lvcodec.exact.ops import layers

    for name, layer in layers(model):
        try:
            parts = [torch.from_numpy(arrays[f"{prefix}{name}.{part}"]) for part in ("weight", "bias", "shift")]
        except KeyError as error:
            raise WeightsError(f"the weights lack {error.args[0]}") from error
        if parts[0].shape != layer.weight.shape:
            raise WeightsError(f"layer {name}: weights of {tuple(parts[0].shape)}, not {tuple(layer.weight.shape)}")
        layer.load_integers(name, parts[0], parts[1], parts[2])


_built: dict[tuple[str, str, str], Any] = {}  # networks do not depend on the quality in swift: built once


def _swift(info: ModelInfo, arrays: Arrays, quality_index: int, device: str, backend: str) -> Coding:
    key = (info.weights_id, device, backend)
    if key not in _built:
        _check_inter(info, arrays)
        made = _swift_by_kernels(info, arrays) if backend == NATIVE else _swift_by_torch(info, arrays, device, backend)
        _built.clear()
        _built[key] = made
    last, at = _built[key]
    if quality_index > last:
        raise UsageError(
            f"quality {quality.of_index(quality_index):g} is not in this swift model",
            f"it has {quality.LOWEST} to {quality.of_index(last):g}",
        )
    coding: Coding = at(quality_index)
    return coding


AtQuality = Callable[[int], "Coding"]


def _check_inter(info: ModelInfo, arrays: Arrays) -> None:
    """Raises WeightsError if there is an inter path, and that has not the qualities of this one."""
    from lvcodec.nets.inter_context import LAST_INTER_INDEX

    rows = arrays.get("steps.inter.inverse")
    if rows is not None and len(rows) != LAST_INTER_INDEX + 1:
        raise WeightsError(f"the inter path in {info.path} is of another lvcodec", "take weights as new as the program")


def _swift_by_kernels(info: ModelInfo, arrays: Arrays) -> tuple[int, AtQuality]:
    """The last quality index, and what gives the networks of each."""
    from lvcodec.nets.shapes import SwiftShape
    from lvcodec.nets.swift_kernels import SwiftKernels, SwiftModel

    model = SwiftModel.of(SwiftShape(**info.manifest["shape"]), arrays, *table_sets(arrays))
    return len(model.steps["gain"]) - 1, lambda quality_index: SwiftKernels(model, quality_index)


def _swift_by_torch(info: ModelInfo, arrays: Arrays, device: str, backend: str) -> tuple[int, AtQuality]:
    import torch

    from lvcodec.exact.ops import use_backend
    from lvcodec.nets.inter_coding import InterCoding
    from lvcodec.nets.shapes import SwiftShape
    from lvcodec.nets.swift import Swift, load_constants, step_tables
    from lvcodec.nets.swift_coding import SwiftCoding

    with torch.device("meta"):  # float masters take no memory: only integers are loaded
        model = Swift(SwiftShape(**info.manifest["shape"]))
    load_layers(model, arrays, "layers.")
    use_backend(model, layers_of(backend))
    steps = {name: table.to(device) for name, table in step_tables(arrays).items()}
    load_constants(model, steps)
    model.eval()
    tables, centres = table_sets(arrays)

    def at(quality_index: int) -> Coding:
        inter = InterCoding(model.inter, steps, tables, quality_index) if model.shape.inter else None
        return SwiftCoding(model, steps, tables, centres, quality_index, inter)

    return len(steps["gain"]) - 1, at


def _cheng2020(info: ModelInfo, arrays: Arrays, quality_index: int, device: str, backend: str) -> Coding:
    import torch

    from lvcodec.exact.ops import use_backend
    from lvcodec.nets.cheng2020 import Cheng2020
    from lvcodec.nets.cheng2020_coding import Cheng2020Coding

    number, listed = quality.of_index(quality_index), _listed(info)
    if number not in listed:
        raise UsageError(f"quality {number:g} is not in this cheng2020 model", f"it has {', '.join(map(str, listed))}")
    whole = int(number)
    key = (f"{info.weights_id} {whole}", device, backend)
    if key not in _built:
        try:
            width, thresholds = info.manifest["shape"]["channels"][str(whole)], arrays["grid.thresholds"]
        except KeyError as error:
            raise WeightsError(f"the weights lack {error.args[0]}") from error
        with torch.device("meta"):
            model = Cheng2020(width)
        load_layers(model, arrays, f"q{whole}.layers.")
        use_backend(model, layers_of("float" if backend == NATIVE else backend).for_wide_networks)
        model.eval()
        shared, _ = table_sets(arrays)
        own, centres = table_sets(arrays, f"q{whole}.tables.")
        _built.clear()
        _built[key] = Cheng2020Coding(model, thresholds, shared | own, centres, device)
    coding: Coding = _built[key]
    return coding


_BUILDERS = {"swift": _swift, "cheng2020": _cheng2020}
