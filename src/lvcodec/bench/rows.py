"""One row for each clip, codec and point, and the file that keeps finished ones (a JSON object a line)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError
from lvcodec.measure.metrics import SCORES

NA = "n/a"


@dataclass(frozen=True)
class Row:
    """What one point cost and gave, or why it failed.

    key: hash of all that the figures depend on. q: the codec's own setting. times in seconds, the processes' or
    calls' whole; None where other work ran beside them. scores: see lvcodec.measure.metrics.Scores. picture_psnr_db:
    (6 Y + U + V) / 8 of the pictures that are shown. paper_estimate_bpp: bits a pixel as the paper of lds counts them,
    which are an estimate and no rate. error: empty where all went well.
    """

    clip: str
    codec: str = ""
    label: str = ""
    q: float | None = None
    error: str = ""
    width: int | None = None
    height: int | None = None
    rate: str = ""
    pictures: int | None = None
    size_bytes: int | None = None
    bpp: float | None = None
    kbps: float | None = None
    scores: dict[str, float | None] = field(default_factory=dict)
    encode_s: float | None = None
    decode_s: float | None = None
    encode_fps: float | None = None
    decode_fps: float | None = None
    command: str = ""
    version: str = ""
    rgb: str = ""
    picture_psnr_db: dict[str, float] = field(default_factory=dict)
    paper_estimate_bpp: float | None = None
    notices: list[str] = field(default_factory=list)
    key: str = ""

    @property
    def failed(self) -> bool:
        """Whether there are no figures."""
        return bool(self.error)

    def score(self, name: str) -> float | None:
        """A figure by its name in Scores."""
        return self.scores.get(name)

    def flat(self) -> dict[str, Any]:
        """One value a column, for CSV; what is not known is 'n/a' (empty in rows that failed)."""
        known = asdict(self)
        table: dict[str, Any] = {}
        for name in COLUMNS:
            value = known["scores"].get(name) if name in SCORES else known.get(name)
            if isinstance(value, list):
                value = "; ".join(value)
            table[name] = ("" if self.failed else NA) if value is None else value
        return table


COLUMNS = (
    "clip",
    "codec",
    "q",
    "error",
    "width",
    "height",
    "rate",
    "pictures",
    "size_bytes",
    "bpp",
    "kbps",
    *SCORES,
    "encode_s",
    "decode_s",
    "encode_fps",
    "decode_fps",
    "rgb",
    "command",
    "version",
    "notices",
)
_FIELDS = frozenset(item.name for item in fields(Row))


class PointFile:
    """The rows of a folder, kept as they come, so that an interrupted run goes on where it stopped.

    Raises InputError where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.finished = {row.key: row for row in self._read() if row.key and not row.failed}

    def _read(self) -> Iterable[Row]:
        if not self.path.exists():
            return
        try:
            lines = self.path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read {self.path}: {getattr(error, 'strerror', None) or error}") from error
        for line in lines:
            try:
                record = json.loads(line)
                yield Row(**{name: value for name, value in record.items() if name in _FIELDS})
            except (ValueError, TypeError, AttributeError):
                continue  # cut by an interruption: the point is coded again

    def add(self, row: Row) -> None:
        """Keep a row; later ones replace earlier ones of the same key."""
        try:
            torn = self.path.exists() and self.path.read_bytes()[-1:] not in (b"", b"\n")
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(("\n" if torn else "") + json.dumps(asdict(row), allow_nan=False) + "\n")
        except OSError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror or error}") from error
        if not row.failed:
            self.finished[row.key] = row
