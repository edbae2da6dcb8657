"""What a user should know of a coding while it goes on, and once more in its report."""

from __future__ import annotations

from lvcodec.report import OnNotice
from lvcodec.video.base import Source


class Notices:
    """Collects notices for the report and passes each on at once."""

    def __init__(self, listener: OnNotice | None) -> None:
        self.texts: list[str] = []
        self._listener = listener

    def pass_on(self, source: Source) -> None:
        """Whatever the source of pictures has to tell since the last time."""
        for text in source.fresh_notices():
            self(text)

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        if self._listener:
            self._listener(text)
