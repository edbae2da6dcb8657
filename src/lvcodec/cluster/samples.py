"""Samples of a film, on which qualities are tried, coded by workers: pictures travel, there and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from lvcodec.cluster.engine import Piece, Run, check_workers, count_of_workers
from lvcodec.cluster.worker import at_work
from lvcodec.encoder.groups import CodedGroup
from lvcodec.encoder.probing import Coder
from lvcodec.encoder.qualities import Planned
from lvcodec.options import Encoding
from lvcodec.pieces import coding
from lvcodec.pieces.machine import fitting_model
from lvcodec.pieces.plan import Plan
from lvcodec.report import OnNotice
from lvcodec.video.picture import Picture

if TYPE_CHECKING:
    from distributed import Client

SENT_AHEAD = 2  # samples for each worker


def coder_on(client: Client, outline: Plan, there: dict[str, Any], on_notice: OnNotice) -> Coder:
    """What codes samples of the outlined film on all workers. Raises as engine.check_workers does."""
    check_workers(client, check_fits, outline, there)

    def coded(runs: Iterable[Iterable[Planned]]) -> Iterator[CodedGroup]:
        run = Run(client, SENT_AHEAD * count_of_workers(client), lambda pictures: None, on_notice)
        for groups in run.in_order(_pieces(runs, outline, there)):
            yield from groups

    return coded


def _pieces(runs: Iterable[Iterable[Planned]], outline: Plan, there: dict[str, Any]) -> Iterator[Piece]:
    for number, planned in enumerate(runs):
        sample = list(planned)
        pictures, index = [each.picture for each in sample], sample[0].index
        yield Piece(number, f"sample {number}", len(sample), _code, (outline, pictures, index, there), priority=-number)


# ---- on workers ---------------------------------------------------------------------------------------------------


def check_fits(plan: Plan, there: dict[str, Any]) -> None:
    """Raise if this machine does not code what all others of a plan do. there: options that workers go by."""
    fitting_model(plan, device=there["device"], backend=there["backend"])


def _code(outline: Plan, pictures: list[Picture], index: int, there: dict[str, Any]) -> list[CodedGroup]:
    with at_work() as tell:
        return coding.code_sample(outline, pictures, index, Encoding(**there), on_picture=tell)
