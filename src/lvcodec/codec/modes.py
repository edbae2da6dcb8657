"""How a P-picture uses the picture before it: reference, sub-streams, reconstruction, one set a mode.

    mode    reference of a P-picture               sub-streams             reconstruction
    intra   (all pictures are I-pictures)          z, y                    U_DEC(y)
    mfvc    y of the picture before                z_t, y_res              U_DEC(y_ref + y_res)
    lds     y of the I-picture, then               z_t, y_shift, z_BFD     U_DEC(y_ref + LCM(...))
            round(U_ENC(x_hat of the one before))
    aligned U_ENC of the picture before, aligned   motion, z_t, y_shift    aligned + U_DEC(y_ref + y_res) - U_DEC(y_ref)

Nothing else that codes knows a mode by name. (The container keeps P-pictures out of streams of intra.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.codec import motion
from lvcodec.codec.motion import Field
from lvcodec.codec.network import Ints, Network
from lvcodec.codec.shift import direction_of, undo_of
from lvcodec.encoder.symbols import Reals, choose, choose_shifted
from lvcodec.entropy import grid
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from torch import Tensor

    from lvcodec.entropy.coder import Coder


@dataclass(frozen=True)
class State:
    """What the stream has told the decoder: the picture shown last, its latents and their quality where they are whole
    steps, and the motion to it from the one before where there is any."""

    x_hat: Picture
    y_hat: Ints | None = None
    quality_index: int | None = None
    field: Field | None = None


@dataclass(frozen=True)
class Reference:
    """What a P-picture is predicted from: latents, in the networks' units, and for some modes the same as whole steps
    or as a picture."""

    latents: Tensor
    steps: Ints | None = None
    picture: Picture | None = None
    field: Field | None = None


@dataclass(frozen=True)
class Symbols:
    """What is coded of one picture, by name of its sub-stream.

    prior: means and levels that were worked out from these symbols already, the same on both sides.
    """

    streams: dict[str, NDArray[Any]]
    prior: tuple[Ints, Ints] | None = None


@dataclass(frozen=True)
class Mode:
    """A way to predict a picture from the one before it.

    search: the encoder's, in modes that send motion. refine: the encoder's choice of better symbols, if it takes the
    time. alpha: the length of the shift, where none is asked for; None: 1, or as codec/shift.py says where LCM was
    trained for 1/2. coarser: how many quality indices P-pictures are below their I-picture, where the weights have such
    qualities. worth: of errors of P-pictures, where those of pictures that stand alone are worth 1; worth_half: that
    if alpha is 1/2.
    """

    reference: Callable[[State, Network, Field | None], Reference]
    analyse: Callable[[Tensor, Reference, Network, Fraction, float], Symbols]
    code: Callable[[Symbols | None, Reference, Network, Coder, Fraction], Symbols]
    reconstruct: Callable[[Symbols, Reference, Network], State]
    search: Callable[[Picture, State, Network], Field] | None = None
    refine: Callable[[Symbols, Picture, Reference, Network, Fraction, float], Symbols] | None = None
    alpha: Fraction | None = Fraction(1)
    coarser: int = 0
    worth: float = 1.0
    worth_half: float = 1.0

    def worth_at(self, alpha: Fraction) -> float:
        """What the encoder takes errors of P-pictures to be worth."""
        return self.worth if alpha == 1 else self.worth_half


def code_hyper(name: str, tables: str, symbols: Symbols | None, net: Network, coder: Coder) -> Ints:
    """One hyper-latent: a table a channel. `name` is the sub-stream, `tables` the set of its prior."""
    coder.begin(name)
    index, centre = net.hyper_index(tables)
    return coder.code(symbols.streams[name] if symbols else None, net.tables[tables], index, centre)


def _last_latents(state: State, net: Network, field: Field | None) -> Reference:
    """Those of the picture shown last, worked out again where it has none in these steps."""
    known = state.y_hat if state.quality_index == net.quality_index else None
    steps = net.symbols(net.analyse(state.x_hat)) if known is None else known
    return Reference(net.latents(steps), steps)


def _aligned(state: State, net: Network, field: Field | None) -> Reference:
    if field is None:
        raise ValueError("aligned needs motion")
    picture = motion.align(state.x_hat, field)
    return Reference(net.analyse(picture), picture=picture, field=field)


def _search(picture: Picture, state: State, net: Network) -> Field:
    from lvcodec.encoder.search import SWEEPS, search  # the encoder's, and its library is large

    before, quality = motion.before(state.x_hat, state.field), 1 + net.quality_index / 20
    return search(picture, state.x_hat, before, quality, SWEEPS if net.refiner is None else 3 * SWEEPS)


def _residual(latents: Tensor, reference: Reference, net: Network) -> Reals:
    """In steps, not rounded."""
    if reference.steps is None:
        return net.scaled(latents - reference.latents)
    return net.scaled(latents) - reference.steps


def _analyse_residual(latents: Tensor, reference: Reference, net: Network, alpha: Fraction, worth: float) -> Symbols:
    real = _residual(latents, reference, net)
    z, prior = _predict(real, reference, net)
    y_res = choose(real, net.worth(worth), net.tables["laplace"], grid.locate(*prior))
    return Symbols({"z_t": z, "y_res": y_res}, prior)


def _predict(real: Reals, reference: Reference, net: Network) -> tuple[Ints, tuple[Ints, Ints]]:
    """A P-picture's hyper-latent, and the means and levels that it gives."""
    z = net.p_hyper(reference.latents, np.rint(real).astype(np.int32))
    return z, net.p_parameters(z, reference.latents)


def _refine_residual(
    symbols: Symbols, picture: Picture, reference: Reference, net: Network, alpha: Fraction, worth: float
) -> Symbols:
    return _refined("y_res", symbols, picture, reference, net, worth, shifted=False)


def _refined(
    name: str, symbols: Symbols, picture: Picture, reference: Reference, net: Network, worth: float, *, shifted: bool
) -> Symbols:
    assert symbols.prior is not None
    coded = net.refine_residual(
        picture,
        reference.picture,
        reference.latents,
        symbols.streams[name],
        symbols.prior,
        shifted=shifted,
        worth=worth,
        z_bfd=symbols.streams.get("z_bfd"),
    )
    return Symbols({**symbols.streams, name: coded}, symbols.prior)


def _code_residual(
    symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction
) -> Symbols:
    z = code_hyper("z_t", "z_p", symbols, net, coder)
    prior = symbols.prior if symbols and symbols.prior else net.p_parameters(z, reference.latents)
    coder.begin("y_res")
    index, centre, sign = grid.locate(*prior)
    y_res = coder.code(symbols.streams["y_res"] if symbols else None, net.tables["laplace"], index, centre, sign)
    return Symbols({"z_t": z, "y_res": y_res}, prior)


def _reconstruct_residual(symbols: Symbols, reference: Reference, net: Network) -> State:
    assert reference.steps is not None
    y_hat = reference.steps + symbols.streams["y_res"]
    return State(net.pixels(net.latents(y_hat)), y_hat, net.quality_index)


def _analyse_aligned(latents: Tensor, reference: Reference, net: Network, alpha: Fraction, worth: float) -> Symbols:
    return _shift(_residual(latents, reference, net), reference, net, alpha, worth)


def _shift(real: Reals, reference: Reference, net: Network, alpha: Fraction, worth: float) -> Symbols:
    z, prior = _predict(real, reference, net)
    located = grid.locate(*prior)
    if alpha == 1:
        coded = choose_shifted(real, net.worth(worth), net.tables["laplace_shifted"], located, prior[0])
    else:
        coded = choose(real, net.worth(worth), net.tables["laplace"], located)
    return Symbols({"z_t": z, "y_shift": coded}, prior)


def _refine_shifted(
    symbols: Symbols, picture: Picture, reference: Reference, net: Network, alpha: Fraction, worth: float
) -> Symbols:
    return _refined("y_shift", symbols, picture, reference, net, worth, shifted=alpha == 1)


def _analyse_shifted(latents: Tensor, reference: Reference, net: Network, alpha: Fraction, worth: float) -> Symbols:
    real = _residual(latents, reference, net)
    found = _shift(real, reference, net, alpha, worth)
    assert found.prior is not None
    z_bfd = net.shift_hyper(direction_of(np.rint(real).astype(np.int32), found.prior[0]), latents)
    return Symbols({**found.streams, "z_bfd": z_bfd}, found.prior)


def _code_shifted(
    symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction
) -> Symbols:
    coded = _code_aligned(symbols, reference, net, coder, alpha)
    z_bfd = code_hyper("z_bfd", "z_bfd", symbols, net, coder)
    return Symbols({**coded.streams, "z_bfd": z_bfd}, coded.prior)


def _code_aligned(
    symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction
) -> Symbols:
    z = code_hyper("z_t", "z_p", symbols, net, coder)
    prior = symbols.prior if symbols and symbols.prior else net.p_parameters(z, reference.latents)
    coder.begin("y_shift")
    # A shift by one merges symbols: their probabilities are the push-forward of the residual's.
    # A shift by a half only renames them, so the residual is coded by its own table and shifted on both sides.
    tables = net.tables["laplace_shifted" if alpha == 1 else "laplace"]
    index, centre, sign = grid.locate(*prior)
    coded = coder.code(symbols.streams["y_shift"] if symbols else None, tables, index, centre, sign)
    y_shift: NDArray[Any] = coded
    undo: NDArray[Any] = undo_of(coded, prior[0]) if alpha == 1 else float(alpha) * direction_of(coded, prior[0])
    if alpha != 1:
        y_shift = coded - undo
    return Symbols({"z_t": z, "y_shift": y_shift, "undo": undo}, prior)


def _reconstruct_shifted(symbols: Symbols, reference: Reference, net: Network) -> State:
    streams = symbols.streams
    assert reference.steps is not None
    change = net.compensate(streams["z_bfd"], streams["y_shift"], streams["undo"], reference.latents)
    return State(net.pixels(net.latents(change + net.steps(reference.steps))))


def _reconstruct_aligned(symbols: Symbols, reference: Reference, net: Network) -> State:
    """By difference: where nothing is sent, the picture is the aligned one itself."""
    assert reference.picture is not None
    change = net.latents(symbols.streams["y_shift"] + symbols.streams["undo"])
    x_hat = net.changed(reference.picture, reference.latents, reference.latents + change)
    return State(x_hat, field=reference.field)


# Worths, and how much coarser, were found by trial (docs/training-log.md). An error is worth all of itself
# where the next picture mends none of it: in mfvc, and in lds if the shift loses nothing.
MODES: dict[str, Mode | None] = {
    "intra": None,
    "mfvc": Mode(_last_latents, _analyse_residual, _code_residual, _reconstruct_residual, refine=_refine_residual),
    "lds": Mode(
        _last_latents,
        _analyse_shifted,
        _code_shifted,
        _reconstruct_shifted,
        refine=_refine_shifted,
        alpha=None,
        worth=0.3,
    ),
    "aligned": Mode(
        _aligned,
        _analyse_aligned,
        _code_aligned,
        _reconstruct_aligned,
        _search,
        _refine_shifted,
        coarser=20,
        worth=0.3,
        worth_half=0.3,
    ),
}
