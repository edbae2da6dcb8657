"""Whether a model's weights are what its manifest says, and safe to code with."""

from __future__ import annotations

from lvcodec.exact.backends import NATIVE
from lvcodec.exact.loaded import has_torch
from lvcodec.models import canary, loading, store
from lvcodec.models.store import ModelInfo


def verify(info: ModelInfo) -> None:
    """Check the hash and every layer's bound, for all qualities. Raises WeightsError if anything is wrong."""
    arrays = store.read_integers(info)
    for quality_index in loading.qualities(info):
        if has_torch():
            loading.build(info, arrays, quality_index, backend="reference")
        elif not loading.needs_torch(info, NATIVE):  # the kernels' networks prove layers as they are used
            canary.digest(loading.build(info, arrays, quality_index))
