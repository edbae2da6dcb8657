"""I-pictures of high quality, in two steps: an I-picture of a lower quality, then what it lacks by the inter path.

    x ─► I-picture at BASE_INDEX ─► x_hat, as a prediction that does not move ─► inter path, finer by FINER ─► x_hat

The auto-encoder loses to x264 where errors are small (docs/decisions.md#i-pictures-in-two-steps).
"""

from __future__ import annotations

import numpy as np

from lvcodec.codec.inter import InterReference, code_inter, context_of, reconstruct_inter
from lvcodec.codec.later import Compute, When
from lvcodec.codec.network import Network
from lvcodec.codec.state import State
from lvcodec.entropy.coder import Coder
from lvcodec.exact import warp
from lvcodec.nets.coding import InterPath
from lvcodec.nets.inter_context import InterContext

BASE_INDEX = 80  # quality 5
REFINED_FROM = 101  # quality indices from this on, so beyond quality 6
FINER = 40  # the inter path's quality index is this much above the picture's: it pays a quarter of lambda for errors
STILL = 0  # the distance to a prediction of the same picture


def is_refined(net: Network) -> bool:
    """Whether an I-picture of this quality takes two steps, in modes that do not refer to its latents."""
    return net.coding.inter is not None and net.quality_index >= REFINED_FROM


def finer_path(net: Network) -> InterPath:
    """The inter path as it codes the second step."""
    return net.inter.at(net.quality_index + FINER)


def refinement_context(net: Network, path: InterPath) -> InterContext:
    """What is known of the second step before its symbols are."""
    field = np.zeros(warp.field_shape(net.height, net.width), dtype=np.int32)
    base = InterReference(BASE_INDEX)
    single = np.zeros(field.shape[1:], dtype=bool)
    return context_of((base, base), field, single, path, distance=STILL, b_picture=False)


def decode_refinement(net: Network, base: Compute, coder: Coder, when: When) -> State:
    """Read the second step. base: computes the picture that the first step made. Returns the state after both."""
    path = finer_path(net)
    context = refinement_context(net, path)
    symbols = code_inter(None, context, path, coder)
    return State(when(lambda: reconstruct_inter(base(), symbols, context, path)), net.quality_index)
