"""Whether a model's weights are what its manifest says, and safe to code with."""

from __future__ import annotations

from lvcodec.models import loading, store
from lvcodec.models.store import ModelInfo


def verify(info: ModelInfo) -> None:
    """Check the hash and every layer's bound, for all qualities. Raises WeightsError if anything is wrong."""
    arrays = store.read_integers(info)
    for quality_index in loading.qualities(info):
        loading.build(info, arrays, quality_index)
