"""What a P- or B-picture of `aligned` is predicted from: its references, seen through its motion.

    references ─► the motion that is expected ─► motion, coded against that ──┬─► what motion's tables learn
    their pixels ─────────────────────────────────────────────────────────────┴─► prediction

A P-picture's motion is expected to be that of its reference, as fast in time. A B-picture's is expected to be that of
the picture between whose references it lies (temporal direct), as long as one of its own references is away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lvcodec.codec import motion
from lvcodec.codec.counts import Counts, Seen
from lvcodec.codec.motion import Field, Motion
from lvcodec.codec.state import State
from lvcodec.entropy.coder import Coder
from lvcodec.stream.structure import Step, Structure
from lvcodec.video.picture import Picture


@dataclass(frozen=True)
class Expected:
    """What both sides know of a picture's motion before it is coded.

    side, field: blocks and vectors as in Motion; span: the pictures that they span; counts: of motion's tables.
    """

    side: int
    field: Field
    span: int
    counts: Counts


@dataclass(frozen=True)
class CodedMotion:
    """A picture's motion, and what it leaves behind."""

    motion: Motion
    span: int
    counts: Counts
    seen: Seen


def expected(references: tuple[State, ...], step: Step) -> Expected:
    """What motion is expected of a picture. references: the states after those, the earlier first."""
    parent = references[step.references.index(step.before if step.parent is None else step.parent)]
    span = max(abs(step.at - at) for at in step.references)
    known = parent.motion
    if known is None:  # of the I-picture
        side = motion.side_at(parent.quality_index)
        return Expected(side, motion.still(parent.x_hat.height, parent.x_hat.width, side), span, parent.counts)
    return Expected(known.side, motion.scaled(known.field, span, parent.span), span, parent.counts)


def code_picture_motion(found: Motion | None, references: tuple[State, ...], step: Step, coder: Coder) -> CodedMotion:
    """Code a picture's motion. found: the motion to write, None to read it."""
    before = expected(references, step)
    found, seen = motion.code_motion(found, before.field, before.side, before.counts, coder, two=step.after is not None)
    return CodedMotion(found, before.span, before.counts.updated([seen]), seen)


def predicted(found: Motion, references: tuple[State, ...], step: Step) -> Picture:
    """What its motion makes of a picture's references."""
    if step.after is None:
        return motion.predict(references[0].x_hat, found)
    earlier, later = (reference.x_hat for reference in references)
    return motion.predict_both(earlier, later, found, step.at - step.before, step.after - step.at)


def after_group(structure: Structure, last: State, counts: Counts, seen: Sequence[Seen | None]) -> State:
    """The state that the next group goes on from.

    last: that of the group's last picture; counts: those before the group; seen: what its pictures coded. Pictures of a
    pyramid learn of their parents alone, so that they can be coded side by side; what comes after it learns of all.
    """
    if not structure.pyramid:
        return last
    return replace(last, counts=counts.updated([one for one in seen if one is not None]))
