"""How far a stream has come, and what the next record means there: the same for writer and reader.

progress, group ─► problem: why it cannot stand here
               └─► take: its pictures, with their numbers, kinds and qualities
"""

from __future__ import annotations

from collections.abc import Iterator

from lvcodec import names
from lvcodec.stream.header import Header
from lvcodec.stream.records import Group, PictureRecord
from lvcodec.stream.structure import Shift, Step, Structure


class Progress:
    """number: pictures so far, which is the number of the next one."""

    def __init__(self, header: Header) -> None:
        self.number = 0
        self._header = header
        self._since_intra = 0  # pictures since the last I-picture, that in; 0 before any
        self._intra_quality = 0

    def jump(self, number: int) -> None:
        """Go on at the I-picture of this number, or the end after as many pictures."""
        self.number, self._since_intra = number, 0

    def problem(self, structure: Structure | None) -> str | None:
        """Why a group of this structure (None: an I-picture) may not follow; None if it may."""
        if structure is None:
            return None
        mode, longest = self._header.mode, self._header.gop
        if structure.pyramid and structure.pictures < 2:
            return "a pyramid of one picture"
        if mode == "intra":
            return "a P-picture in a stream of mode intra"
        if structure.pyramid and mode not in names.PYRAMID_MODES:
            return f"B-pictures in a stream of mode {mode}"
        if structure.shift != Shift() and mode not in names.SHIFTING_MODES:
            return f"a shift in a stream of mode {mode}"
        if self._since_intra == 0:
            return "a P-picture without an I-picture before it"
        return None if self._since_intra + structure.pictures <= longest else f"a GOP of more than {longest} pictures"

    def implied(self, structure: Structure | None) -> tuple[int, ...]:
        """The quality indices that a group has if its record tells none, in the order of coding."""
        if structure is None:
            return (self._header.quality_index,)
        return tuple(self._header.quality_at(step.layer, self._intra_quality) for step in structure.steps)

    def take(self, group: Group, offset: int) -> list[PictureRecord]:
        """Count a group, which has no problem, and return its pictures. offset: of its record."""
        qualities = group.qualities or self.implied(group.structure)
        count, overhead = len(group.payloads), group.size_bytes - sum(map(len, group.payloads))
        steps: tuple[Step | None, ...] = (None,) if group.structure is None else group.structure.steps
        base = self.number if group.structure is None else self.number - 1
        records = [
            PictureRecord(
                kind="I" if step is None else "P" if step.after is None else "B",
                number=base if step is None else base + step.at,
                quality_index=quality,
                payload=payload,
                checksum=checksum,
                offset=offset,
                overhead_bytes=share,
                base=base,
                structure=group.structure,
                step=step,
                last_of_group=place == count,
            )
            for place, (step, quality, payload, checksum, share) in enumerate(
                zip(steps, qualities, group.payloads, group.checksums, _shares(overhead, count), strict=True), start=1
            )
        ]
        self.number += count
        self._since_intra += count
        if group.structure is None:
            self._since_intra, self._intra_quality = 1, qualities[0]
        return records


def _shares(size: int, count: int) -> Iterator[int]:
    """A size in so many whole parts that are as equal as can be."""
    return (size * (place + 1) // count - size * place // count for place in range(count))
