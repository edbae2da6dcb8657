"""A clip that is open, with all that codes it: what an encoding and the search for its quality both begin with."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lvcodec import names
from lvcodec.codec.jobs import ahead_of, default_jobs
from lvcodec.codec.modes import MODES, has_two_steps
from lvcodec.codec.notices import Notices
from lvcodec.codec.pipeline import pipelined
from lvcodec.encoder.alpha import TRIED
from lvcodec.encoder.buffer import Buffer, Limit
from lvcodec.encoder.choices import (
    gops_of,
    header_of,
    is_long,
    layers_of,
    model_of,
    networks_of,
    open_clip,
    shifts_of,
)
from lvcodec.encoder.decisions import DECISIONS
from lvcodec.encoder.gop import GopEncoder
from lvcodec.encoder.groups import CodedGroup, GroupCoder
from lvcodec.encoder.lookahead import small_coder
from lvcodec.encoder.network import EncoderNetworks
from lvcodec.encoder.qualities import Encoders, Planned
from lvcodec.encoder.side import Side, side_of
from lvcodec.errors import UsageError, WeightsError
from lvcodec.exact.loaded import threads
from lvcodec.options import Encoding
from lvcodec.stream.header import Header
from lvcodec.stream.structure import LAYER_CHAIN, Shift
from lvcodec.video.base import Source
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from lvcodec.video.base import VideoLike


@dataclass
class Clip:
    """A source that is open, and all that codes it.

    side: what is beside its pictures; runs: its GOPs; header: of its stream.
    """

    pictures: Source
    side: Side
    runs: Iterator[Iterator[Picture]]
    header: Header
    networks: EncoderNetworks
    encoders: Encoders
    jobs: int
    limit: Limit | None = None

    def coded(self, runs: Iterable[Iterable[Planned]]) -> Generator[CodedGroup, None, None]:
        """The groups of GOPs, each once those before it are there."""
        ahead = ahead_of(self.header.video.picture_bytes)
        run = self.encoders.at(self.header.quality_index).run
        return pipelined(runs, self.encoders.encode, self.jobs, ahead, max(1, ahead // run))


@contextmanager
def opened(
    source: VideoLike | Source,
    options: Encoding,
    index: int,
    notices: Notices,
    starts: Collection[int] | None = None,
) -> Iterator[Clip]:
    """A source, and what codes it with a header of this quality index. Raises as lvcodec.encode does.

    starts: as for choices.gops_of.
    """
    _check_opencv(options)
    info = model_of(options)
    with ExitStack() as stack:
        pictures = stack.enter_context(open_clip(source, options))
        notices.pass_on(pictures)
        side = stack.enter_context(side_of(pictures, options, notices))
        video = pictures.format
        networks = networks_of(options, info, video, index, notices)
        side_by_side = stack.enter_context(ThreadPoolExecutor(threads(), "lvcodec structure"))
        layers = layers_of(options, info)
        if options.chosen_mode not in names.PAPER_MODES and networks.at(index).coding.inter is None:
            raise WeightsError("these weights have no inter path", "--mode lds codes without, or take newer weights")

        def encoder_at(index: int) -> GopEncoder:
            nets = tuple(networks.at(max(0, index - coarser)) for coarser in (0, *layers))
            mode = options.chosen_mode
            coder = GroupCoder(nets, DECISIONS[mode], has_two_steps(MODES[mode]))
            tries_all = options.chosen_preset.structures_every == 1
            smaller = small_coder(coder, networks) if options.most_bframes and not tries_all else None
            shifts = shifts_of(options, info)
            return _gop_encoder(options, coder, smaller, side_by_side, video.rate, limit, shifts)

        encoders = Encoders(encoder_at)
        limit, jobs = None, options.jobs or default_jobs(video.width, video.height)
        if options.maxrate is not None:  # what a record may have depends on all before it
            buffer = Buffer(options.maxrate, options.bufsize or options.maxrate, video.rate)
            limit, jobs = Limit(buffer, lambda index: encoders.at(index).coder), 1
        _ = encoders.at(index)
        header = header_of(options, info, index, layers, video)
        runs = gops_of(pictures, options, video.rate, starts)
        yield Clip(pictures, side, runs, header, networks, encoders, jobs, limit)


def _gop_encoder(
    options: Encoding,
    coder: GroupCoder,
    smaller: GroupCoder | None,
    side_by_side: Executor,
    rate: Fraction,
    limit: Limit | None,
    shifts: tuple[Shift, ...],
) -> GopEncoder:
    decisions = coder.decisions
    key_every = (
        decisions.key_every
        if decisions and coder.nets[0] is not coder.nets[LAYER_CHAIN] and is_long(options, rate)
        else 0
    )
    run, every = options.most_bframes + 1, options.chosen_preset.structures_every
    tried = 1 if options.low_delay else TRIED
    return GopEncoder(coder, side_by_side, run, key_every, every, limit, shifts, tried, smaller)


def _check_opencv(options: Encoding) -> None:
    """Raises UsageError where OpenCV is needed and not installed."""
    searches = options.chosen_mode not in names.PAPER_MODES or options.follows_cuts
    if searches and find_spec("cv2") is None:
        raise UsageError(
            f"mode {options.chosen_mode} needs OpenCV to encode, which is not installed",
            "pip install opencv-python-headless",
        )
