"""What an encoder asks of a family's networks beyond what a decoder does: latents in steps, hyper-latents, weights."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from lvcodec import names, quality
from lvcodec.arrays import Ints
from lvcodec.codec.network import Network, ints
from lvcodec.codec.networks import Networks
from lvcodec.codec.two_steps import with_first_step
from lvcodec.encoder.distortion import step_weight
from lvcodec.exact.loaded import needed
from lvcodec.nets.coding import Array, as_numpy
from lvcodec.presets import DEFAULT_PRESET, ENCODER_PRESETS
from lvcodec.report import OnNotice
from lvcodec.video.format import VideoFormat

if TYPE_CHECKING:
    from lvcodec.encoder.refine import Refiner
    from lvcodec.models.store import ModelInfo
    from lvcodec.nets.coding import Coding


class EncoderNetwork(Network):
    """A family at one quality, for the encoder of pictures of one size.

    refiner: what looks for better symbols, if the encoder takes the time. rounds: of the search for motion.
    """

    def __init__(
        self,
        coding: Coding,
        width: int,
        height: int,
        quality_index: int,
        refiner: Refiner | None = None,
        rounds: int = ENCODER_PRESETS[DEFAULT_PRESET].rounds,
    ) -> None:
        super().__init__(coding, width, height, quality_index)
        self.refiner, self.rounds = refiner, rounds

    @property
    def quality(self) -> float:
        """The quality 1..9 that the network is for."""
        return quality.of_index(self.quality_index)

    def scaled(self, latents: Array) -> NDArray[np.float64]:
        """Latents, or a difference of two, in quantiser steps, not rounded, (M, H, W)."""
        return np.ascontiguousarray(as_numpy(self.coding.scaled(latents))[0], dtype=np.float64)

    def distortion_weights(self, factor: float) -> NDArray[np.float64] | None:
        """Bits that a squared step of each latent is worth, times the factor, (M, H, W).

        None if the family cannot tell what a step is in pixels.
        """
        weights = self._step_weights
        return None if weights is None else np.broadcast_to(factor * weights, self.latent_shape())

    @cached_property
    def _step_weights(self) -> NDArray[np.float64] | None:
        sizes = self.coding.step_sizes()
        if sizes is None:
            return None
        weights: NDArray[np.float64] = step_weight(as_numpy(sizes).astype(np.float64), quality.lambda_of(self.quality))[
            0
        ]
        return weights

    def hyper(self, latents: Array) -> Ints:
        """h_a: the intra hyper-latent."""
        return ints(self.coding.hyper(latents)[0])

    def p_hyper(self, y_ref: Array, y_res: Ints) -> Ints:
        """P-HE: the hyper-latent of a P-picture. y_ref: latents."""
        return ints(self.coding.p_hyper(y_ref, self._given(y_res))[0])

    def shift_hyper(self, direction: Ints, latents: Array) -> Ints:
        """BFD-E: what is sent about the shift."""
        return ints(self.coding.shift_hyper(self._given(direction), latents)[0])


class EncoderNetworks(Networks):
    """The networks of a model for encoding.

    effort: rounds of the refiner at every quality; rounds: of the search for motion; others as for Networks.

    Raises UsageError too if the family has no refiner.
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
        effort: int = 0,
        rounds: int = ENCODER_PRESETS[DEFAULT_PRESET].rounds,
    ) -> None:
        super().__init__(info, video, quality_index, device=device, backend=backend, on_notice=on_notice)
        self._effort, self._rounds = effort, rounds

    def at(self, quality_index: int) -> EncoderNetwork:
        """The network of a quality. Raises UsageError if the weights have none."""
        return cast(EncoderNetwork, super().at(quality_index))  # `_network` makes no others

    def _network(self, quality_index: int) -> EncoderNetwork:
        refiner = None
        if self._effort:
            needed("the search of --effort")
            from lvcodec.encoder.refine import refiner_of

            refiner = refiner_of(self.info, quality_index, self._effort)
        size = self.video.width, self.video.height
        return EncoderNetwork(self._coding(quality_index), *size, quality_index, refiner, self._rounds)

    def of_size(self, quality_index: int, width: int, height: int, rounds: int) -> EncoderNetwork:
        """One for pictures of another size. Raises UsageError as `at` does."""
        net = EncoderNetwork(self._coding(quality_index), width, height, quality_index, rounds=rounds)
        return with_first_step(net, lambda index: self.of_size(index, width, height, rounds))
