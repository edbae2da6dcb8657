"""The structures of large pictures, found on small ones while those before are coded.

    run 1 ─► of half the size ─► coded in all structures ─► the cheapest ─► run 1 is coded in it
             run 2 ─► ...                                                   run 2 ...

Small pictures are a stream of their own that nobody sees: what they refer to are small pictures as they were coded.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from lvcodec.codec.state import State
from lvcodec.encoder.groups import GroupCoder
from lvcodec.encoder.network import EncoderNetworks
from lvcodec.encoder.structures import Chooser
from lvcodec.exact.loaded import without_gradients
from lvcodec.stream.structure import Structure
from lvcodec.video.picture import Picture

# docs/decisions.md#structures-of-large-pictures
MOST_PELS = 960 * 540  # of luma: larger pictures are halved until they have no more
COARSER = 10  # quality indices: small pictures have more to a pel
ROUNDS = 1  # of the search for motion
LEAN = 0.985

Way = tuple[Structure, ...]


@dataclass(frozen=True)
class Run:
    """Pictures that are coded together, and whether the first is a key picture."""

    pictures: list[Picture]
    key: bool


def small_coder(coder: GroupCoder, networks: EncoderNetworks) -> GroupCoder | None:
    """What codes small pictures in place of what the coder does; None where the pictures are small already."""
    width, height = networks.video.width, networks.video.height
    if width * height <= MOST_PELS:
        return None
    while width * height > MOST_PELS:
        width, height = (width + 1) // 2, (height + 1) // 2
    indices = (max(0, net.quality_index - COARSER) for net in coder.nets)
    return replace(coder, nets=tuple(networks.of_size(index, width, height, ROUNDS) for index in indices))


class Lookahead:
    """The structures of one GOP's runs. coder: of small pictures; every: as for Chooser."""

    def __init__(self, coder: GroupCoder, every: int) -> None:
        self._coder = coder
        self._chooser = Chooser(map, every, LEAN)
        self._state: State | None = None

    def ahead(self, runs: Iterator[Run]) -> Iterator[tuple[Run, Future[Way]]]:
        """The runs, the I-picture first, each once the next has been read, with what will be its structures.

        An exception in reading comes after all runs that were read before it.
        """
        with ThreadPoolExecutor(1, "lvcodec lookahead") as thread:
            try:
                waiting: tuple[Run, Future[Way]] | None = None
                failure: Exception | None = None
                while failure is None:
                    following = None
                    try:
                        run = next(runs)
                        following = run, thread.submit(self._way, run)
                    except Exception as error:  # StopIteration too
                        failure = error
                    if waiting is not None:
                        yield waiting
                        waiting[1].result()  # raises what went wrong: of an I-picture nobody asks for structures
                    waiting = following
                if not isinstance(failure, StopIteration):
                    raise failure
            finally:
                thread.shutdown(cancel_futures=True)

    def _way(self, run: Run) -> Way:
        net = self._coder.nets[0]
        small = [_scaled(picture, net.width, net.height) for picture in run.pictures]
        with without_gradients():  # it is a thread's own
            if self._state is None:
                self._state = self._coder.intra(small[0])[1]
                return ()
            coded = self._chooser.code(self._coder, small, run.key, self._state)
        self._state, self._chooser = coded.state, coded.chooser or self._chooser
        return tuple(group.structure for group in coded.groups if group.structure is not None)


def _scaled(picture: Picture, width: int, height: int) -> Picture:
    import cv2  # a large library, and not every mode looks ahead

    sizes = (width, height), *2 * [((width + 1) // 2, (height + 1) // 2)]
    planes = (
        np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        for plane, size in zip(picture.planes, sizes, strict=True)
    )
    return Picture(*planes)
