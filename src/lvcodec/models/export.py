"""From float networks to shipped integers: layers, quantiser steps, frequency tables, manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.entropy import grid
from lvcodec.entropy.tables import TableSet
from lvcodec.models import store

if TYPE_CHECKING:
    from torch import nn

    from lvcodec.nets.swift import Swift

PMF_REACH = 127


def layer_arrays(model: nn.Module, prefix: str = "layers.") -> dict[str, NDArray[Any]]:
    """The integers of every layer of a network, in the narrowest types that hold them.

    Raises WeightsError if a layer's sums could round.
    """
    from lvcodec.exact import masters
    from lvcodec.exact.ops import layers

    arrays = {}
    for name, layer in layers(model):
        for part, tensor in zip(("weight", "bias", "shift"), masters.integers(name, layer), strict=True):
            arrays[f"{prefix}{name}.{part}"] = _narrow(tensor.numpy())
    return arrays


def largest_sums(model: nn.Module) -> dict[str, int]:
    """For each layer, the bound of its sums (exact/bounds.py), for the manifest."""
    from lvcodec.exact import bounds, masters
    from lvcodec.exact.ops import layers

    found = {}
    for name, layer in layers(model):
        weight, bias, _ = masters.integers(name, layer)
        found[name] = int(bounds.sum_bound(layer.per_output(weight), bias, layer.in_max).max())
    return found


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    peak = int(np.abs(array).max()) if array.size else 0
    kinds = ((2**7, np.int8), (2**15, np.int16), (2**31, np.int32), (2**63, np.int64))
    return array.astype(next(kind for limit, kind in kinds if peak < limit))


def table_arrays(prefix: str = "tables.") -> dict[str, NDArray[Any]]:
    """The tables of the scale grid: Gaussian for I-pictures, Laplace and its push-forward for P-pictures."""
    from lvcodec.entropy.builders import push_forward_tables, scale_grid_tables

    scales, fractions = grid.scales(), grid.fractions()
    return {
        **_set_arrays(f"{prefix}gaussian", scale_grid_tables("gaussian", scales, fractions)),
        **_set_arrays(f"{prefix}laplace", scale_grid_tables("laplace", scales, fractions)),
        **_set_arrays(f"{prefix}laplace_shifted", push_forward_tables("laplace", scales, fractions)),
    }


def prior_arrays(name: str, pmf: NDArray[np.float64], prefix: str = "tables.") -> dict[str, NDArray[Any]]:
    """The tables of a hyper-latent from its learned probabilities, (C, 2 * PMF_REACH + 1) around zero."""
    from lvcodec.entropy.builders import factorised_tables

    sets, centres = factorised_tables(pmf, np.full(len(pmf), -(pmf.shape[1] // 2), dtype=np.int64))
    return {**_set_arrays(prefix + name, sets), f"{prefix}{name}.centres": centres}


def _set_arrays(name: str, tables: TableSet) -> dict[str, NDArray[Any]]:
    return {f"{name}.counts": tables.counts, f"{name}.lengths": tables.lengths}


def flat_pmf(channels: int, spread: float = 3.0) -> NDArray[np.float64]:
    """A two-sided geometric prior for hyper-latents of untrained networks, (channels, 2 * PMF_REACH + 1)."""
    row = np.exp(-np.abs(np.arange(-PMF_REACH, PMF_REACH + 1)) / spread)
    return np.tile(row / row.sum(), (channels, 1))


def swift_arrays(model: Swift, pmfs: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[Any]]:
    """All integers of a swift model; pmfs: of z_intra, z_p and z_bfd."""
    from lvcodec.models.steps import export_steps

    arrays = layer_arrays(model)
    arrays.update({f"steps.{k}": v.numpy() for k, v in export_steps(model).items()})
    arrays.update(table_arrays())
    for name, pmf in pmfs.items():
        arrays.update(prior_arrays(name, pmf))
    return arrays


def init_random(
    family: str, target: Path, *, seed: int = 0, overwrite: bool = False, qualities: list[int] | None = None
) -> store.ModelInfo:
    """A model with random weights, for tests and timings: it codes exactly and compresses badly.

    qualities: of cheng2020, 1..6 (one network each); a swift model always has all.
    """
    import torch

    torch.manual_seed(seed)
    about: dict[str, Any] = {"about": f"random weights, seed {seed}: for tests and timings"}
    if family == "swift":
        from lvcodec.nets.swift import Swift, SwiftShape

        shape = SwiftShape()
        model = Swift(shape)
        randomise(model)
        arrays = swift_arrays(
            model,
            {"z_intra": flat_pmf(shape.z_channels), "z_p": flat_pmf(shape.temporal), "z_bfd": flat_pmf(shape.temporal)},
        )
        return store.write(
            target,
            name=target.name,
            family=family,
            shape=shape.as_dict(),
            arrays=arrays,
            about=about,
            overwrite=overwrite,
        )
    from lvcodec.models import importers

    return importers.random_cheng2020(target, qualities or [1], about, overwrite=overwrite)


def randomise(model: Swift) -> None:
    """Make an untrained swift model code something: a block cosine transform as linear path, steps and deviations to
    match, and small random numbers in the layers that start at zero.
    """
    import torch

    from lvcodec.exact.ops import layers
    from lvcodec.nets.swift import LAMBDAS, UNITS_PER_COEFFICIENT

    basis, frequency = _cosine_patches()
    order = np.argsort(frequency, kind="stable")[: model.shape.latent]
    deviation = torch.from_numpy(400.0 / (1 + frequency[order]) ** 1.3).float()
    centre = 1 if model.shape.lapped else 0
    with torch.no_grad():
        for _, layer in layers(model):
            if not layer.weight.any():
                fan_in = layer.weight[0].numel()
                layer.weight.normal_(std=0.1 / fan_in**0.5)
        for linear, rows in ((model.enc_linear, basis[order]), (model.dec_linear, basis[order].T)):
            linear.weight.zero_()
            linear.weight[:, :, centre, centre] = torch.from_numpy(np.ascontiguousarray(rows)).float()
        model.log_step.copy_(0.5 * torch.log(12 * 0.72 / torch.tensor(LAMBDAS)).unsqueeze(1).expand_as(model.log_step))
        model.norm.copy_((16 / (UNITS_PER_COEFFICIENT * deviation)).view(1, -1, 1, 1))
        model.spread.copy_((UNITS_PER_COEFFICIENT * deviation / 256).view(1, -1, 1, 1))


def _cosine_patches() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(384, 384) orthonormal cosine basis of a 4:2:0 patch, rows in the networks' channel order as columns, and the
    frequency of each row relative to its block.
    """
    rows, frequencies = np.zeros((384, 384)), np.zeros(384)
    start = 0
    for side, first in ((16, 0), (8, 64), (8, 80)):
        n = np.arange(side)
        cosines = np.cos(np.pi * (2 * n[None] + 1) * n[:, None] / (2 * side)) * (2 / side) ** 0.5
        cosines[0] *= 0.5**0.5
        half = side // 2
        # pixel (a * half + i, b * half + j) is channel ((first + i * half + j), a, b) of the two pixel unshuffles
        row, column = np.divmod(np.arange(side * side), side)
        channel = (first + (row % half) * half + column % half) * 4 + (row // half) * 2 + column // half
        for u in range(side):
            for v in range(side):
                rows[start, channel] = np.outer(cosines[u], cosines[v]).ravel()[np.arange(side * side)]
                frequencies[start] = (u + v) * 16 / side
                start += 1
    return rows, frequencies
