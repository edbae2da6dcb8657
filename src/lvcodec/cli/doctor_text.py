"""What `lvcodec doctor` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lvcodec.cli.output import table
from lvcodec.errors import LvcError

if TYPE_CHECKING:
    from lvcodec.models.survey import Finding


def machine_lines(about: dict[str, Any]) -> list[str]:
    """Versions, processor, kernels, limits, devices, backends: a row each."""
    rows = [
        *about["versions"].items(),
        ("processor", about["processor"]),
        ("it has", " ".join(about["instruction_sets"]) or "unknown"),
        ("torch uses", f"{about['torch_uses']}, {about['threads']} threads"),
        ("compiled kernels", about["kernels"]),
        *((name, f"{value} (a limit from the environment)") for name, value in about["limits"].items()),
        *(("device", name) for name in about["devices"]),
        *((f"backend {name}", state) for name, state in about["backends"].items()),
    ]
    width = max(len(name) for name, _ in rows)
    return [f"{name.ljust(width)}  {value}" for name, value in rows]


def weights_lines(weights: list[dict[str, Any]]) -> list[str]:
    """A table of the models and what is wrong with each."""
    rows = [[row["name"], row["sha256"][:16], str(row["size_bytes"]), row["canary"], row["result"]] for row in weights]
    return table([["weights", "hash", "bytes", "canary", "result"], *rows], right=[2]) if rows else ["no weights found"]


def findings_lines(findings: list[Finding]) -> list[str]:
    """A table of what each backend gave, and whether it is right."""
    rows = [
        [
            f.subject,
            f.device,
            f.backend,
            short(f.got),
            _result(f),
        ]
        for f in findings
    ]
    return table([["checked", "device", "backend", "gives", "result"], *rows])


def _result(finding: Finding) -> str:
    if not finding.agrees:
        return f"WRONG, expected {short(finding.expected)}"
    return "right" if finding.expected else "as the reference"


def verdict(wrong: list[Finding], failures: list[LvcError]) -> list[str]:
    """The last lines, if all is right."""
    return [] if wrong or failures else ["", "all right: every backend here decodes to the same pixels"]


def short(digest: str | None) -> str:
    """The start of a hash; a failure in words as it is."""
    if digest is None:
        return "what the reference gives"
    return digest if " " in digest else digest[:16]
