"""The decoded picture buffer: what later pictures refer to, and pictures that wait to be shown.

    records, in the order of coding ─► references ─► decode ─► add ─► pictures, in the order of display

A GOP begins with an I-picture, and its groups follow each other: a group refers to the last picture of the one before
it, and to its own. So it holds that one, those of its group that are still referred to, and those that others come
before.
"""

from __future__ import annotations

from lvcodec.codec.counts import Counts, Seen
from lvcodec.codec.later import Pixels
from lvcodec.codec.prediction import after_group
from lvcodec.codec.state import State
from lvcodec.stream.records import PictureRecord


class DecodedPictures:
    """Of one GOP. Pictures may be missing: those that depend on them have no references, and are missing too."""

    def __init__(self) -> None:
        self._states: dict[int, State] = {}
        self._hidden: dict[int, Pixels] = {}
        self._next: int | None = None  # number of the picture to show next; None before the first
        self._counts = Counts.fresh()  # before the group
        self._seen: list[Seen | None] = []  # in it so far

    def references(self, record: PictureRecord) -> tuple[State, ...] | None:
        """The states of the pictures that one is predicted from, the earlier first; None if one is missing."""
        states = [self._states.get(number) for number in record.references]
        present = tuple(state for state in states if state is not None)
        return present if len(present) == len(states) else None

    def add(self, record: PictureRecord, state: State | None) -> list[tuple[int, Pixels]]:
        """Keep a picture, None if it is missing; then the pictures that can be shown, with their numbers, in order."""
        if state is not None:
            self._states[record.number] = state
            self._hidden[record.number] = state.pixels
            self._seen.append(state.seen)
        if record.last_of_group:
            self._end_group(record)
        if self._next is None:
            self._next = record.base + (record.structure is not None)
        needed = _needed_after(record)
        self._states = {number: kept for number, kept in self._states.items() if number in needed}
        shown: list[tuple[int, Pixels]] = []
        for number in sorted(self._hidden):
            if number == self._next or record.last_of_group:
                shown.append((number, self._hidden.pop(number)))
                self._next = number + 1
        return shown

    def _end_group(self, record: PictureRecord) -> None:
        """What comes next goes on from the last picture, which must be there, and all others of a pyramid."""
        structure, number = record.structure, record.base + (record.structure.pictures if record.structure else 0)
        last = self._states.get(number)
        if structure is not None and last is not None:
            last = (
                after_group(structure, last, self._counts, self._seen)
                if len(self._seen) == structure.pictures
                else None
            )
        self._states = {} if last is None else {number: last}
        self._counts = Counts.fresh() if last is None else last.counts
        self._seen = []


def _needed_after(record: PictureRecord) -> set[int]:
    """Numbers of the pictures that others refer to once this one has been decoded."""
    if record.structure is None or record.step is None:
        return {record.number}
    steps = record.structure.steps
    later = steps[steps.index(record.step) + 1 :]
    positions = {record.structure.pictures, *(at for step in later for at in step.references)}
    return {record.base + at for at in positions}
