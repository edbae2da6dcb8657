"""Codecs that are commands: a table (anchors.toml, and files of users) says how each is run."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError, LvcError, check_known
from lvcodec.measure import PAPER_GOP, ffmpeg_features
from lvcodec.measure.clips import Clip
from lvcodec.video.ffmpeg import ffmpeg_exe, file_argument, last_words

_FFMPEG = "-v error -nostdin -y"
_BRIEF = {
    "{raw}": "-f rawvideo -pix_fmt yuv420p -s {width}x{height} -r {rate} -i {input}",
    "{as_raw}": "-fps_mode passthrough -f rawvideo -pix_fmt yuv420p {output}",
}
_PLACES = frozenset({"ffmpeg", "input", "output", "width", "height", "rate", "pictures", "q", "gop", "threads"})
_KEYS = {"label", "encode", "decode", "points", "suffix", "encoder", "version"}


@dataclass(frozen=True)
class Anchor:
    """A codec that two commands run; their words may hold {places}, filled in for each clip and point."""

    name: str
    label: str
    encode: str
    decode: str
    points: tuple[float, ...]
    suffix: str
    encoder: str | None
    version_command: str | None
    gop: int = PAPER_GOP
    threads: int = 1

    def identity(self) -> dict[str, Any]:
        """All that its results depend on."""
        return {"encode": self.encode, "decode": self.decode, "gop": self.gop, "version": self.version()}

    def version(self) -> str:
        """What made the files: the first line that its version command prints, or ffmpeg's version."""
        if self.version_command is None:
            return ffmpeg_features.version()
        return _first_line(tuple(self._words(self.version_command, {})), self.name)

    def available(self) -> bool:
        """Whether this ffmpeg has the encoder it needs."""
        return self.encoder is None or self.encoder in ffmpeg_features.encoders()

    def prepare(self) -> None:
        """Nothing: the commands load what they need."""

    def encode_clip(self, clip: Clip, q: float, target: Path) -> None:
        """Code a clip at setting q. Raises LvcError with the program's last words if that fails."""
        values = self._values(clip, q, clip.raw.absolute(), target.absolute())
        _run(self._words(self.encode, values), f"{self.name} encoder")

    def decode_clip(self, source: Path, clip: Clip, target: Path) -> None:
        """Turn the coded file into raw video. Raises LvcError if that fails."""
        values = self._values(clip, None, source.absolute(), target.absolute())
        _run(self._words(self.decode, values), f"{self.name} decoder")

    def command_line(self, clip: Clip, q: float) -> str:
        """The encoder's command for people, without folders."""
        values = self._values(clip, q, Path(f"{clip.name}.yuv"), Path(f"{clip.name}.{self.suffix}"))
        return shlex.join(["ffmpeg" if word == ffmpeg_exe() else word for word in self._words(self.encode, values)])

    def _values(self, clip: Clip, q: float | None, source: Path, target: Path) -> dict[str, object]:
        return {
            "input": source,
            "output": target,
            "width": clip.video.width,
            "height": clip.video.height,
            "rate": clip.video.rate,
            "pictures": clip.pictures,
            "q": "" if q is None else f"{q:g}",
            "gop": self.gop,
            "threads": self.threads,
        }

    def _words(self, command: str, values: Mapping[str, object]) -> list[str]:
        """The command's words with their places filled, so that spaces in paths do no harm."""
        words: list[str] = []
        for word in _split(command):
            place = values.get(word[1:-1]) if re.fullmatch(r"\{\w+\}", word) else None
            if word == "{ffmpeg}":
                words += [ffmpeg_exe(), *_FFMPEG.split()]
            elif words[:1] == [ffmpeg_exe()] and isinstance(place, Path) and place.is_absolute():
                words.append(file_argument(place))
            else:
                words.append(_fill(word, values))
        return words


def load_anchors(extra: Sequence[Path] = (), *, gop: int = PAPER_GOP, threads: int = 1) -> dict[str, Anchor]:
    """The package's anchors and those of further files, by name.

    Raises InputError for a file that cannot be read or says something else than docs promise.
    """
    anchors = _parse(files("lvcodec.measure").joinpath("anchors.toml").read_text("utf-8"), "anchors.toml", gop, threads)
    for path in extra:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
        more = _parse(text, str(path), gop, threads)
        if taken := sorted(anchors.keys() & more.keys()):
            raise InputError(f"{path}: there is a codec {taken[0]} already", "give it another name")
        anchors |= more
    return anchors


def choose(known: Mapping[str, Anchor], names: Sequence[str]) -> list[Anchor]:
    """Anchors by name. Raises UsageError for a name that is unknown."""
    for name in names:
        check_known("anchor", name, known)
    return [known[name] for name in dict.fromkeys(names)]


def _parse(text: str, place: str, gop: int, threads: int) -> dict[str, Anchor]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{place} is no TOML: {str(error).lower()}") from error
    return {name: _anchor(name, entry, place, gop, threads) for name, entry in table.items()}


def _anchor(name: str, entry: Any, place: str, gop: int, threads: int) -> Anchor:
    where = f"{place}: [{name}]"
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise InputError(f"{where} is no name for a codec", "letters, digits, dashes and dots")
    if not isinstance(entry, dict):
        raise InputError(f"{where} is no table")
    if unknown := sorted(entry.keys() - _KEYS):
        raise InputError(f"{where} has an unknown key {unknown[0]!r}", f"keys are {', '.join(sorted(_KEYS))}")
    texts = {key: entry.get(key) for key in _KEYS - {"points"}}
    for key, value in texts.items():
        if value is None and key not in ("encode", "decode"):
            continue
        if not isinstance(value, str) or not value.strip():
            raise InputError(f'{where} needs a text {key} = "..."')
        _check_places(value if key in ("encode", "decode", "version") else "", f"{where} {key}")
    points = entry.get("points")
    if not isinstance(points, list) or not points or not all(type(q) in (int, float) for q in points):
        raise InputError(f"{where} needs points = [...], one number or more")
    return Anchor(
        name,
        texts["label"] or name,
        texts["encode"] or "",
        texts["decode"] or "",
        tuple(points),
        (texts["suffix"] or "bin").lstrip("."),
        texts["encoder"],
        texts["version"],
        gop,
        threads,
    )


def _check_places(command: str, where: str) -> None:
    try:
        words = _split(command)
    except ValueError as error:
        raise InputError(f"{where}: {str(error).lower()}") from error
    named = {name for word in words for name in re.findall(r"\{(\w+)\}", word)}
    if unknown := sorted(named - _PLACES):
        raise InputError(f"{where} names {{{unknown[0]}}}", f"known are {', '.join(sorted(_PLACES))}, raw and as_raw")


def _split(command: str) -> list[str]:
    for brief, text in _BRIEF.items():
        command = command.replace(brief, text)
    return shlex.split(command)


def _fill(word: str, values: Mapping[str, object]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], match[0])), word)


@lru_cache
def _first_line(words: tuple[str, ...], what: str) -> str:
    return _run(words, f"{what} version").partition("\n")[0]


def _run(words: Sequence[str], what: str) -> str:
    """Run a command to its end; returns what it printed."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise LvcError(f"{what}: cannot run {words[0]}: {error.strerror or error}") from error
    if done.returncode:
        program = "ffmpeg" if words[0] == ffmpeg_exe() else Path(words[0]).name
        said = last_words((done.stderr or done.stdout).splitlines()[-20:], program)
        raise LvcError(f"{what} ended with status {done.returncode}: {said}")
    return done.stdout
