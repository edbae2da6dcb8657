"""What the loop asks of a family at one quality.

    analyse (U_ENC), pixels (U_DEC)               planes of bytes to latents and back
    scaled, symbols, units, step_sizes            latents in quantiser steps and back
    hyper, intra_passes                           I-pictures' entropy model
    p_hyper, p_parameters                         P-pictures' (P-HE; P-HD, TPM, EPM)
    shift_hyper, compensate                       the shift (BFD-E; BFD-D, LCM)
    inter                                         the inter path, where the model has it

`scaled`, `step_sizes`, `hyper`, `p_hyper` and `shift_hyper` are for the encoder alone. Networks compute with arrays of
their own kind, torch's or numpy's: swift_coding.py and cheng2020_coding.py by torch, swift_kernels.py without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Indices, Ints, Reals

if TYPE_CHECKING:
    from torch import Tensor

    from lvcodec.entropy.tables import TableSet
    from lvcodec.nets.inter_context import InterContext
    from lvcodec.nets.shapes import InterShape

Array = Any  # torch's or numpy's, as the networks compute with
Parameters = tuple[Array, Array]
Planes = tuple[Array, Array, Array]


def as_numpy(array: Tensor | NDArray[Any]) -> NDArray[Any]:
    """What networks put out, in numpy."""
    return array if isinstance(array, np.ndarray) else np.asarray(array.cpu().numpy())


class Coding(Protocol):
    """A family at one quality; arrays have a batch of one and hold whole numbers, exact.

    Latents are the networks' own affair: they go from `analyse` and `units` to where latents are asked for.
    """

    tables: dict[str, TableSet]
    centres: dict[str, Ints]
    inter: InterPath | None

    def given(self, array: NDArray[Any]) -> Array:
        """An array as the networks take it."""
        ...

    def analyse(self, y: Array, u: Array, v: Array) -> Array:
        """U_ENC: latents, (1, M, H/16, W/16), of padded planes of bytes, (1, 1, H, W) and (1, 1, H/2, W/2) twice."""
        ...

    def scaled(self, latents: Array) -> Array:
        """Latents, or a difference of two, in quantiser steps, not rounded, (1, M, H/16, W/16)."""
        ...

    def step_sizes(self) -> Array | None:
        """A quantiser step of each latent, (1, M, 1, 1), in coefficients of an orthonormal transform of levels.

        None if the family cannot tell.
        """
        ...

    def symbols(self, latents: Array) -> Array:
        """Latents, or a difference of two, in whole quantiser steps, (1, M, H/16, W/16)."""
        ...

    def units(self, symbols: Array) -> Array:
        """Latents, (1, M, H/16, W/16), of quantiser steps of any size: whole, or multiples of 1/64."""
        ...

    def pixels(self, latents: Array) -> Planes:
        """U_DEC: padded planes of levels 0..255, (1, 1, H, W) and (1, 1, H/2, W/2) twice, of latents."""
        ...

    def hyper(self, latents: Array) -> Array:
        """h_a: the hyper-latent of an I-picture, (1, Z, H/64, W/64), whole."""
        ...

    def intra_passes(self, z: Array) -> Iterator[tuple[Indices, Callable[[Array], Parameters]]]:
        """Of each pass over an I-picture's symbols the flat positions in (M, H/16, W/16), and their parameters.

        z: as `hyper` gives it. Parameters: a function from the symbols known so far, (1, M, H/16, W/16) of any numeric
        type, to means in eighths of a step and levels of the scale grid, one for each position.
        """
        ...

    def p_hyper(self, y_ref: Array, y_res: Array) -> Array:
        """P-HE: the hyper-latent of a P-picture, (1, Z, H/64, W/64), whole. y_ref: latents; y_res: whole steps."""
        ...

    def p_parameters(self, z: Array, y_ref: Array) -> Parameters:
        """P-HD, TPM, EPM: means in eighths of a step and levels of the scale grid, (1, M, H/16, W/16) each."""
        ...

    def shift_hyper(self, direction: Array, latents: Array) -> Array:
        """BFD-E: what is sent of the shift, (1, Z, H/64, W/64), whole.

        direction: -1, 0 or 1 of each residual, (1, M, H/16, W/16); latents: the picture's own.
        """
        ...

    def compensate(self, z: Array, y_shift: Array, undo: Array, y_ref: Array) -> Array:
        """BFD-D, LCM: what is added to the reference's latents, in quantiser steps, (1, M, H/16, W/16).

        z: as `shift_hyper` gives it; y_shift: residuals as sent, in steps; undo: what takes the shift back where the
        mean tells that there was one; y_ref: latents.
        """
        ...

    def z_shape(self, stream: str, height: int, width: int) -> tuple[int, int, int]:
        """(Z, H/64, W/64) of a hyper-latent, by the name of its prior, for padded pictures of H x W luma pels."""
        ...

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """(M, H/16, W/16), for padded pictures of H x W luma pels."""
        ...


class InterPath(Protocol):
    """The inter path at one quality. Symbols are int32 arrays with a row for each place, (H/16 * W/16, M).

    inverse, outward: (M,) latent units for a symbol; how much further out than its whole step a symbol is put, in
    symbols.
    """

    shape: InterShape
    tables: dict[str, TableSet]
    quality_index: int
    inverse: NDArray[np.float64]
    outward: NDArray[np.float64]

    def at(self, quality_index: int) -> InterPath:
        """The same networks at another quality, 0 ... (KNOTS - 1) * 20."""
        ...

    def features(self, context: InterContext) -> Any:
        """What the entropy model has from before the picture."""
        ...

    def live_levels(self, odd: int, features: Any, live: NDArray[np.bool_], places: Indices) -> Ints:
        """Tables of whether places are live, (n,): where row + column is even or, with `odd`, odd.

        live: (H/16, W/16), the even ones known for the odd; places: flat.
        """
        ...

    def indices(
        self, number: int, features: Any, live: NDArray[np.bool_], sizes: NDArray[np.uint8], places: Indices
    ) -> Ints:
        """Tables of a head's symbols at some places, (n, channels of its group).

        sizes: (H/16 * W/16, M), of the symbols that are known to the head, anything elsewhere.
        """
        ...

    def analysis(self, residual: Reals) -> Array:
        """(n, M) latent units of what places lack, (n, 4 * 96) levels. For the encoder alone.

        Of each of the 96 channels of 8x8 luma pels (exact/patches.py) a place has four, row by row.
        """
        ...

    def changed(
        self, prediction: tuple[NDArray[np.uint8], ...], symbols: Ints, context: InterContext
    ) -> tuple[Array, ...]:
        """The picture: padded planes of bytes of the prediction, (1, 1, H, W), and what the symbols add."""
        ...
