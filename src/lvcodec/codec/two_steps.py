"""I-pictures of high quality, in two steps: an I-picture of a lower quality, then what it lacks by the inter path.

    x ─► I-picture at FIRST_INDEX ─► x_hat, as a prediction that does not move ─► inter path, finer by FINER ─► x_hat

The auto-encoder loses to x264 where errors are small (docs/decisions.md#i-pictures-in-two-steps).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from lvcodec.codec.inter import InterReference, code_inter, context_of, reconstruct_inter
from lvcodec.codec.later import Compute, When
from lvcodec.codec.motion import still
from lvcodec.codec.network import Network
from lvcodec.codec.state import State
from lvcodec.entropy.coder import Coder
from lvcodec.exact import warp
from lvcodec.nets.coding import InterPath
from lvcodec.nets.inter_context import InterContext, motion_features

FIRST_INDEX = 50  # quality 3.5
FROM_INDEX = 81  # quality indices from this on, so beyond quality 5
# The inter path pays a quarter of a quality's lambda: two qualities above the picture's, 0.93 of the picture's own.
FINER = 40
STILL = 0  # the distance to a prediction of the same picture


AnyNetwork = TypeVar("AnyNetwork", bound=Network)


def takes_two_steps(quality_index: int) -> bool:
    """Whether an I-picture of this quality takes two steps, in modes that do not refer to its latents."""
    return quality_index >= FROM_INDEX


def with_first_step(net: AnyNetwork, at: Callable[[int], AnyNetwork]) -> AnyNetwork:
    """The network, with that of the first step where there is one. at: gives that of a quality index."""
    if takes_two_steps(net.quality_index) and net.coding.inter is not None:
        net.first_step = at(FIRST_INDEX)
    return net


def second_path(net: Network) -> InterPath:
    """The inter path as it codes the second step."""
    return net.inter.at(net.quality_index + FINER)


def second_context(net: Network, path: InterPath) -> InterContext:
    """What is known of the second step before its symbols are."""
    field = still(net.height, net.width, warp.COARSE_SIDE)
    first = InterReference(FIRST_INDEX)
    motion = motion_features(field, np.zeros(field.shape[1:], dtype=bool), warp.COARSE_SIDE)
    return context_of((first, first), motion, path, distance=STILL, b_picture=False)


def decode_second(net: Network, first: Compute, coder: Coder, when: When) -> State:
    """Read the second step. first: computes the picture that the first step made. Returns the state after both."""
    path = second_path(net)
    context = second_context(net, path)
    symbols = code_inter(None, context, path, coder)
    return State(when(lambda: reconstruct_inter(first(), symbols, context, path)), net.quality_index)
