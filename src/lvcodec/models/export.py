"""From float networks to shipped integers: layers, quantiser steps, frequency tables, manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.entropy import grid
from lvcodec.entropy.tables import TableSet

if TYPE_CHECKING:
    from torch import nn

    from lvcodec.nets.swift import Swift

PRIORS = ("z_intra", "z_p", "z_bfd")  # of the hyper-latents of I-pictures, P-pictures and the shift's repair
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

    largest = {}
    for name, layer in layers(model):
        weight, bias, _ = masters.integers(name, layer)
        largest[name] = int(bounds.sum_bound(layer.per_output(weight).numpy(), bias.numpy(), layer.in_max).max())
    return largest


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
    """All integers of a swift model; pmfs: by the names of PRIORS."""
    from lvcodec.models.inter_steps import inter_arrays
    from lvcodec.models.steps import export_steps
    from lvcodec.nets.shapes import STEPS

    arrays = layer_arrays(model)
    arrays.update({STEPS + k: v.numpy() for k, v in export_steps(model).items()})
    arrays.update(table_arrays())
    for name, pmf in pmfs.items():
        arrays.update(prior_arrays(name, pmf))
    if model.shape.inter:
        arrays.update(inter_arrays(model.inter))
    return arrays
