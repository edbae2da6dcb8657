"""What a file has beside its pictures, on its way into the stream: tracks, their list, the times of pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lvcodec.codec.notices import Notices
from lvcodec.options import Encoding
from lvcodec.stream import fields
from lvcodec.stream.container import StreamWriter
from lvcodec.stream.presentation import write_presentation
from lvcodec.stream.side import SideWriter
from lvcodec.video.base import Source
from lvcodec.video.side_file import SideFile

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Side:
    """What will follow the pictures. file: None if there are no tracks."""

    file: SideFile | None

    def write(self, writer: StreamWriter, source: Source, count: int) -> None:
        """Append it to a stream that has all its `count` pictures."""
        for what, chunks in self.parts(source, count):
            writer.side(what, chunks)

    def size_bytes(self, source: Source, count: int) -> int:
        """What that will be in the stream."""
        records: list[int] = []
        writer = SideWriter(lambda record: records.append(len(record)))
        for what, chunks in self.parts(source, count):
            writer.put(what, chunks)
        writer.finish()
        return sum(records)

    def parts(self, source: Source, count: int) -> Iterator[tuple[int, Iterable[bytes]]]:
        """Each kind of side data (fields.SIDE_TRACKS and others) of a source whose `count` pictures have been read.

        There is none where there are no tracks, and pictures come at the stream's rate with square samples.
        """
        shown = source.presentation(count)
        if self.file is not None:
            ahead = round(self.file.ahead_s / shown.tick)
            shown = replace(shown, start=max(0, shown.start + ahead))
        elif shown.durations is not None or shown.aspect != 1:
            shown = replace(shown, start=0)
        else:
            return
        yield fields.SIDE_PRESENTATION, [write_presentation(shown)]
        if self.file is not None:
            yield fields.SIDE_LIST, ["\n".join(self.file.lines).encode()]
            yield fields.SIDE_TRACKS, _chunks(self.file.path)


@contextmanager
def side_of(source: Source, options: Encoding, notices: Notices) -> Iterator[Side]:
    """What the source has beside its pictures, as far as it is wanted; files of it go with the context."""
    if options.video_only or not source.has_beside:
        yield Side(None)
        return
    with tempfile.TemporaryDirectory(prefix="lvcodec-") as folder:
        file = source.side_file(Path(folder), audio=options.audio)
        notices.pass_on(source)
        yield Side(file)


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
