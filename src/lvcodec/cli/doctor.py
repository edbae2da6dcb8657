"""`lvcodec doctor`: what is installed, and whether it computes right. A command imports the modules that it needs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lvcodec.cli.doctor_text import findings_lines, machine_lines, short, verdict, weights_lines
from lvcodec.cli.output import Output, output_options
from lvcodec.errors import InputError, LvcError, MismatchError, WeightsError

if TYPE_CHECKING:
    from lvcodec.models.store import ModelInfo


class BackendError(LvcError):
    """A backend that gives other numbers than it must: what it decodes would be other pixels."""

    exit_code = MismatchError.exit_code


@click.command(epilog="Example: lvcodec doctor")
@output_options
def doctor(out: Output) -> None:
    """Tell what is installed, and check that it computes right.

    Versions, processor, devices and backends are listed and weights checked against their hashes. Then fixed inputs run
    through all networks in every backend on every device, and the results are compared with each other and with
    what the weights' manifest says. Exit code 5 if one differs, 6 if weights are damaged; with --quiet nothing else
    tells that all is right.
    """
    from lvcodec.models import store, survey

    about = survey.machine()
    about["versions"]["ffmpeg"] = _ffmpeg_version()
    broken: list[WeightsError] = []
    weights, failures = _verified(store.installed(broken))
    findings = []
    sound = [model for model, failure in weights if failure is None]
    with out.progress("checking", unit="checks") as step:
        total = len(survey.plan(sound))
        for finding in survey.findings(sound):
            findings.append(finding)
            step(len(findings), total)
    wrong = [finding for finding in findings if not finding.agrees]
    failures = [*broken, *failures]
    record = about | {
        "weights": [_weights(model, failure) for model, failure in weights],
        "broken": [error.message for error in broken],
        "canary": [asdict(finding) for finding in findings],
        "agrees": not wrong,
    }
    lines = (
        []
        if out.quiet  # the exit code tells
        else [
            *machine_lines(about),
            "",
            *weights_lines(record["weights"]),
            *record["broken"],
            "",
            *findings_lines(findings),
            *verdict(wrong, failures),
        ]
    )
    out.answer(record, lines)
    if wrong:
        first = wrong[0]
        raise BackendError(
            f"{first.subject}: the {first.backend} backend on {first.device} gives {short(first.got)}, not "
            f"{short(first.expected)}",
            "--backend float or reference avoids it if those agree; please report it with the output of "
            "lvcodec doctor --json",
        )
    if failures:
        raise failures[0]


def _verified(models: list[ModelInfo]) -> tuple[list[tuple[ModelInfo, LvcError | None]], list[LvcError]]:
    """Each model, and what is wrong with its weights."""
    from lvcodec.models.verify import verify

    rows: list[tuple[ModelInfo, LvcError | None]] = []
    for model in models:
        try:
            verify(model)
            rows.append((model, None))
        except LvcError as error:
            rows.append((model, error))
    return rows, [error for _, error in rows if error is not None]


def _weights(model: ModelInfo, failure: LvcError | None) -> dict[str, Any]:
    from lvcodec.models import canary

    has_canary = failure is None and canary.recorded(model)
    return {
        "name": model.name,
        "family": model.family,
        "sha256": str(model.manifest["sha256"]),
        "size_bytes": model.size_bytes,
        "path": str(model.path),
        "canary": "recorded" if has_canary else "not recorded",
        "result": "right" if failure is None else str(failure),
    }


def _ffmpeg_version() -> str:
    from lvcodec.measure import ffmpeg_features

    try:
        return ffmpeg_features.version().removeprefix("ffmpeg version ")
    except InputError as error:
        return error.message
