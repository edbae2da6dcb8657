"""What a clip would come to at a quality, by coding samples of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from lvcodec.encoder.groups import CodedGroup, write_group
from lvcodec.encoder.pace import Tally
from lvcodec.encoder.qualities import Planned
from lvcodec.encoder.samples import Samples, append
from lvcodec.errors import InputError
from lvcodec.measure.filters import vmaf_of_pictures
from lvcodec.measure.psnr import PsnrMeter
from lvcodec.stream.container import StreamWriter
from lvcodec.stream.header import Header

Coder = Callable[[Iterable[Iterable[Planned]]], Iterator[CodedGroup]]  # the groups of GOPs, in order
OnSample = Callable[[int], None]  # pictures of the samples that have been coded at this quality


@dataclass(frozen=True)
class Probe:
    """Samples at one quality. size_bytes: what the whole stream would have; psnr_db, vmaf: of each piece, or None."""

    index: int
    size_bytes: int
    psnr_db: tuple[float, ...]
    vmaf: tuple[float, ...] | None


@dataclass
class Prober:
    """Codes samples at one quality after another. header: of the stream. with_vmaf: measure that, too."""

    header: Header
    coded: Coder
    samples: Samples
    with_vmaf: bool
    on_sample: OnSample
    _done: dict[int, Probe] = field(default_factory=dict)

    def at(self, index: int) -> Probe:
        """The samples at a quality. Raises InputError if VMAF is asked for and cannot be had, or there is no room."""
        if index not in self._done:
            self._done[index] = self._coded(index)
        return self._done[index]

    def _coded(self, index: int) -> Probe:
        samples = self.samples
        runs = ((Planned(picture, index) for picture in samples.read(piece)) for piece in samples.pieces)
        writer = StreamWriter(_Nowhere(), self.header)
        intra, others = Tally(), Tally()
        meters = [PsnrMeter() for _ in samples.pieces]
        left = [piece.pictures for piece in samples.pieces]
        shown_to = samples.pieces[0].path.with_name("shown.raw")
        at = done = 0
        for group in self.coded(runs):
            size = write_group(writer, group)
            (intra if group.structure is None else others).add(len(group.pictures), size)
            for picture in group.shown:
                at += left[at] == 0
                left[at] -= 1
                meters[at].add(picture.source, picture.x_hat)
                if self.with_vmaf:
                    append(shown_to, picture.x_hat.tobytes())
                done += 1
                self.on_sample(done)
        writer.finish()
        psnr_db = tuple(mean.yuv for meter in meters if (mean := meter.mean()))
        vmaf = self._vmaf(shown_to) if self.with_vmaf else None
        return Probe(index, self._whole_size(writer.size_bytes, intra, others), psnr_db, vmaf)

    def _whole_size(self, size_bytes: int, intra: Tally, others: Tally) -> int:
        """Of the whole stream: exact where the samples are all of it, else I-pictures and others apart."""
        if self.samples.whole:
            return size_bytes
        gops, frame = len(self.samples.gops), size_bytes - intra.size_bytes - others.size_bytes  # header, index
        other = others.size_bytes / others.pictures if others.pictures else 0.0
        intras = gops if others.pictures else self.samples.pictures  # all are, in mode "intra"
        pieces = intra.size_bytes / intra.pictures * intras + other * (self.samples.pictures - intras)
        return round(pieces + frame * gops / len(self.samples.pieces))

    def _vmaf(self, shown: Path) -> tuple[float, ...]:
        """Of each piece. Removes the file of what is shown."""
        reference = shown.with_name("source.raw")
        for piece in self.samples.pieces:
            append(reference, piece.path.read_bytes())
        each = vmaf_of_pictures(reference, shown, self.samples.video)
        reference.unlink()
        shown.unlink()
        if each is None:
            raise InputError("this ffmpeg has no libvmaf, so that no VMAF can be aimed at", "aim at a PSNR")
        means, first = [], 0
        for piece in self.samples.pieces:
            means.append(fmean(each[first : first + piece.pictures]))
            first += piece.pictures
        return tuple(means)


class _Nowhere:
    """Takes bytes."""

    def write(self, data: memoryview) -> int:
        return data.nbytes
