"""How a P-picture uses the picture before it: reference, sub-streams, reconstruction, one set a mode.

    mode    reference of a P-picture               sub-streams              reconstruction
    intra   (all pictures are I-pictures)          z, y                     U_DEC(y); in two steps more
    mfvc    y of the picture before                z_t, y_res               U_DEC(y_ref + y_res)
    lds     y of the I-picture, then               z_t, y_shift, z_BFD      U_DEC(y_ref + LCM(...))
            round(U_ENC(x_hat of the one before)),
            or y as its symbols tell it (kept)
    aligned x_hat of its references, moved along   motion, live, residual   prediction + inter path (codec/aligned.py)

In a group whose shift has the length 0, lds is mfvc. Nothing else that decodes knows a mode by name; what the encoder
decides in each stands in encoder/decisions.py. (The container keeps P-pictures out of streams of intra.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.codec.aligned import Aligned
from lvcodec.codec.later import When
from lvcodec.codec.network import Network
from lvcodec.codec.shift import shift_direction, shift_undo
from lvcodec.codec.state import State
from lvcodec.entropy import grid
from lvcodec.nets.coding import Array
from lvcodec.stream.structure import Shift, Step

if TYPE_CHECKING:
    from lvcodec.entropy.coder import Coder


class Mode(Protocol):
    """A way to predict a picture from others."""

    def decode(
        self, references: tuple[State, ...], step: Step, net: Network, coder: Coder, alpha: Fraction, when: When
    ) -> State:
        """Read a picture from the coder, and return the state after it.

        references: the states after those that its step tells; when: its pixels may be computed, where no symbols need
        them. Raises StreamError if the payload is damaged.
        """
        ...


@dataclass(frozen=True)
class Reference:
    """What a P-picture's latents are predicted from: in the networks' units, and in whole steps."""

    latents: Array
    steps: Ints


@dataclass(frozen=True)
class Symbols:
    """What is coded of one picture, by name of its sub-stream.

    prior: means and levels that were worked out from these symbols already, the same on both sides.
    """

    streams: dict[str, NDArray[Any]]
    prior: tuple[Ints, Ints] | None = None


@dataclass(frozen=True)
class LatentMode:
    """The paper's modes: latents are predicted from those of the picture before. What both sides do.

    code: walks the sub-streams; symbols to write, or None to read them; returns those known on both sides.
    """

    code: Callable[[Symbols | None, Reference, Network, Coder, Fraction], Symbols]
    reconstruct: Callable[[Symbols, Reference, Network, When], State]

    def decode(
        self, references: tuple[State, ...], step: Step, net: Network, coder: Coder, alpha: Fraction, when: When
    ) -> State:
        """See Mode."""
        reference = last_latents(references[0], net)
        return self.reconstruct(self.code(None, reference, net, coder, alpha), reference, net, when)


def last_latents(state: State, net: Network) -> Reference:
    """Those of the picture shown last, worked out again where it has none in these steps.

    In lds both happens: docs/decisions.md#the-reference-of-lds.
    """
    known = state.y_hat if state.quality_index == net.quality_index else None
    steps = net.symbols(net.analyse(state.x_hat)) if known is None else known
    return Reference(net.latents(steps), steps)


def code_hyper(name: str, tables: str, symbols: Symbols | None, net: Network, coder: Coder) -> Ints:
    """One hyper-latent: a table a channel. `name` is the sub-stream, `tables` the set of its prior."""
    coder.begin(name)
    index, centre = net.hyper_index(tables)
    return coder.code(symbols.streams[name] if symbols else None, net.tables[tables], index, centre)


def _prior(z: Ints, symbols: Symbols | None, reference: Reference, net: Network) -> tuple[Ints, Ints]:
    """Means and levels of a P-picture's residuals; the encoder has worked them out already."""
    return symbols.prior if symbols and symbols.prior else net.p_parameters(z, reference.latents)


# ---- mfvc ---------------------------------------------------------------------------------------------------------


def _code_mfvc(symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction) -> Symbols:
    z = code_hyper("z_t", "z_p", symbols, net, coder)
    prior = _prior(z, symbols, reference, net)
    coder.begin("y_res")
    index, centre, sign = grid.locate(*prior)
    y_res = coder.code(symbols.streams["y_res"] if symbols else None, net.tables["laplace"], index, centre, sign)
    return Symbols({"z_t": z, "y_res": y_res}, prior)


def _reconstruct_mfvc(symbols: Symbols, reference: Reference, net: Network, when: When) -> State:
    y_hat = reference.steps + symbols.streams["y_res"]
    return State(when(lambda: net.pixels(net.latents(y_hat))), net.quality_index, y_hat)


# ---- lds: the shifted residual ------------------------------------------------------------------------------------


def _code_lds(symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction) -> Symbols:
    z = code_hyper("z_t", "z_p", symbols, net, coder)
    prior = _prior(z, symbols, reference, net)
    coder.begin("y_shift")
    # A shift by one merges symbols: their probabilities are the push-forward of the residual's.
    # A shift by a half only renames them, so the residual is coded by its own table and shifted on both sides.
    tables = net.tables["laplace_shifted" if alpha == 1 else "laplace"]
    index, centre, sign = grid.locate(*prior)
    coded = coder.code(symbols.streams["y_shift"] if symbols else None, tables, index, centre, sign)
    y_shift: NDArray[Any] = coded
    undo: NDArray[Any] = shift_undo(coded, prior[0]) if alpha == 1 else float(alpha) * shift_direction(coded, prior[0])
    if alpha != 1:
        y_shift = coded - undo
    z_bfd = code_hyper("z_bfd", "z_bfd", symbols, net, coder)
    return Symbols({"z_t": z, "y_shift": y_shift, "undo": undo, "z_bfd": z_bfd}, prior)


def _reconstruct_lds(symbols: Symbols, reference: Reference, net: Network, when: When) -> State:
    streams = symbols.streams
    latents = net.compensated(reference.steps, streams["z_bfd"], streams["y_shift"], streams["undo"], reference.latents)
    return State(when(lambda: net.pixels(latents)), net.quality_index)


def _reconstruct_lds_kept(symbols: Symbols, reference: Reference, net: Network, when: When) -> State:
    """The same picture. What LCM adds is shown, and no part of the reference: that has whole steps."""
    shown = _reconstruct_lds(symbols, reference, net, when)
    y_res = (symbols.streams["y_shift"] + symbols.streams["undo"]).astype(np.int32)  # whole: the shift is taken back
    return replace(shown, y_hat=reference.steps + y_res)


MFVC = LatentMode(_code_mfvc, _reconstruct_mfvc)
LDS = LatentMode(_code_lds, _reconstruct_lds)
LDS_KEPT = LatentMode(_code_lds, _reconstruct_lds_kept)
MODES: dict[str, Mode | None] = {"intra": None, "mfvc": MFVC, "lds": LDS, "aligned": Aligned()}


def has_two_steps(mode: Mode | None) -> bool:
    """Whether a mode's I-pictures may take two steps (codec/two_steps.py): where no picture refers to their latents."""
    return not isinstance(mode, LatentMode)


def mode_of(name: str, shift: Shift) -> Mode | None:
    """How P- and B-pictures are coded in a stream of this mode, shifted so."""
    if name == "lds" and shift.alpha == 0:
        return MFVC
    return LDS_KEPT if name == "lds" and shift.kept else MODES[name]
