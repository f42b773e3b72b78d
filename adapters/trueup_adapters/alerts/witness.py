"""What did a web service answer to a message: which status, and how long does it ask us to wait?

apprise says of a message only whether it went out. Its plugins call the library `requests`; the witness stands where
they look it up, hands every call on unchanged, and notes the answer for the thread that asked. After a "too many" it
answers the rest of that message itself: a plugin that retries at once would only be refused for longer (decision 0077).
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import Any, Final, cast

TOO_MANY: Final = 429
UNAVAILABLE: Final = 503
BODY_READ_MAX: Final = 20_000
"""The longest answer in which a wait is looked for."""
_CALLS: Final = frozenset({"get", "post", "put", "patch", "delete", "request"})
_local = threading.local()


class Account:
    """What was answered while one message was sent."""

    def __init__(self) -> None:
        self.status: int | None = None
        """HTTP status of the last answer; None: none came, or it was no web service."""
        self.wait_ms: int | None = None
        """How long the service asks us to wait, in milliseconds; None: it does not say."""
        self.refusal: Any = None

    def note(self, response: Any) -> None:
        """One answer."""
        self.status = int(response.status_code)
        if self.status in (TOO_MANY, UNAVAILABLE):
            self.wait_ms = _wait_ms(response.headers, response)
        self.refusal = response if self.status == TOO_MANY else None


class Witness:
    """Looks like `requests` to a plugin."""

    def __init__(self, real: ModuleType) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._noted(found) if name in _CALLS else found

    def _noted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **named: Any) -> Any:
            account = cast("Account | None", getattr(_local, "account", None))
            if account is None:
                return call(*arguments, **named)
            if account.refusal is not None:
                return account.refusal
            response = call(*arguments, **named)
            account.note(response)
            return response

        return noted


_guard: Final = threading.Lock()


def watch(plugin: object) -> None:
    """Stand a witness where this plugin's module looks up `requests`; once for each module."""
    with _guard:
        for kind in type(plugin).__mro__:
            module = sys.modules.get(kind.__module__)
            real = getattr(module, "requests", None)
            if isinstance(real, ModuleType) and kind.__module__.startswith("apprise."):
                setattr(module, "requests", Witness(real))  # noqa: B010 - a module has no declared attribute of that name


@contextmanager
def witnessed() -> Generator[Account]:
    """The account of all that this thread sends inside."""
    account = _local.account = Account()
    try:
        yield account
    finally:
        _local.account = None


def _wait_ms(headers: Mapping[str, str], response: Any) -> int | None:
    """Retry-After in seconds or as a date; else `retry_after` in the answer's JSON (Discord, Telegram)."""
    text = headers.get("Retry-After", "").strip()
    if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
        whole, _, part = text.partition(".")
        return int(whole or "0") * 1000 + int((part + "000")[:3])
    if text:
        return _until_ms(text)
    return _stated_ms(bytes(response.content[:BODY_READ_MAX]))


def _until_ms(text: str) -> int | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0, (moment.astimezone(UTC) - datetime.now(UTC)) // _MILLISECOND)


_MILLISECOND: Final = datetime.resolution * 1000


def _stated_ms(content: bytes) -> int | None:
    try:
        said: Any = json.loads(content)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    body = cast("dict[str, Any]", said)
    inner = body.get("parameters")
    seconds: Any = body.get("retry_after")
    if seconds is None and isinstance(inner, dict):
        seconds = cast("dict[str, Any]", inner).get("retry_after")
    return (
        round(seconds * 1000)
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds >= 0
        else None
    )
