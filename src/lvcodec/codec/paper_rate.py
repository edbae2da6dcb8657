"""The shifted residual of `lds` as Kim et al. 2022 count it: an estimate, and never the rate of a stream.

Their equation 5 takes the mass of the residual's own distribution within half a step of the shifted value. After a
shift by a half these intervals overlap and their masses sum to more than 1: no code spends so few bits. After a shift
by one they do not, and a coder could spend as many; lvcodec has tables of the shifted symbols, and spends fewer. It is
here to show what the paper's figures are made of (docs/paper.md); nothing that codes or decodes asks for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvcodec.arrays import Ints
from lvcodec.codec.modes import LDS, LDS_KEPT, last_latents, mode_of
from lvcodec.codec.networks import Networks
from lvcodec.codec.state import State
from lvcodec.entropy import grid
from lvcodec.entropy.coder import Reader
from lvcodec.entropy.tables import TableSet, bits_of
from lvcodec.stream.header import Header
from lvcodec.stream.records import PictureRecord


def estimated_bits(y_shift: NDArray[Any], mean8: Ints, level: Ints, laplace: TableSet) -> NDArray[np.float64]:
    """-log2 of the plain table's mass within half a step of each shifted residual (equation 5), element by element.

    y_shift: whole numbers and halves; mean8, level: of the residuals, as Network.p_parameters has them.
    laplace: the residuals' own tables.
    """
    # Tables are for whole numbers: a half moves up to the next one, and the mean as far.
    whole = np.ceil(y_shift).astype(np.int32)
    up8 = (grid.MEAN_STEPS * (whole - y_shift)).astype(np.int32)
    return bits_of(laplace, *grid.locate(mean8 + up8, level), whole)


def shift_estimate(
    record: PictureRecord, references: tuple[State, ...], header: Header, networks: Networks
) -> float | None:
    """Those of all of a picture's shifted residuals; None of a picture that has none. It has been decoded before."""
    mode = mode_of(header.mode, record.shift)
    if record.step is None or mode not in (LDS, LDS_KEPT):
        return None
    net = networks.at(record.quality_index)
    symbols = LDS.code(None, last_latents(references[0], net), net, Reader(record.payload), record.shift.alpha)
    if symbols.prior is None:
        return None
    return float(estimated_bits(symbols.streams["y_shift"], *symbols.prior, net.tables["laplace"]).sum())
