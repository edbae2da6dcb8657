"""The networks of cheng2020: section "cheng2020"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layers import Floats, Networks, join, shuffle, whole, whole_within
from .symbols import Ints
from .weights import Weights

ONE = 4096  # units of a symbol
MEAN_MAX = 2**17
LEVEL_MAX = 67
LEVELS_PER_NAT, LEVEL_OF_ONE = 8.656170245333781, 25.931568569324174


def c24(x: NDArray[Any]) -> Ints:
    """C24(round(x))."""
    return whole_within(x, -(2**23), 2**23 - 1)


class Cheng2020(Networks):
    """The networks of one quality index. Symbols are whole, or multiples of 1/64 in float64."""

    def __init__(self, weights: Weights, quality: int) -> None:
        number = 1 + quality // 20
        if quality % 20 or number not in weights.qualities:
            raise ValueError(f"the model has no networks for the quality index {quality}")
        super().__init__(weights, f"q{number}.")
        self.channels: int = weights.shape["channels"][str(number)]  # N and M

    # ---- activations and units --------------------------------------------------------------------------------

    def clamped(self, name: str, x: Ints, stride: int = 1) -> Ints:
        """A layer with the activation "clamp"."""
        return c24(self.acc(name, x, stride))

    def relu(self, name: str, x: Ints, stride: int = 1, *, transposed: bool = False) -> Ints:
        """A layer with the activation "relu", which is leaky in this format."""
        acc = self.acc(name, x, stride, transposed=transposed)
        return c24(np.where(acc < 0, acc * 0.01, acc))

    def gdn(self, name: str, x: Ints, *, inverse: bool = False) -> Ints:
        """gdn, or inverse gdn: a root, and one division or product."""
        squares = whole_within(x.astype(np.float64) ** 2 / 256, 0, 2**36)
        root = np.sqrt(np.maximum(1, np.rint(self.acc(name, squares)))) * 2.0**-16
        return c24(x * root if inverse else x / root)

    def units(self, symbols: NDArray[Any]) -> Ints:
        """units(s)."""
        return c24(ONE * symbols)

    # ---- layers together --------------------------------------------------------------------------------------

    def block(self, name: str, x: Ints) -> Ints:
        """A residual block."""
        return c24(self.relu(f"{name}.conv2", self.relu(f"{name}.conv1", x)) + x)

    def halving_block(self, name: str, x: Ints) -> Ints:
        """A block that halves the sides."""
        t = self.clamped(f"{name}.conv2", self.relu(f"{name}.conv1", x, 2))
        return c24(self.gdn(f"{name}.gdn", t) + self.clamped(f"{name}.skip", x, 2))

    def doubling_block(self, name: str, x: Ints) -> Ints:
        """A block that doubles the sides."""
        t = self.clamped(f"{name}.conv", shuffle(self.relu(f"{name}.subpel_conv.0", x), 2))
        return c24(self.gdn(f"{name}.igdn", t, inverse=True) + shuffle(self.clamped(f"{name}.upsample.0", x), 2))

    def hyper_features(self, z: Ints) -> Ints:
        """h_s of a hyper-latent: 2N channels at 1/16."""
        x = self.relu("h_s.0", self.units(z))
        x = shuffle(self.relu("h_s.2.0", x), 2)
        x = self.relu("h_s.4", x)
        x = shuffle(self.relu("h_s.6.0", x), 2)
        return self.clamped("h_s.8", x)

    def temporal_features(self, name: str, z: Ints) -> Ints:
        """ph_d or bfd_d of a hyper-latent: 2N channels at 1/16."""
        x = self.units(z)
        for number in (0, 1):
            x = self.relu(f"{name}.{number}", x, transposed=True)
        return self.clamped(f"{name}.2", x)

    def head(self, name: str, x: Ints, numbers: tuple[int, int, int] = (0, 1, 2)) -> Ints:
        """Three layers: relu, relu, wide."""
        first, second, last = numbers
        return self.wide(f"{name}.{last}", self.relu(f"{name}.{second}", self.relu(f"{name}.{first}", x)))

    # ---- what a payload is decoded with -----------------------------------------------------------------------

    def passes(self, z: Ints, y_hat: Ints) -> Iterator[tuple[NDArray[np.bool_], Ints, Ints]]:
        """Section "Passes of an I-picture": of each pass a mask of its positions, mean8 and level there.

        y_hat: (M, h, w), zero where not yet decoded; the caller fills each pass's positions before the next.
        """
        psi = self.hyper_features(z)
        thresholds = self.weights.arrays["grid.thresholds"][:, None, None, None]
        rows, columns = y_hat.shape[1:]
        turn = np.arange(columns) + 3 * np.arange(rows)[:, None]
        for number in range(columns + 3 * (rows - 1)):
            context = self.clamped("context_prediction", self.units(y_hat))
            b, a = np.split(self.head("entropy_parameters", join(psi, context), (0, 2, 4)), 2)
            mean8 = whole_within(a / 512, -MEAN_MAX, MEAN_MAX)
            level = np.sum(thresholds <= b, axis=0)
            mask = np.broadcast_to(turn == number, y_hat.shape)
            yield mask, mean8[mask], level[mask]

    def prior(self, z: Ints, u_ref: Ints) -> tuple[Ints, Ints]:
        """Section "Prior of a P-picture of cheng2020": mean8 and level, (M, h, w)."""
        t = self.relu("temporal.tpm.1", self.relu("temporal.tpm.0", u_ref))
        joined = join(self.temporal_features("temporal.ph_d", z), self.clamped("temporal.tpm.2", t))
        a, b = np.split(self.head("temporal.epm", joined), 2)
        mean8 = whole_within(a / 32, -MEAN_MAX, MEAN_MAX)
        return mean8, whole_within(b * (LEVELS_PER_NAT / 256) + LEVEL_OF_ONE, 0, LEVEL_MAX)

    def change(self, z: Ints, y_shift: NDArray[Any], undo: NDArray[Any], u_ref: Ints) -> Floats:
        """Section "Change of lds in cheng2020": multiples of 1/64."""
        joined = join(self.temporal_features("shift.bfd_d", z), self.units(y_shift), u_ref)
        return self.head("shift.lcm", joined) / 64

    def synthesise(self, y_hat: NDArray[Any]) -> list[Ints]:
        """Section "U_DEC of cheng2020": planes with their padding."""
        return [np.clip(plane, 0, 255) for plane in self.synthesis(self.units(y_hat))]

    def synthesis(self, x: Ints) -> list[Ints]:
        """Planes of latents in units, not clamped."""
        for number in range(7):
            x = self.doubling_block(f"g_s.{number}", x) if number % 2 else self.block(f"g_s.{number}", x)
        red, green, blue = rgb = np.clip(shuffle(self.wide("g_s.7.0", x), 2), -(2**20), 2**20)
        r4, g4, b4 = rgb[:, ::2, ::2] + rgb[:, ::2, 1::2] + rgb[:, 1::2, ::2] + rgb[:, 1::2, 1::2]
        return [
            16 + whole((3051317 * red + 10264825 * green + 1036242 * blue) * 2.0**-32),
            128 + whole((7340032 * b4 - 1681926 * r4 - 5658106 * g4) * 2.0**-34),
            128 + whole((7340032 * r4 - 673038 * b4 - 6666994 * g4) * 2.0**-34),
        ]

    def analyse(self, planes: list[Ints]) -> Ints:
        """Section "U_ENC of cheng2020": symbols of padded planes."""
        return whole_within(self.latents(planes) / ONE, -2047, 2047)

    def latents(self, planes: list[Ints]) -> Ints:
        """The same section: latents of padded planes, in units."""
        y = planes[0] - 16
        u, v = ((plane - 128).repeat(2, axis=0).repeat(2, axis=1) for plane in planes[1:])
        red = 1225733 * y + 1887197 * v
        green = 1225733 * y - 224484 * u - 560987 * v
        blue = 1225733 * y + 2223700 * u
        x = whole(np.stack([red, green, blue]) * 2.0**-16)
        for number in range(6):
            x = self.block(f"g_a.{number}", x) if number % 2 else self.halving_block(f"g_a.{number}", x)
        return self.clamped("g_a.6", x, 2)
