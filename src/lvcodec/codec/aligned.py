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
from lvcodec.codec.later import Pixels, When
from lvcodec.codec.motion import BOTH
from lvcodec.codec.network import Network
from lvcodec.codec.prediction import CodedMotion, code_picture_motion, predicted
from lvcodec.codec.state import State
from lvcodec.entropy.coder import Coder
from lvcodec.nets.inter_context import InterContext, motion_features, remembered
from lvcodec.stream.structure import Step
from lvcodec.video.picture import Picture


@dataclass(frozen=True)
class Aligned:
    """What both sides do."""

    def decode(
        self, references: tuple[State, ...], step: Step, net: Network, coder: Coder, alpha: Fraction, when: When
    ) -> State:
        """See codec.modes.Mode."""
        coded = code_picture_motion(None, references, step, coder)
        context = inter_context(coded, references, net)
        symbols = code_inter(None, context, net.inter, coder)

        def pixels() -> Picture:
            return reconstruct_inter(predicted(coded.motion, references, step), symbols, context, net.inter)

        return state_after(when(pixels), coded, symbols, context, net)


def inter_context(coded: CodedMotion, references: tuple[State, ...], net: Network) -> InterContext:
    """What is known of a picture before its symbols are."""
    kept = [InterReference(state.quality_index, state.history) for state in references]
    moved, direction = coded.motion, coded.motion.direction
    single = np.zeros(moved.field.shape[1:], dtype=bool) if direction is None else direction != BOTH
    return context_of(
        (kept[0], kept[-1]),
        motion_features(moved.field, single, moved.side),
        net.inter,
        distance=coded.span,
        b_picture=direction is not None,
    )


def state_after(pixels: Pixels, coded: CodedMotion, symbols: Ints, context: InterContext, net: Network) -> State:
    """The state after a picture of these pixels, motion and symbols, (places, M)."""
    return State(
        pixels,
        net.quality_index,
        motion=coded.motion,
        span=coded.span,
        counts=coded.counts,
        seen=coded.seen,
        history=remembered(context, symbols),
    )
