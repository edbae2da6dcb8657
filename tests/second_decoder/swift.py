"""The networks of swift: section "swift"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layers import Floats, Networks, join, shuffle, unshuffle, whole, whole_within
from .symbols import Ints
from .weights import Weights

UNITS_MAX = 2**21 - 1  # L
MEAN_MAX = 2**17
LEVEL_MAX = 67


def c8(x: Ints) -> Ints:
    """C8(x)."""
    return np.clip(x, -128, 127)


class Swift(Networks):
    """Networks and steps at one quality index. Symbols are whole, or multiples of 1/64 in float64."""

    def __init__(self, weights: Weights, quality: int) -> None:
        super().__init__(weights, "")
        self.quality, self.shape = quality, weights.shape
        self.channels: int = self.shape["latent"]  # M
        self.first_group = self.channels // 4  # F
        self.gain, self.inverse = self._factor("gain", 28, quality), self._factor("inverse", 8, quality)
        self.mean, self.offset = self._factor("mean", 20, quality), self._factor("offset", 5, quality)
        self.norm, self.spread = self._factor("norm", 24), self._factor("spread", 12)

    def _factor(self, name: str, places: int, row: int | None = None) -> Floats:
        """Section "Steps and units of swift": a table factor a channel, (M, 1, 1)."""
        array = self.weights.arrays[f"steps.{name}"]
        integers = array if row is None else array[row]
        return integers.astype(np.float64)[:, None, None] * 2.0**-places

    # ---- activations and units --------------------------------------------------------------------------------

    def clamped(self, name: str, x: Ints) -> Ints:
        """A layer with the activation "clamp"."""
        return whole_within(self.acc(name, x), -128, 127)

    def relu(self, name: str, x: Ints) -> Ints:
        """A layer with the activation "relu"."""
        return whole_within(self.acc(name, x), 0, 255)

    def units(self, symbols: NDArray[Any]) -> Ints:
        """units(s): latent units of symbols."""
        return whole_within(symbols * self.inverse, -UNITS_MAX, UNITS_MAX)

    def view(self, units: Ints) -> Ints:
        """view(u): latent units of all channels, or of the first few, as the networks see them."""
        return whole_within(units * self.norm[: len(units)], -128, 127)

    def small(self, symbols: NDArray[Any]) -> Ints:
        """small(s): small symbols as the networks see them."""
        return whole_within(8 * symbols, -128, 127)

    def plane(self, like: Ints) -> Ints:
        """Q, as high and wide as `like`."""
        return np.full((1, *like.shape[1:]), self.quality - 50, dtype=np.int64)

    # ---- layers together --------------------------------------------------------------------------------------

    def blocks(self, name: str, depth: str, x: Ints) -> Ints:
        """The residual blocks of one name; `depth` names their number in the shape."""
        for number in range(self.shape[depth]):
            body = f"{name}.{number}.body"
            if self.shape["block"] == "dense":
                change = self.wide(f"{body}.1", self.relu(f"{body}.0", x))
            else:
                change = self.wide(f"{body}.2", self.relu(f"{body}.1", self.clamped(f"{body}.0", x)))
            x = c8(x + change)
        return x

    def hyper_features(self, name: str, z: Ints) -> Ints:
        """hyper_dec, ph_d or bfd_d of small(z), at 1/16."""
        x = self.small(z)
        for number in (0, 1):
            x = shuffle(self.relu(f"{name}.{number}.0", x), 2)
        return self.clamped(f"{name}.2", x)

    def head(self, name: str, x: Ints) -> Ints:
        """Three layers: relu, relu, wide."""
        return self.wide(f"{name}.2", self.relu(f"{name}.1", self.relu(f"{name}.0", x)))

    def on_grid(self, parameters: Ints, mean: Floats | float, offset: Floats) -> tuple[Ints, Ints]:
        """mean8 and level by a network's output, [a, b]."""
        a, b = np.split(parameters, 2)
        return whole_within(a * mean, -MEAN_MAX, MEAN_MAX), whole_within(b / 32 + offset, 0, LEVEL_MAX)

    # ---- what a payload is decoded with -----------------------------------------------------------------------

    def passes(self, z: Ints, y_hat: Ints) -> Iterator[tuple[NDArray[np.bool_], Ints, Ints]]:
        """Section "Passes and parameters of an I-picture": of each pass a mask of its positions, mean8 and level there.

        y_hat: (M, h, w), zero where not yet decoded; the caller fills each pass's positions before the next.
        """
        features = self.hyper_features("hyper_dec", z)
        psi = join(features, self.plane(features))
        rows, columns = y_hat.shape[1:]
        odd = (np.arange(rows)[:, None] + np.arange(columns)) % 2
        first = self.first_group
        for number, seen in enumerate((0, first, first, self.channels)):
            known = self.view(self.units(y_hat))[:seen]
            group = slice(0, first) if number < 2 else slice(first, None)
            parameters = self.head(f"contexts.{number}", join(psi, known))
            mean8, level = self.on_grid(parameters, self.mean[group], self.offset[group])
            mask = np.zeros(y_hat.shape, dtype=bool)
            mask[group] = odd == number % 2
            yield mask, mean8[mask[group]], level[mask[group]]

    def prior(self, z: Ints, u_ref: Ints) -> tuple[Ints, Ints]:
        """Section "Prior of a P-picture": mean8 and level, (M, h, w)."""
        features = self.hyper_features("temporal.ph_d", z)
        t = self.view(u_ref)
        t = self.relu("temporal.tpm.1", self.relu("temporal.tpm.0", t))
        joined = join(features, self.clamped("temporal.tpm.2", t), self.plane(features))
        return self.on_grid(self.head("temporal.epm", joined), 1 / 32, self.offset)

    def change(self, z: Ints, y_shift: NDArray[Any], undo: NDArray[Any], u_ref: Ints) -> Floats:
        """Section "Change of lds": multiples of 1/64."""
        features, v = self.hyper_features("shift.bfd_d", z), y_shift + undo
        joined = join(features, self.small(v), self.view(u_ref), self.plane(features))
        return v + self.head("shift.lcm", joined) / 64

    def synthesise(self, y_hat: NDArray[Any]) -> list[Ints]:
        """Section "U_DEC": planes with their padding."""
        return levels(self.synthesis(self.units(y_hat)))

    def synthesis(self, units: Ints) -> Ints:
        """96 channels at 1/8, 16 to a level."""
        linear = shuffle(self.wide("dec_linear", units), 2)
        t = self.clamped("dec_latent", join(self.view(units), self.plane(units)))
        t = shuffle(self.clamped("dec_up.0", self.blocks("dec16", "depth16", t)), 2)
        t = c8(t + self.clamped("dec_pixels", whole_within(linear / 16, -128, 127)))
        return linear + self.wide("dec_out", self.blocks("dec8", "depth8", t))

    def analyse(self, planes: list[Ints]) -> Ints:
        """Section "U_ENC": symbols of padded planes."""
        return whole(self.latents(planes) * self.gain)

    def latents(self, planes: list[Ints]) -> Ints:
        """The same section: latent units of padded planes."""
        x = channels_of(planes)
        t = unshuffle(self.blocks("enc8", "depth8", self.clamped("enc_in", x)), 2)
        t = self.blocks("enc16", "depth16", self.clamped("enc_down", t))
        return self.wide("enc_linear", unshuffle(x, 2)) + whole(self.wide("enc_out", t) * self.spread)


def channels_of(planes: list[Ints]) -> Ints:
    """96 channels at 1/8 of padded planes, less 128."""
    return join(*(unshuffle(plane[None], factor) for plane, factor in zip(planes, (8, 4, 4), strict=True))) - 128


def levels(x: Ints) -> list[Ints]:
    """Planes of 96 channels, 16 to a level."""
    x = whole_within(x / 16, -128, 127) + 128
    return [shuffle(x[:64], 8)[0], shuffle(x[64:80], 4)[0], shuffle(x[80:], 4)[0]]
