"""The networks of a stream: its weights, a backend that computes right, and one network a quality.

    header or model ──► weights by their hash ──► backend by the canary ──► Network of each quality, when first needed

Encoding, decoding, `probe`, `inspect` and `bench` all take their networks from here.
"""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Self

from lvcodec import names
from lvcodec.codec.network import Network
from lvcodec.codec.two_steps import with_first_step
from lvcodec.errors import StreamError
from lvcodec.exact.backends import pick_device
from lvcodec.exact.loaded import needed
from lvcodec.models import canary, loading, store
from lvcodec.report import OnNotice
from lvcodec.stream.header import Header
from lvcodec.video.format import VideoFormat

if TYPE_CHECKING:
    from lvcodec.models.store import ModelInfo
    from lvcodec.nets.coding import Coding


class Networks:
    """The networks of a model for pictures of one size, by quality index, made when they are first needed.

    quality_index: of the quality that the backend is tried at. device, backend: as in lvcodec.options; what "auto"
    came to stands in `device` and `backend`.
    Raises UsageError if there is no such device or backend, WeightsError if the weights are damaged.
    """

    def __init__(
        self,
        info: ModelInfo,
        video: VideoFormat,
        quality_index: int,
        *,
        device: str = names.AUTO,
        backend: str = names.AUTO,
        on_notice: OnNotice | None = None,
    ) -> None:
        self.info, self.video = info, video
        self.device = pick_device(device)
        self.backend = canary.choose(info, quality_index, self.device, backend, on_notice)
        if loading.needs_torch(info, self.backend):
            needed(f"the {info.family} family by the {self.backend} backend")  # before threads are told about it
        self._networks: dict[int, Network] = {}
        self._lock = RLock()  # GOPs are decoded side by side

    @classmethod
    def of_stream(
        cls,
        header: Header,
        *,
        device: str = names.AUTO,
        backend: str = names.AUTO,
        on_notice: OnNotice | None = None,
    ) -> Self:
        """Those that a stream was made with.

        Raises WeightsError if they are not installed, StreamError if they are not of the family that the header names
        or have no networks for its mode.
        """
        info = store.by_id(header.weights_id)
        if info.family != header.family:
            raise StreamError(f"the header names the {header.family} family and weights of {info.family}")
        if header.mode not in names.PAPER_MODES and not info.manifest.get("shape", {}).get("inter"):
            raise StreamError(f"the header names mode {header.mode} and weights without an inter path")
        return cls(info, header.video, header.quality_index, device=device, backend=backend, on_notice=on_notice)

    def at(self, quality_index: int) -> Network:
        """The network of a quality. Raises UsageError if the weights have none."""
        with self._lock:
            if quality_index not in self._networks:
                self._networks[quality_index] = with_first_step(self._network(quality_index), self.at)
            return self._networks[quality_index]

    def _network(self, quality_index: int) -> Network:
        """A new one; a subclass may make another kind."""
        return Network(self._coding(quality_index), self.video.width, self.video.height, quality_index)

    def _coding(self, quality_index: int) -> Coding:
        return loading.coding(self.info, quality_index, self.device, self.backend)
