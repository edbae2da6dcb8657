"""Whether a machine codes what all others of a plan code: the same lvcodec, the same weights, the same values.

The search and decisions of an encoder are floats, which other processors may round otherwise: then a piece has other
bytes, and decodes to the same pixels everywhere all the same (docs/determinism.md). What is checked here is exact.
"""

from __future__ import annotations

from lvcodec.codec.networks import Networks
from lvcodec.errors import InputError, WeightsError
from lvcodec.exact.backends import pick_device
from lvcodec.models import canary, store
from lvcodec.models.store import ModelInfo
from lvcodec.pieces.plan import Plan
from lvcodec.version import __version__

_known: dict[tuple[str, int, str, str], str] = {}  # a worker codes many pieces


def canary_of(networks: Networks, quality_index: int) -> str:
    """The hash that a model's networks give here at a quality; or what hinders it."""
    info, device, backend = networks.info, networks.device, networks.backend
    key = (info.weights_id, quality_index, str(device), backend)
    if key not in _known:
        _known[key] = canary.attempt(info, quality_index, device, backend)
    return _known[key]


def fitting_model(plan: Plan, *, device: str, backend: str) -> ModelInfo:
    """The plan's weights on this machine, which computes what the plan says.

    Raises InputError if this is another lvcodec or computes other values, WeightsError if it lacks the weights.
    """
    if plan.version != __version__:
        raise InputError(
            f"{plan.path} was made by lvcodec {plan.version}, this is {__version__}",
            "all machines of a film need the same",
        )
    index = plan.header.quality_index
    networks = Networks(_model(plan), plan.header.video, index, device=str(pick_device(device)), backend=backend)
    if (found := canary_of(networks, index)) != plan.canary:
        raise InputError(
            f"this machine computes other values than the one that made {plan.path}: its canary is {found[:16]}, not "
            f"{plan.canary[:16]}",
            "lvcodec doctor tells more",
        )
    return networks.info


def _model(plan: Plan) -> ModelInfo:
    """By the name that the plan has, if that means the same here; else by the hash."""
    weights_id = plan.header.weights_id
    if plan.encoding.model is not None:
        try:
            info = store.find(plan.encoding.model)
        except WeightsError:
            pass
        else:
            if info.weights_id == weights_id.hex():
                return info
    try:
        return store.by_id(weights_id)
    except WeightsError as error:
        raise WeightsError(
            f"{plan.path} needs weights {weights_id.hex()}, which are not installed", error.hint
        ) from error
