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
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.codec import motion
from lvcodec.codec.motion import Field
from lvcodec.codec.network import Ints, Network
from lvcodec.entropy import grid
from lvcodec.errors import StreamError
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from torch import Tensor

    from lvcodec.entropy.coder import Coder


@dataclass(frozen=True)
class State:
    """What the stream has told the decoder: the picture shown last, its latents where they are whole steps, and the
    motion to it from the one before where there is any."""

    x_hat: Picture
    y_hat: Ints | None = None
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
    time. coarser: how many quality indices P-pictures are below their I-picture, where the weights have such
    qualities: their errors are not passed on for as long.
    """

    reference: Callable[[State, Network, Field | None], Reference]
    analyse: Callable[[Tensor, Reference, Network, Fraction], Symbols]
    code: Callable[[Symbols | None, Reference, Network, Coder, Fraction], Symbols]
    reconstruct: Callable[[Symbols, Reference, Network], State]
    search: Callable[[Picture, State, Network], Field] | None = None
    refine: Callable[[Symbols, Picture, Reference, Network, Fraction], Symbols] | None = None
    coarser: int = 0


def code_hyper(name: str, tables: str, symbols: Symbols | None, net: Network, coder: Coder) -> Ints:
    """One hyper-latent: a table a channel. `name` is the sub-stream, `tables` the set of its prior."""
    coder.begin(name)
    index, centre = net.hyper_index(tables)
    return coder.code(symbols.streams[name] if symbols else None, net.tables[tables], index, centre)


def direction_of(y_res: Ints, mean8: Ints) -> Ints:
    """Equation 4 in eighths of a step: 0 where |y_res - mean| < 1/2, else the sign of y_res - mean."""
    apart, half = y_res * grid.MEAN_STEPS - mean8, grid.MEAN_STEPS // 2
    return _difference(apart >= half, apart <= -half)


def undo_of(y_shift: Ints, mean8: Ints) -> Ints:
    """What most likely takes a shift by one back: 0 nearer than half a step to the mean, where any may have been.

    Further than that the symbol has been moved towards the mean. At just half a step it has come from the other side
    of the mean, or from three halves away, which is less likely.
    """
    apart, half = y_shift * grid.MEAN_STEPS - mean8, grid.MEAN_STEPS // 2
    return _difference((apart > half) | (apart == -half), (apart < -half) | (apart == half))


def _difference(up: NDArray[np.bool_], down: NDArray[np.bool_]) -> Ints:
    return (up.view(np.int8) - down.view(np.int8)).astype(np.int32)


def _last_latents(state: State, net: Network, field: Field | None) -> Reference:
    steps = net.symbols(net.analyse(state.x_hat)) if state.y_hat is None else state.y_hat
    if steps.shape != net.latent_shape():
        raise StreamError(f"its quality has {net.latent_shape()[0]} latent channels, its reference {steps.shape[0]}")
    return Reference(net.latents(steps), steps)


def _aligned(state: State, net: Network, field: Field | None) -> Reference:
    if field is None:
        raise ValueError("aligned needs motion")
    picture = motion.align(state.x_hat, field)
    return Reference(net.analyse(picture), picture=picture, field=field)


def _search(picture: Picture, state: State, net: Network) -> Field:
    from lvcodec.codec.search import search  # the encoder's, and its library is large

    return search(picture, state.x_hat, motion.before(state.x_hat, state.field), 1 + net.quality_index / 20)


def _residual(latents: Tensor, reference: Reference, net: Network) -> Ints:
    if reference.steps is None:
        return net.symbols(latents - reference.latents)
    return net.symbols(latents) - reference.steps


def _analyse_residual(latents: Tensor, reference: Reference, net: Network, alpha: Fraction) -> Symbols:
    y_res = _residual(latents, reference, net)
    return Symbols({"z_t": net.p_hyper(reference.latents, y_res), "y_res": y_res})


# `worth`, of errors, was found by trial (docs/training-log.md): only in mfvc the next picture mends none.
def _refine_residual(symbols: Symbols, picture: Picture, reference: Reference, net: Network, alpha: Fraction
                     ) -> Symbols:
    z, y_res = symbols.streams["z_t"], symbols.streams["y_res"]
    prior = net.p_parameters(z, reference.latents)
    return Symbols({"z_t": z, "y_res": net.refine_residual(picture, None, reference.latents, y_res, prior,
                                                           shifted=False, worth=1)})


def _code_residual(symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction
                   ) -> Symbols:
    z = code_hyper("z_t", "z_p", symbols, net, coder)
    prior = net.p_parameters(z, reference.latents)
    coder.begin("y_res")
    index, centre, sign = grid.locate(*prior)
    y_res = coder.code(symbols.streams["y_res"] if symbols else None, net.tables["laplace"], index, centre, sign)
    return Symbols({"z_t": z, "y_res": y_res}, prior)


def _reconstruct_residual(symbols: Symbols, reference: Reference, net: Network) -> State:
    assert reference.steps is not None
    y_hat = reference.steps + symbols.streams["y_res"]
    return State(net.pixels(net.latents(y_hat)), y_hat)


def _analyse_aligned(latents: Tensor, reference: Reference, net: Network, alpha: Fraction) -> Symbols:
    plain = _analyse_residual(latents, reference, net, alpha).streams
    prior = net.p_parameters(plain["z_t"], reference.latents)
    coded = plain["y_res"] - direction_of(plain["y_res"], prior[0]) if alpha == 1 else plain["y_res"]
    return Symbols({"z_t": plain["z_t"], "y_shift": coded, "y_res": plain["y_res"]}, prior)


def _refine_shifted(symbols: Symbols, picture: Picture, reference: Reference, net: Network, alpha: Fraction, *,
                    worth: float) -> Symbols:
    assert symbols.prior is not None
    coded = net.refine_residual(picture, reference.picture, reference.latents, symbols.streams["y_shift"],
                                symbols.prior, shifted=alpha == 1, worth=worth, z_bfd=symbols.streams.get("z_bfd"))
    return Symbols({**symbols.streams, "y_shift": coded}, symbols.prior)


def _analyse_shifted(latents: Tensor, reference: Reference, net: Network, alpha: Fraction) -> Symbols:
    found = _analyse_aligned(latents, reference, net, alpha)
    assert found.prior is not None
    z_bfd = net.shift_hyper(direction_of(found.streams["y_res"], found.prior[0]), latents)
    return Symbols({**found.streams, "z_bfd": z_bfd}, found.prior)


def _code_shifted(symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction
                  ) -> Symbols:
    coded = _code_aligned(symbols, reference, net, coder, alpha)
    z_bfd = code_hyper("z_bfd", "z_bfd", symbols, net, coder)
    return Symbols({**coded.streams, "z_bfd": z_bfd}, coded.prior)


def _code_aligned(symbols: Symbols | None, reference: Reference, net: Network, coder: Coder, alpha: Fraction
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


MODES: dict[str, Mode | None] = {
    "intra": None,
    "mfvc": Mode(_last_latents, _analyse_residual, _code_residual, _reconstruct_residual,
                 refine=_refine_residual),
    "lds": Mode(_last_latents, _analyse_shifted, _code_shifted, _reconstruct_shifted,
                refine=partial(_refine_shifted, worth=0.4)),
    "aligned": Mode(_aligned, _analyse_aligned, _code_aligned, _reconstruct_aligned, _search,
                    partial(_refine_shifted, worth=0.25), coarser=15),
}
