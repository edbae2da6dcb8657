"""How a P-picture uses the picture before it: reference, sub-streams, reconstruction, one set a mode.

    mode    reference of a P-picture               sub-streams             reconstruction
    intra   (all pictures are I-pictures)          z, y                    U_DEC(y)
    mfvc    y of the picture before                z_t, y_res              U_DEC(y_ref + y_res)
    lds     y of the I-picture, then               z_t, y_shift, z_BFD     U_DEC(y_ref + LCM(...))
            round(U_ENC(x_hat of the one before))
    aligned U_ENC of the picture before, aligned   motion, z_t, y_shift    aligned + U_DEC(y_ref + y_res) - U_DEC(y_ref)

Nothing else that decodes knows a mode by name; what the encoder decides in each stands in encoder/decisions.py. (The
container keeps P-pictures out of streams of intra.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.codec.network import Network
from lvcodec.codec.prediction import Prediction
from lvcodec.codec.shift import shift_direction, shift_undo
from lvcodec.codec.state import State
from lvcodec.entropy import grid

if TYPE_CHECKING:
    from torch import Tensor

    from lvcodec.entropy.coder import Coder


@dataclass(frozen=True)
class Reference:
    """What a picture's residual is coded against.

    latents: in the networks' units; steps, prediction: for some modes the same in whole steps, or as a picture, seen
    through motion.
    """

    latents: Tensor
    steps: Ints | None = None
    prediction: Prediction | None = None


@dataclass(frozen=True)
class Symbols:
    """What is coded of one picture, by name of its sub-stream.

    prior: means and levels that were worked out from these symbols already, the same on both sides.
    """

    streams: dict[str, NDArray[Any]]
    prior: tuple[Ints, Ints] | None = None


@dataclass(frozen=True)
class Mode:
    """A way to predict a picture from the one before it: what both sides do.

    sends_motion: whether motion is coded before all else, and `reference` needs what is predicted by it. shifts:
    whether what is coded of the residual is shifted, by alpha.
    code: walks the sub-streams; symbols to write, or None to read them; returns those known on both sides.
    """

    reference: Callable[[State, Network, Prediction | None], Reference]
    code: Callable[[Symbols | None, Reference, Network, Coder, Fraction], Symbols]
    reconstruct: Callable[[Symbols, Reference, Network], State]
    sends_motion: bool = False
    shifts: bool = False


def code_hyper(name: str, tables: str, symbols: Symbols | None, net: Network, coder: Coder) -> Ints:
    """One hyper-latent: a table a channel. `name` is the sub-stream, `tables` the set of its prior."""
    coder.begin(name)
    index, centre = net.hyper_index(tables)
    return coder.code(symbols.streams[name] if symbols else None, net.tables[tables], index, centre)


def _prior(z: Ints, symbols: Symbols | None, reference: Reference, net: Network) -> tuple[Ints, Ints]:
    """Means and levels of a P-picture's residuals; the encoder has worked them out already."""
    return symbols.prior if symbols and symbols.prior else net.p_parameters(z, reference.latents)


# ---- mfvc ---------------------------------------------------------------------------------------------------------


def _last_latents(state: State, net: Network, prediction: Prediction | None) -> Reference:
    """Those of the picture shown last, worked out again where it has none in these steps.

    In lds they are rounded: docs/decisions.md#the-reference-of-lds-is-rounded.
    """
    known = state.y_hat if state.quality_index == net.quality_index else None
    steps = net.symbols(net.analyse(state.x_hat)) if known is None else known
    return Reference(net.latents(steps), steps)


def _steps_of(reference: Reference) -> Ints:
    if reference.steps is None:
        raise ValueError("mfvc and lds need a reference in whole steps")
    return reference.steps


def _code_mfvc(symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction) -> Symbols:
    z = code_hyper("z_t", "z_p", symbols, net, coder)
    prior = _prior(z, symbols, reference, net)
    coder.begin("y_res")
    index, centre, sign = grid.locate(*prior)
    y_res = coder.code(symbols.streams["y_res"] if symbols else None, net.tables["laplace"], index, centre, sign)
    return Symbols({"z_t": z, "y_res": y_res}, prior)


def _reconstruct_mfvc(symbols: Symbols, reference: Reference, net: Network) -> State:
    y_hat = _steps_of(reference) + symbols.streams["y_res"]
    return State(net.pixels(net.latents(y_hat)), y_hat, net.quality_index)


# ---- lds and aligned: the shifted residual ------------------------------------------------------------------------


def _code_shifted(
    symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction
) -> Symbols:
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
    return Symbols({"z_t": z, "y_shift": y_shift, "undo": undo}, prior)


def _code_lds(symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction) -> Symbols:
    shifted = _code_shifted(symbols, reference, net, coder, alpha)
    z_bfd = code_hyper("z_bfd", "z_bfd", symbols, net, coder)
    return Symbols({**shifted.streams, "z_bfd": z_bfd}, shifted.prior)


def _reconstruct_lds(symbols: Symbols, reference: Reference, net: Network) -> State:
    streams = symbols.streams
    change = net.compensate(streams["z_bfd"], streams["y_shift"], streams["undo"], reference.latents)
    return State(net.pixels(net.latents(change + net.steps(_steps_of(reference)))))


def _aligned(state: State, net: Network, prediction: Prediction | None) -> Reference:
    if prediction is None:
        raise ValueError("aligned needs motion")
    return Reference(net.analyse(prediction.picture), prediction=prediction)


def _reconstruct_aligned(symbols: Symbols, reference: Reference, net: Network) -> State:
    """By difference: where nothing is sent, the picture is the predicted one itself."""
    known = reference.prediction
    if known is None:
        raise ValueError("aligned needs a prediction")
    change = net.latents(symbols.streams["y_shift"] + symbols.streams["undo"])
    x_hat = net.changed(known.picture, reference.latents, reference.latents + change)
    return State(x_hat, field=known.motion.field, span=known.span, counts=known.counts, seen=known.seen)


MODES: dict[str, Mode | None] = {
    "intra": None,
    "mfvc": Mode(_last_latents, _code_mfvc, _reconstruct_mfvc),
    "lds": Mode(_last_latents, _code_lds, _reconstruct_lds, shifts=True),
    "aligned": Mode(_aligned, _code_shifted, _reconstruct_aligned, sends_motion=True, shifts=True),
}
