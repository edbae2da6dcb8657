"""What holds for a whole clip before its first picture is coded: weights, header, where GOPs begin.

A clip that is coded in pieces (lvcodec.pieces) asks the same once, and every piece goes by the answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from lvcodec import names
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.encoder.gop import gops
from lvcodec.encoder.network import EncoderNetworks
from lvcodec.encoder.scenes import Marked, marked
from lvcodec.errors import UsageError
from lvcodec.models import loading, store
from lvcodec.models.store import ModelInfo
from lvcodec.options import Encoding
from lvcodec.report import OnNotice
from lvcodec.stream.header import Header
from lvcodec.stream.structure import MAX_LAYER, Shift
from lvcodec.video.base import Source
from lvcodec.video.format import VideoFormat
from lvcodec.video.picture import Picture
from lvcodec.video.source import open_source

if TYPE_CHECKING:
    from lvcodec.video.base import VideoLike

# docs/decisions.md#gops-as-long-as-the-content-allows
LONGEST_GOP, LONGEST_GOP_S = 250, 8
SHORT_GOP = 24  # pictures


def open_clip(source: VideoLike | Source, options: Encoding) -> Source:
    """The video to code. Raises as open_source does."""
    return open_source(
        source,
        size=options.size,
        rate=options.rate,
        pix_fmt=options.pix_fmt,
        frames=options.frames,
        lenient=options.lenient,
    )


def model_of(options: Encoding) -> ModelInfo:
    """The weights to code with. Raises WeightsError if there are none, UsageError if they are of another family."""
    info = store.find(options.model) if options.model is not None else store.default_of(options.family)
    if info.family != options.family:
        raise UsageError(f"model {info.name} is of the {info.family} family, not {options.family}")
    return info


def networks_of(
    options: Encoding, info: ModelInfo, video: VideoFormat, index: int, on_notice: OnNotice | None
) -> EncoderNetworks:
    """The networks, the header's quality index being `index`. Raises UsageError if the family has no refiner."""
    return EncoderNetworks(
        info,
        video,
        index,
        device=options.device,
        backend=options.backend,
        on_notice=on_notice,
        effort=options.chosen_preset.effort,
        rounds=options.chosen_preset.rounds,
    )


def shifts_of(options: Encoding, info: ModelInfo) -> tuple[Shift, ...]:
    """How residuals may be shifted, the longest shift first; of several each GOP has its own."""
    if options.chosen_mode not in names.SHIFTING_MODES:
        return (Shift(),)
    has_choice = info.alpha != 1  # encoder/alpha.py finds the cheapest where LCM was trained for 1/2
    lengths, latents = (names.ALPHAS, names.LATENTS) if has_choice else ((Fraction(1),), ("analysed",))
    if options.alpha is not None:
        lengths = (Fraction(options.alpha),)
    if options.latents is not None:
        latents = (options.latents,)
    shifted = [Shift(length, name == "kept") for length in lengths if length for name in latents]
    return (*shifted, *(Shift(length) for length in lengths if not length))


def is_long(options: Encoding, rate: Fraction) -> bool:
    """Whether GOPs are so long that errors of P-pictures would add up."""
    return longest_gop(options, rate) > SHORT_GOP


def layers_of(options: Encoding, info: ModelInfo) -> tuple[int, ...]:
    """How many indices the pictures of layers 1, 2, ... are below their I-picture."""
    decisions = DECISIONS[options.chosen_mode]
    if decisions is None or not loading.is_continuous(info):
        return (0,) * MAX_LAYER
    return decisions.layers


def header_of(options: Encoding, info: ModelInfo, index: int, layers: tuple[int, ...], video: VideoFormat) -> Header:
    """The stream's header. index: of the quality; layers: as layers_of has them."""
    return Header(
        family=info.family,
        mode=options.chosen_mode,
        weights_id=bytes.fromhex(info.weights_id),
        video=video,
        gop=longest_gop(options, video.rate),
        quality_index=index,
        layers=layers,
    )


def longest_gop(options: Encoding, rate: Fraction) -> int:
    """The most pictures from one I-picture to the next."""
    return options.longest_gop or max(1, min(LONGEST_GOP, round(LONGEST_GOP_S * rate)))


def gops_of(
    pictures: Iterable[Picture], options: Encoding, rate: Fraction, starts: Collection[int] | None = None
) -> Iterator[Iterator[Picture]]:
    """The pictures of each GOP; one must be used up before the next.

    starts: numbers of the pictures that GOPs begin with, from 0, where that is known already. Else the content decides
    where GOPs follow cuts, and two pictures are read ahead; if not, none is read before it is coded.
    """
    if starts is None and options.follows_cuts:
        found: Iterable[Marked] = marked(pictures)
    else:
        known = starts or ()
        found = (Marked(picture, is_cut=number in known) for number, picture in enumerate(pictures))
    return gops(found, longest_gop(options, rate))
