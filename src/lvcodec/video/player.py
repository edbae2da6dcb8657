"""A program that shows video which comes through a pipe: ffplay or mpv, whichever is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from typing import Any

from lvcodec.errors import InputError, check_known, reason_of
from lvcodec.video.ffmpeg import last_words
from lvcodec.video.writing import Output

# What goes through the pipe, as the suffix of a file would say it: pictures alone, or with sound and subtitles. The
# players tell the format by the bytes.
PICTURES, WITH_TRACKS = "y4m", "mkv"


def _ffplay(title: str) -> list[str]:
    return ["-hide_banner", "-loglevel", "error", "-autoexit", "-window_title", title, "-i", "pipe:0"]


def _mpv(title: str) -> list[str]:
    # "$>": mpv puts in no properties where a name happens to look like one
    return ["--msg-level=all=error", "--input-terminal=no", "--force-window=yes", f"--title=$>{title}", "-"]


PLAYERS: dict[str, Callable[[str], list[str]]] = {"ffplay": _ffplay, "mpv": _mpv}  # the first that is there is taken


def find_player(name: str | None = None) -> tuple[str, str]:
    """Name and path of the player called `name`, or of the first of PLAYERS that is there.

    Raises UsageError for a name that is not among them, InputError if it, or all of them, are not installed.
    """
    if name is not None:
        check_known("player", name, PLAYERS)
    for known in PLAYERS if name is None else [name]:
        if path := shutil.which(known):
            return known, path
    raise InputError(
        f"there is no {name or ' and no '.join(PLAYERS)} on the PATH",
        "install it" if name else "install one of them, or pipe lvcodec decode STREAM - into another player",
    )


class Player(Output):
    """A running player: `stdin` takes video, `close` waits until all has been shown, `abort` ends it.

    title: of its window. name: of the player, None for the first that is there.
    Raises UsageError, InputError if there is none or it cannot be started.
    """

    def __init__(self, title: str, name: str | None = None) -> None:
        self.name, path = find_player(name)
        self._words = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                [path, *PLAYERS[self.name](title)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._words,
            )
        except OSError as error:
            self._words.close()
            raise InputError(f"cannot run {self.name}: {reason_of(error)}") from error
        self.stdin: Any = self._process.stdin

    def close(self) -> None:
        """Wait until it has shown everything, or somebody has closed it. Raises InputError if it failed."""
        self._end_input()
        status = self._process.wait()
        with self._words as file:
            file.seek(0)
            words = file.read().decode("utf-8", "replace").splitlines()
        if status:
            raise InputError(f"{self.name} failed with status {status}: {last_words(words, self.name)}")

    def abort(self) -> None:
        """End it now."""
        self._process.terminate()
        self._end_input()
        self._process.wait()
        self._words.close()

    def _end_input(self) -> None:
        try:
            self.stdin.close()
        except OSError:  # what was left for it does not matter where it has gone
            pass


def was_closed(error: BaseException) -> bool:
    """Whether writing failed because the player takes no more: somebody closed its window, or it failed."""
    return isinstance(error.__cause__, BrokenPipeError)
