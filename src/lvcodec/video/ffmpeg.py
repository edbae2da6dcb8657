"""The ffmpeg process: fed and drained so that it never blocks, its failures translated.

imageio-ffmpeg, which brings the binary, is imported on first use only: raw and Y4M clips of 8-bit 4:2:0 need no ffmpeg.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lvcodec.errors import InputError, LvcError, reason_of

Feeder = Callable[[Callable[[bytes | bytearray], Any]], None]
KEPT_LINES = 50
ERRORS = {"error", "fatal", "panic"}  # levels of messages
Listener = Callable[[str, str, str], None]
_OWN = ("/dev/", "/proc/")
MESSAGE = re.compile(r"((?:\[[^\]]* @ [^\]]*\] )*)\[(\w+)\] (.*)")  # [part @ address] [level] text


def ffmpeg_exe() -> str:
    """Path of the ffmpeg binary. Raises InputError if there is none."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as exc:
        raise InputError("no ffmpeg binary was found", "install imageio-ffmpeg or set IMAGEIO_FFMPEG_EXE") from exc


@contextmanager
def starting_ffmpeg() -> Iterator[None]:
    """Within it, the system's refusal to run ffmpeg is an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot run ffmpeg: {reason_of(error)}") from error


class FfmpegProcess:
    """A running ffmpeg.

    args: all but the binary and the general flags. feed: called in a thread with the `write` of ffmpeg's
    stdin, which is closed after it; what it raises is kept in `failure`, and raised again by `check`.
    stdin_open: the caller writes to `.stdin` itself. hear: called in a thread with the level, the part of ffmpeg and
    the text of each message, down to verbose ones. `lines` holds the last error messages.
    """

    def __init__(
        self,
        args: list[str],
        *,
        what: str,
        feed: Feeder | None = None,
        stdin_open: bool = False,
        cwd: Path | None = None,
        hear: Listener | None = None,
    ) -> None:
        self.what = what
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.failure: BaseException | None = None
        self._hear = hear
        piped = feed is not None or stdin_open
        level = "level+error" if hear is None else "level+verbose"
        command = [ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats", "-v", level, *args]
        with starting_ffmpeg():
            # a session of its own: Ctrl-C is ours to handle, and we end ffmpeg ourselves
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                start_new_session=True,
            )
        self.stdin: Any = self._process.stdin
        self.stdout: Any = self._process.stdout
        self._drain = threading.Thread(target=self._drain_messages, daemon=True)
        self._drain.start()
        self._feeder: threading.Thread | None = None
        if feed is not None:
            self._feeder = threading.Thread(target=self._run_feed, args=(feed,), daemon=True)
            self._feeder.start()

    def _drain_messages(self) -> None:
        stream = self._process.stderr
        if stream is None:
            return
        with stream:
            for line in stream:
                match = MESSAGE.match(line[:2000].decode("utf-8", "replace").rstrip())
                if match and match[2] in ERRORS:
                    self.lines.append(match[3])
                if match and self._hear is not None:
                    self._hear(match[2], match[1], match[3])

    def _run_feed(self, feed: Feeder) -> None:
        try:
            feed(self.stdin.write)
        except (BrokenPipeError, ConnectionResetError):
            pass  # ffmpeg has ended: `check` says why, if it was an error
        except BaseException as exc:  # handed to the thread that reads
            self.failure = exc
        finally:
            self._close_stdin()

    def _close_stdin(self) -> None:
        try:
            if self.stdin is not None:
                self.stdin.close()
        except (OSError, ValueError):
            pass

    def finish_input(self) -> None:
        """Tell ffmpeg that its input has ended (where the caller writes it)."""
        self._close_stdin()

    def wait(self) -> int:
        """Exit status, once ffmpeg has ended by itself and all its messages are in `lines`."""
        if self._feeder is None:
            self._close_stdin()
        status = self._process.wait()
        self._drain.join()
        if self._feeder is not None:
            self._feeder.join(timeout=5)
        return status

    def check(self) -> None:
        """Wait for the end. Raises what the feeder raised, or InputError if ffmpeg failed."""
        status = self.wait()
        if self.failure is not None:
            raise self.failure
        if status != 0:
            raise self.error()

    def error(self) -> LvcError:
        """What ffmpeg's last words mean."""
        return InputError(f"{self.what}: {last_words(list(self.lines))}")

    def stop(self) -> None:
        """End ffmpeg now, whatever it is doing."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self.stdout.close()
        if self._feeder is None:
            self._close_stdin()
        elif self._feeder.is_alive():
            self._feeder.join(timeout=0.2)  # it may wait for a pipe that we do not own; it is a daemon


def last_words(lines: list[str], program: str = "ffmpeg") -> str:
    """The reason in a program's messages, on one line: its last line, and the first where that says more."""
    cleaned = [re.sub(r"^(\[[^\]]*\] ?)+", "", line).strip() for line in lines]
    if not (cleaned := [line for line in cleaned if line]):
        return f"{program} ended without a word"
    last = re.sub(r"^Error opening (input|output) files?:? ?", "", cleaned[-1]).rstrip(".")
    first = cleaned[0].rstrip(".")
    if first == last or first.startswith("Error opening") or first in last:
        return last
    return f"{last} ({first})" if last else first


def file_argument(path: str | os.PathLike[str], *, numbered: bool = False) -> str:
    """A path as ffmpeg takes it for a file whatever its name: what begins with a dash or has a colon is no option.

    numbered: its name, but not its folder's, is a pattern for numbers. What only this process has under its name, as
    /dev/stdin, is named by the file behind it.
    """
    text = os.fspath(path)
    if text.startswith(_OWN):
        text = os.path.realpath(text)
    if numbered:
        folder, name = os.path.split(text)
        text = os.path.join(folder.replace("%", "%%"), name)
    return f"file:{text}"
