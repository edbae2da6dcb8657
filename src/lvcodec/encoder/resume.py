"""Going on with an encoding that was interrupted: what is whole of the stream stays; source and options are compared.

A stream that goes into a file grows in a part (video/part.py), which gets a mark after each GOP: bytes, pictures, and a
CRC of the source's pictures. GOPs are closed, so what follows them depends on nothing but the source and the options.
Where a GOP ends depends on pictures before it, so the source is read, and its cuts found, from the first picture on.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from lvcodec.encoder.pace import Tally
from lvcodec.encoder.qualities import Qualities
from lvcodec.errors import InputError, LvcError, count_text
from lvcodec.options import Encoding
from lvcodec.stream import fields
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.stream.files import create_stream, is_path
from lvcodec.stream.header import Header
from lvcodec.version import __version__
from lvcodec.video.atomic import is_special
from lvcodec.video.part import Entry, PartFile
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from lvcodec.stream.files import StreamLike

AFRESH = "-y (overwrite=True) without --resume begins anew"


@dataclass
class Begun:
    """A stream that is being written, and as a part what an earlier run has left of it.

    part: None where the stream goes elsewhere than into a file; then marks are of no use and nothing is kept.
    payload_bytes: of the pictures that are kept; intra, others: their records; records: payload bytes and
        pictures of each.
    """

    file: BinaryIO
    writer: StreamWriter
    part: PartFile | None = None
    payload_bytes: int = 0
    intra: Tally = field(default_factory=Tally)
    others: Tally = field(default_factory=Tally)
    records: Sequence[tuple[int, int]] = ()
    _pictures: int = 0
    _crc: int = field(default=0, repr=False)

    @property
    def gops(self) -> int:
        """How many are whole, as far as the part's marks tell."""
        return 0 if self.part is None else len(self.part.entries)

    def saw(self, picture: Picture) -> None:
        """Count a picture of the source into the GOP that is being written. In the order of display."""
        self._pictures += 1
        for plane in picture.planes:
            self._crc = zlib.crc32(plane.data, self._crc)

    def mark(self) -> None:
        """All so far are whole GOPs; nothing happens before the first."""
        if self.part is not None and self._pictures:
            self.part.mark({"bytes": self.writer.size_bytes, "pictures": self._pictures, "source": self._crc})
        self._pictures = self._crc = 0

    def kept(self, runs: Iterator[Iterator[Picture]], name: str) -> Iterator[Picture]:
        """Take the GOPs that are kept from `runs`, those of the source, and give their pictures.

        name: the source's. Raises InputError if they are not the ones that were coded.
        """
        for entry in [] if self.part is None else [*self.part.entries]:
            for picture in next(runs, iter(())):
                self.saw(picture)
                yield picture
            if (self._pictures, self._crc) != (entry["pictures"], entry["source"]):
                raise InputError(f"{name} is not what was being encoded, or other pictures of it are asked for", AFRESH)
            self._pictures = self._crc = 0

    def left(self) -> str | None:
        """For an interruption: what of it can be gone on from, as a notice."""
        if self.part is None or not self.part.entries:
            return None
        pictures = sum(entry["pictures"] for entry in self.part.entries)
        return f"{self.part.part} keeps {count_text(pictures, 'picture')}; --resume goes on from there"


@contextmanager
def begin_stream(target: StreamLike, header: Header, options: Encoding, qualities: Qualities) -> Iterator[Begun]:
    """The stream to write, gone on with where `options.resume` says so and there is a part of it.

    qualities: of its GOPs. Raises InputError if the target cannot be written, or its part is of another coding.
    """
    with ExitStack() as stack:
        if not is_path(target) or is_special(Path(cast(str, target))):
            file = stack.enter_context(create_stream(target, overwrite=options.overwrite))
            yield Begun(file, StreamWriter(file, header))
            return
        begun_as = coding_of(header, options) | {"qualities": qualities.text()}
        part = stack.enter_context(
            PartFile(cast(str, target), begun_as, resume=options.resume, overwrite=options.overwrite)
        )
        file = cast(BinaryIO, part)
        if not part.entries:
            yield Begun(file, StreamWriter(file, header), part)
            return
        check_same(part.part, part.begun_as, begun_as)
        with part.read_back() as kept:
            begun = _gone_on(kept, part)
        yield begun or Begun(file, StreamWriter(file, header), part)


def coding_of(header: Header, options: Encoding) -> dict[str, str]:
    """All that decides the bytes beside the source's pictures, by name, for people."""
    values = header.values()
    told = {each.name: each.show(values[each.name]) for each in fields.HEADER if each.name not in ("magic", "crc")}
    return told | {
        "quality": f"{header.quality:g}",
        "lvcodec": __version__,
        "gop": "auto" if options.longest_gop is None else str(options.longest_gop),
        "bframes": str(options.most_bframes),
        "target": options.target_text,
        "maxrate": str(options.maxrate),
        "bufsize": str(options.bufsize),
        "alpha": "auto" if options.alpha is None else f"{float(options.alpha):g}",
        "latents": options.latents or "auto",
        "preset": options.preset,
        "effort": str(options.chosen_preset.effort),
        "low_delay": str(options.low_delay),
        "audio": str(options.audio),
        "video_only": str(options.video_only),
    }


def check_same(part: Path, begun_as: Entry, now: dict[str, str]) -> None:
    """Compare what a part was begun as with what it is now. Raises InputError if they differ."""
    for name, value in now.items():
        if begun_as.get(name) != value:
            raise InputError(f"{part} was begun with {name} {begun_as.get(name)}, not {value}", AFRESH)


def _gone_on(kept: BinaryIO, part: PartFile) -> Begun | None:
    """The stream up to the last mark before which all is intact; None if nothing is."""
    ends = [entry["bytes"] for entry in part.entries]
    whole = _intact(kept, ends)
    if whole < len(ends):
        part.cut(part.entries[:whole])
    if not whole:
        return None
    kept.seek(0)
    reader, payload_bytes, intra, others = StreamReader(kept), 0, Tally(), Tally()
    records, group = [], Tally()
    for record in reader:
        payload_bytes += len(record.payload)
        (intra if record.kind == "I" else others).add(1, record.size_bytes)
        group.add(1, len(record.payload))
        if record.last_of_group:
            records.append((group.size_bytes, group.pictures))
            group = Tally()
        if record.last_of_group and reader.size_bytes == ends[whole - 1]:
            break
    file = cast(BinaryIO, part)
    return Begun(file, StreamWriter(file, reader.header, after=reader), part, payload_bytes, intra, others, records)


def _intact(kept: BinaryIO, ends: list[int]) -> int:
    """How many of the first marks, which end there, have an intact stream before them: power may have been lost."""
    whole = 0
    try:
        reader = StreamReader(kept)
        for record in reader:
            if record.last_of_group and whole < len(ends) and reader.size_bytes == ends[whole]:
                whole += 1
    except LvcError:
        pass
    return whole
