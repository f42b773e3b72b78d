"""How is a line of the log written: for people, key by key, or for programs, as JSON?

By structlog, onto one stream, whole lines only, whichever thread writes. Every line passes by the secrets that are
known.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO

from trueup.errors import TrueupError
from trueup_adapters.logs.lines import Level, Line
from trueup_adapters.logs.secrets import hidden

RANK: Final[dict[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log:
    """Writes lines. Any thread may call."""

    def __init__(self, stream: TextIO, form: str, *, level: str = "info") -> None:
        """
        form   `text` or `json`
        level  the least that is written

        Raises TrueupError where structlog is not installed.
        """
        try:
            import structlog
        except ImportError as error:
            raise TrueupError('logs need structlog; pip install "trueup[metrics]"') from error
        self._stream = stream
        self._least = RANK[level]
        self._lock = threading.Lock()
        self._stamp: Any = structlog.processors.TimeStamper(fmt="iso", utc=True)
        self._render: Callable[[Any, str, MutableMapping[str, Any]], Any] = (
            structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=True)
            if form == "json"
            else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
        )

    def write(self, line: Line) -> None:
        """One line, if it is of the level that is wanted."""
        level, event, fields = line
        if RANK[level] < self._least:
            return
        stamp = self._stamp(None, level, {})["timestamp"]
        told = {key: _plain(value) for key, value in fields.items()}
        entry: MutableMapping[str, Any] = {"timestamp": stamp, "level": level, "event": event, **told}
        text = str(self._render(None, level, entry))
        with self._lock:
            self._stream.write(text + "\n")
            self._stream.flush()

    def say(self, level: Level, event: str, **fields: Any) -> None:
        """A line of a companion's own."""
        self.write((level, event, fields))


def _plain(value: Any) -> Any:
    """Hidden before it is rendered: a mask must not meet the escapes of a form. On one line, whatever it held."""
    if isinstance(value, str):
        return "".join(one if one.isprintable() else " " for one in hidden(value))
    return value
