"""What a user should know of a coding while it goes on, and once more in its report."""

from __future__ import annotations

from lvcodec.report import OnNotice


class Notices:
    """Collects notices for the report and passes each on at once."""

    def __init__(self, listener: OnNotice | None) -> None:
        self.texts: list[str] = []
        self._listener = listener

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        if self._listener:
            self._listener(text)
