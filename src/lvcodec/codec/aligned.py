"""The mode `aligned`: P- and B-pictures predicted through motion, and what the prediction lacks, by the inter path.

references ─► motion ─► prediction ──────────────────────────────► + ─► x_hat
└─► history, motion, quality ─► context ─► live, residual ─┘
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lvcodec.arrays import Ints
from lvcodec.codec.inter import InterReference, code_inter, context_of, reconstruct_inter
from lvcodec.codec.motion import BOTH
from lvcodec.codec.network import Network
from lvcodec.codec.prediction import Prediction, code_prediction
from lvcodec.codec.state import State
from lvcodec.entropy.coder import Coder
from lvcodec.nets.inter_context import InterContext, remembered
from lvcodec.stream.structure import Step


@dataclass(frozen=True)
class Aligned:
    """What both sides do."""

    def decode(self, references: tuple[State, ...], step: Step, net: Network, coder: Coder, alpha: Fraction) -> State:
        """See codec.modes.Mode."""
        prediction = code_prediction(None, references, step, coder)
        context = inter_context(prediction, references, net)
        return state_after(prediction, code_inter(None, context, net.inter, coder), context, net)


def inter_context(prediction: Prediction, references: tuple[State, ...], net: Network) -> InterContext:
    """What is known of a picture before its symbols are."""
    kept = [InterReference(state.quality_index, state.history) for state in references]
    field, direction = prediction.motion.field, prediction.motion.direction
    return context_of(
        (kept[0], kept[-1]),
        field,
        np.zeros(field.shape[1:], dtype=bool) if direction is None else direction != BOTH,
        net.inter,
        distance=prediction.span,
        b_picture=direction is not None,
    )


def state_after(prediction: Prediction, symbols: Ints, context: InterContext, net: Network) -> State:
    """The picture of a prediction and its symbols, (places, M), and the state after it."""
    return State(
        reconstruct_inter(prediction.picture, symbols, context, net.inter),
        net.quality_index,
        field=prediction.motion.field,
        span=prediction.span,
        counts=prediction.counts,
        seen=prediction.seen,
        history=remembered(context, symbols),
    )
