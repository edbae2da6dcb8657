"""What coding, decoding and probing tell about a stream: plain records, and the figures derived from them.

Rates count every byte of the stream but sound and other tracks, headers included, over the real size of the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lvcodec.sizes import picture_bytes

if TYPE_CHECKING:
    from lvcodec.video.colour import Colour
    from lvcodec.video.format import VideoFormat

OnPicture = Callable[[int, int | None], None]  # pictures done, and how many there are, if that is known
OnFile = OnPicture  # the same of files
OnNotice = Callable[[str], None]


class Estimate(int):
    """A number of pictures that is not known but estimated, from how long a clip plays; shown as "about 250"."""

    def __str__(self) -> str:
        return f"about {int(self)}"


@dataclass(frozen=True)
class Progress:
    """How far an encoding has come.

    stage: what is being done. pictures: done, those of an earlier run too. total: how many there will be, about as many
    where is_about; None where nothing tells. fps: pictures a second since it began. size_bytes: of the stream so far;
    expected_bytes: of the whole, None until pictures of both kinds tell. left_s: None where the total is unknown.
    """

    stage: str
    pictures: int
    total: int | None
    is_about: bool
    fps: float
    size_bytes: int
    expected_bytes: int | None
    elapsed_s: float
    left_s: float | None

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return _record(self)


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class PlanePsnr:
    """PSNR of each plane in dB, averaged over pictures, each capped at 100; yuv is (6·y + u + v) / 8."""

    y: float
    u: float
    v: float
    yuv: float

    @classmethod
    def weighted(cls, y: float, u: float, v: float) -> PlanePsnr:
        """The three planes' figures with their weighted mean."""
        return cls(y, u, v, (6 * y + u + v) / 8)


@dataclass(frozen=True)
class EncodeReport:
    """What an encoding cost.

    size_bytes: the whole stream; payload_bytes: what the entropy coder wrote of it; side_bytes: sound, subtitles and
    whatever else stands beside the pictures, which the figures from here on do not count.
    bpp: bits a pixel. kbps: thousand bits a second at the clip's rate. fps: pictures coded a second.
    ratio: bytes of the pictures as 8-bit 4:2:0 over those of the stream. duration_s: how long the clip plays.
    missing: how many more pictures the video says it has, about. kept: how many of the pictures had been coded by an
        earlier run; fps leaves them out.
    """

    pictures: int
    size_bytes: int
    payload_bytes: int
    bpp: float
    kbps: float
    fps: float
    ratio: float
    duration_s: float
    psnr_db: PlanePsnr | None = None
    missing: int = 0
    side_bytes: int = 0
    kept: int = 0
    notices: Sequence[str] = ()

    @classmethod
    def measured(
        cls,
        video: VideoFormat,
        *,
        pictures: int,
        size_bytes: int,
        payload_bytes: int,
        elapsed_s: float,
        psnr_db: PlanePsnr | None = None,
        missing: int = 0,
        side_bytes: int = 0,
        kept: int = 0,
        notices: Sequence[str] = (),
    ) -> EncodeReport:
        """The report with its derived figures, from what was counted; zero where nothing was coded."""
        duration_s, video_bytes = float(pictures / video.rate), size_bytes - side_bytes
        return cls(
            pictures=pictures,
            size_bytes=size_bytes,
            payload_bytes=payload_bytes,
            bpp=_ratio(8 * video_bytes, video.width * video.height * pictures),
            kbps=_ratio(8 * video_bytes / 1000, duration_s),
            fps=_ratio(pictures - kept, elapsed_s),
            ratio=_ratio(pictures * video.picture_bytes, video_bytes),
            duration_s=duration_s,
            psnr_db=psnr_db,
            missing=missing,
            side_bytes=side_bytes,
            kept=kept,
            notices=tuple(notices),
        )

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return _record(self)


@dataclass(frozen=True)
class DecodeReport:
    """What a decoding did.

    size_bytes: the stream's, as far as it was read. fps: pictures decoded a second. duration_s: how long the
    written pictures play. concealed: pictures that repeat another one because the stream was damaged.
    """

    pictures: int
    size_bytes: int
    fps: float
    duration_s: float
    concealed: int = 0
    notices: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return _record(self)


@dataclass(frozen=True)
class PictureInfo:
    """One picture of a stream.

    number: from 0, in the order of display. kind: "I", "P" or "B". references: numbers of the pictures that it is
    predicted from. payload_bytes: entropy-coded; overhead_bytes: its share of the rest of its record.
    offset: of its record, which holds one or more pictures, from the stream's first byte.
    alpha: the length of the shift of a P-picture of lds, 0 where nothing is shifted; 1 of all others. kept: whether a
    shifted P-picture leaves its latents to the next picture, which else analyses the shown one again.
    streams: bits of each sub-stream (sum of -log2 p), or None where they were not asked for.
    shift_estimate_bits: of a shifted P-picture of lds, what the paper counts for its y_shift (codec/paper_rate.py). It
    is not the stream's rate, and after a shift by 1/2 the rate of none. None where there is no y_shift, or not asked
    for.
    """

    number: int
    kind: str
    references: Sequence[int]
    quality: float
    payload_bytes: int
    overhead_bytes: int
    offset: int
    streams: Mapping[str, float] | None = None
    shift_estimate_bits: float | None = None
    alpha: Fraction = Fraction(1)
    kept: bool = False

    @property
    def size_bytes(self) -> int:
        return self.payload_bytes + self.overhead_bytes


@dataclass(frozen=True)
class StreamInfo:
    """A stream's header, and its pictures in the order of display.

    weights_id: hexadecimal. rate: pictures per second, the average where it is variable. duration_s: how long it plays.
    complete: False where the stream stops before its end record. tracks: a line each for what stands beside the
    pictures, sound and others; None where the stream cannot tell, as from a pipe. side_bytes: of size_bytes, what that
    takes; bpp, kbps and ratio do not count it. aspect: of samples, width over height. variable: whether pictures have
    times of their own.
    """

    family: str
    mode: str
    quality: float
    weights_id: str
    width: int
    height: int
    rate: Fraction
    colour: Colour
    gop: int
    pictures: Sequence[PictureInfo]
    size_bytes: int
    duration_s: float
    complete: bool
    tracks: Sequence[str] | None = ()
    side_bytes: int = 0
    aspect: Fraction = Fraction(1)
    variable: bool = False

    @property
    def video_bytes(self) -> int:
        """Bytes of the stream without what stands beside its pictures."""
        return self.size_bytes - self.side_bytes

    @property
    def payload_bytes(self) -> int:
        return sum(picture.payload_bytes for picture in self.pictures)

    @property
    def alphas(self) -> tuple[Fraction, ...]:
        """The lengths of the shift that P-pictures have, the longest first."""
        return tuple(sorted({picture.alpha for picture in self.pictures if picture.kind == "P"}, reverse=True))

    @property
    def paper_estimate_bits(self) -> float | None:
        """All symbols as the paper of lds counts them (its equation 6), without headers: an estimate, not a rate.

        None where the bits of sub-streams were not asked for.
        """
        total = 0.0
        for picture in self.pictures:
            if picture.streams is None:
                return None
            total += sum(picture.streams.values())
            if picture.shift_estimate_bits is not None:
                total += picture.shift_estimate_bits - picture.streams["y_shift"]
        return total

    @property
    def bpp(self) -> float:
        """Bits a pixel, all but what stands beside the pictures counted; 0 for a stream without pictures."""
        return _ratio(8 * self.video_bytes, self.width * self.height * len(self.pictures))

    @property
    def kbps(self) -> float:
        """Thousand bits a second at the clip's rate; 0 for a stream without pictures."""
        return _ratio(8 * self.video_bytes / 1000, self.duration_s)

    @property
    def ratio(self) -> float:
        """Bytes of the pictures as 8-bit 4:2:0 over those of the stream."""
        return _ratio(len(self.pictures) * picture_bytes(self.width, self.height), self.video_bytes)

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON, with the derived figures."""
        return _record(self) | {
            "payload_bytes": self.payload_bytes,
            "bpp": self.bpp,
            "kbps": self.kbps,
            "ratio": self.ratio,
        }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _record(record: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}


def _plain(value: Any) -> Any:
    """A value that JSON can carry: fractions as "30000/1001", records as objects."""
    if is_dataclass(value) and not isinstance(value, type):
        return _record(value)
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
