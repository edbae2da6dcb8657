"""Checkpoints become a model's folder.

It has integers for the codec, masters for training on, and the manifest with what each stage's training was and what
came of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError, WeightsError
from lvcodec.models import canary, cheng2020_arrays, export, store, survey, verify
from lvcodec.nets.swift import Swift
from lvcodec.quality import WHOLE
from lvcodec.train.results import checkpoint, masters
from lvcodec.train.results.judge import Judged
from lvcodec.train.stages.families import FAMILIES, ModelAndPriors

RECIPES = ("training", "averaged_with")  # of a manifest


def recipe(path: Path) -> dict[str, Any]:
    """What a checkpoint says of its training; its hours are of all processes, as many as there were last."""
    state = checkpoint.read(path)
    hours = state["used_s"] / 3600 * state.get("processes", 1)
    training: dict[str, Any] = {
        "stage": state["stage"],
        "steps": state["step"],
        "processor_hours": round(hours, 2),
    }
    return training | ({"settings": state["settings"]} if "settings" in state else {})


def _of(path: Path) -> dict[str, Any]:
    """The recipe of a checkpoint or, of a model's folder, its hash and what its manifest has of such recipes."""
    if path.is_file():
        return recipe(path)
    info = store.read_info(path)
    return {"model": info.weights_id} | {key: info.manifest[key] for key in RECIPES if key in info.manifest}


def arrays_of(model: Swift, priors: Any) -> dict[str, Any]:
    """All integers of a swift model and its priors."""
    return export.swift_arrays(model, pmfs_of(priors))


def pmfs_of(priors: Any) -> dict[str, Any]:
    """Probabilities of the hyper-latents, by the name of their prior."""
    return {name: getattr(priors, name).pmf().numpy() for name in export.PRIORS}


def write(
    target: Path, paths: Sequence[Path], *, about: dict[str, Any], overwrite: bool, averaged: Sequence[Path] = ()
) -> tuple[store.ModelInfo, ModelAndPriors | None]:
    """Put the integers of checkpoints into a folder; returns the model and, of swift, its float networks.

    Of swift the first gives all networks, each other one those that its stage trained; of cheng2020 the same holds for
    the checkpoints of each quality. averaged: checkpoints and models of swift to take the mean with.
    """
    families = {checkpoint.family_of(checkpoint.read(path)) for path in paths if path.is_file()}
    if len(families) > 1:
        raise InputError(f"checkpoints of {' and '.join(sorted(families))} make no model together")
    if families <= {"swift"}:  # folders of models are swift's
        model, priors = checkpoint.assemble(paths)
        checkpoint.average((model, priors), averaged)
        info = store.write(
            target,
            name=target.name,
            family="swift",
            shape=model.shape.as_dict(),
            arrays=arrays_of(model, priors),
            overwrite=overwrite,
            about={**about, "alpha": float(FAMILIES["swift"].alpha), "largest_sums": export.largest_sums(model)},
        )
        return info, (model, priors)
    if averaged:
        raise InputError("only networks of swift can be averaged")
    channels: dict[str, int] = {}
    arrays: store.Arrays = {}
    for quality, of_quality in sorted(_by_quality(paths).items()):
        model, priors = checkpoint.assemble(of_quality, "cheng2020", quality)
        arrays |= cheng2020_arrays.network_arrays(model, pmfs_of(priors), quality)
        channels[str(quality)] = model.n
    about = {**about, "alpha": float(FAMILIES["cheng2020"].alpha), "qualities": sorted(map(int, channels))}
    return cheng2020_arrays.write(target, target.name, channels, arrays, about, overwrite=overwrite), None


def _by_quality(paths: Sequence[Path]) -> dict[int, list[Path]]:
    by_quality: dict[int, list[Path]] = {}
    for path in paths:
        by_quality.setdefault(checkpoint.read(path)["quality"], []).append(path)
    return by_quality


def has_inter(info: store.ModelInfo) -> bool:
    """Whether a model has an inter path, and so the mode aligned."""
    return bool(info.manifest["shape"].get("inter"))


def plain(target: Path, path: Path) -> Sequence[int]:
    """Write one checkpoint's model without masters, canary or recipe, to code with; returns the qualities it has."""
    info, _ = write(target, [path], about={}, overwrite=True)
    qualities: Sequence[int] = info.manifest.get("qualities", WHOLE)
    return qualities


def ship(
    target: Path,
    paths: Sequence[Path],
    *,
    about: str,
    data: str,
    licence: str,
    averaged: Sequence[Path] = (),
    overwrite: bool = False,
) -> store.ModelInfo:
    """Make a model of checkpoints as `write` does, with canary, recipe and, of swift, masters.

    about: one line for `lvcodec models list`; data: what it was trained on; licence: of the weights.
    Raises WeightsError if a backend of this machine computes it wrong, or a model is there already.
    """
    from safetensors.numpy import save

    entries = {"about": about, "licence": licence, "data": data, "training": [_of(path) for path in paths]}
    if averaged:
        entries["averaged_with"] = [_of(path) for path in averaged]
    info, networks = write(target, paths, about=entries, averaged=averaged, overwrite=overwrite)
    if networks is not None:
        (target / store.MASTERS).write_bytes(save(masters.pack(*networks)))  # save_file would make it its owner's alone
    verify.verify(info)
    info = canary.record(info)
    for finding in survey.findings([info]):
        if not finding.agrees:
            raise WeightsError(
                f"{finding.subject}: the {finding.backend} backend on {finding.device} gives {finding.got}",
                "lvcodec doctor tells more",
            )
    return info


def note_measured(info: store.ModelInfo, measured: Mapping[str, Judged]) -> None:
    """Write into a model's manifest what held-out clips cost, by mode."""
    figures = {
        mode: {
            "over_x264_percent": {
                name: None if math.isnan(x) else round(x, 1)
                for name, x in zip(judged.names, judged.over_x264, strict=True)
            },
            "bpp_psnr_db": {
                name: [[round(bpp, 4), round(psnr, 2)] for bpp, psnr in curve]
                for name, curve in zip(judged.names, judged.curves, strict=True)
            },
        }
        for mode, judged in measured.items()
    }
    store.write_manifest(info.path, {**store.read_info(info.path).manifest, "measured": figures})
