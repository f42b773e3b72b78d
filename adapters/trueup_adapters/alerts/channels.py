"""How does one message reach one channel: Discord, Slack, Telegram, mail, or any other that apprise knows?

`open_channel` reads an apprise address (`discord://id/token`, `mailtos://user:password@host?to=...`). The address is a
secret: it is in no error, no journal entry and no repr; a channel is called by its name. Sending never raises.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, Literal, Protocol, cast

import msgspec

from trueup.errors import InputError, TrueupError
from trueup_adapters.alerts.digest import Message
from trueup_adapters.alerts.plain import harmless
from trueup_adapters.alerts.witness import Account, watch, witnessed
from trueup_adapters.logs.secrets import hidden

BODY_DEFAULT: Final = 32_768
WHY_MAX: Final = 200
LATER_MS_MAX: Final = 3_600_000
"""The longest wait that a service may ask for (law 12)."""
MARKDOWN_ANYWAY: Final = frozenset({"discord", "mmost", "mmosts", "rocket", "rockets", "msteams", "guilded", "revolt"})
"""Services that read Markdown into plain text as well."""
_REFUSED: Final = frozenset({400, 413, 415, 422})
"""Answers that will not change however often the same message is sent."""


class Sent(msgspec.Struct, frozen=True):
    """What sending one message came to."""

    state: Literal["sent", "later", "refused"]
    """`later`: nobody got it, and it may go through another time. `refused`: this message never will."""
    why: str = ""
    wait_ms: int | None = None
    """How long the service asks us to wait; None where it does not say."""


class Channel(Protocol):
    """One place where people read alerts."""

    @property
    def name(self) -> str:
        """As configured; what journal, metrics and logs call it."""
        ...

    @property
    def body_max(self) -> int:
        """What one message takes, title included, in UTF-16 units."""
        ...

    @property
    def markdown(self) -> bool:
        """Whether Markdown is read into whatever is sent."""
        ...

    @property
    def spacing_ms(self) -> int:
        """How far apart messages have to be."""
        ...

    def send(self, message: Message) -> Sent:
        """Once, without retrying, in bounded time. Never raises."""
        ...


def open_channel(name: str, address: str) -> AppriseChannel:
    """The channel at an apprise address. Raises InputError for one that apprise cannot read, TrueupError where apprise
    is not installed; neither shows the address."""
    try:
        import apprise
    except ImportError as error:
        raise TrueupError(f'alert channel {name}: needs apprise; pip install "trueup[alerts]"') from error
    with _listening() as said, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # plugins are loaded now, and what they import is not ours to mend
        try:
            plugin = apprise.Apprise.instantiate(address)  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
        except Exception:  # noqa: BLE001 - whatever a plugin raises may show the address, so nothing of it is shown
            plugin = None
    if plugin is None:
        scheme = address.partition("://")[0] if "://" in address[:40] else "it"
        hint = f" ({_shown(said)})" if said and not _shows(said, address) else ""
        raise InputError(
            f"alert channel {name}: {scheme!r} is no address that apprise can use{hint}; write one like "
            "discord://webhook-id/webhook-token or mailtos://user:password@host?to=someone@host"
        )
    return AppriseChannel(name, plugin)


class AppriseChannel:
    """A `Channel` by an apprise plugin."""

    def __init__(self, name: str, plugin: Any) -> None:
        self.name = name
        self._plugin = plugin
        self._turn = threading.Lock()  # several accounts may share a channel, and a plugin was made for one
        plugin.throttle = _unthrottled  # we keep the pace, where a stop can end the wait
        watch(plugin)

    def __repr__(self) -> str:
        return f"AppriseChannel({self.name!r}, {self.service})"

    @property
    def service(self) -> str:
        """What apprise calls it."""
        return str(self._plugin.service_name)

    @property
    def body_max(self) -> int:
        """What one message takes, title included, in UTF-16 units."""
        return int(self._plugin.body_maxlen or BODY_DEFAULT)

    @property
    def markdown(self) -> bool:
        """Whether Markdown is read into whatever is sent."""
        protocols: set[str] = set()
        for declared in (self._plugin.protocol, self._plugin.secure_protocol):
            protocols.update((declared,) if isinstance(declared, str) else declared or ())
        return bool(protocols & MARKDOWN_ANYWAY) and _word(self._plugin.notify_format) == "text"

    @property
    def spacing_ms(self) -> int:
        """How far apart messages have to be."""
        per_message_s: Any = self._plugin.request_rate_per_sec
        return int(per_message_s * 1000)

    def send(self, message: Message) -> Sent:
        """Once, without retrying, in bounded time. Never raises."""
        kind = {"info": "info", "warning": "warning", "critical": "failure"}[message.severity]
        raised = ""
        with self._turn, _listening() as said, witnessed() as account:
            try:
                done = bool(
                    self._plugin.notify(body=message.body, title=message.title, notify_type=kind, body_format="text")
                )
            except Exception as error:  # noqa: BLE001 - a plugin is the outside; its text may hold the address
                done, raised = False, type(error).__name__
        return Sent("sent") if done else _judged(account, raised or _shown(said))


def _judged(account: Account, said: str) -> Sent:
    """Why it did not go out, and whether it may another time."""
    if account.status in _REFUSED:
        return Sent("refused", f"HTTP {account.status}: {said}"[:WHY_MAX])
    wait_ms = None if account.wait_ms is None else min(account.wait_ms, LATER_MS_MAX)
    if account.status is not None and account.status >= 400:
        again = "" if wait_ms is None else f", asks to wait {wait_ms / 1000:g} s"
        return Sent("later", f"HTTP {account.status}{again}: {said}"[:WHY_MAX], wait_ms)
    return Sent("later", (said or "it did not go out, and nobody says why")[:WHY_MAX], wait_ms)


def _unthrottled(*_: object, **__: object) -> None:
    """Nothing to wait for."""


def _word(formats: Any) -> str:
    """The word of apprise's format; of several, the first."""
    several = cast("tuple[object, ...]", formats if isinstance(formats, tuple) else (formats,))
    return str(getattr(several[0], "value", several[0]))


# -- what apprise says of it -----------------------------------------------------------------------------------


class _Ear(logging.Handler):
    """Keeps what one thread's plugin complains of, and keeps it off stderr."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """One complaint."""
        if record.thread == self._thread and len(self.said) < 10:
            self.said.append(record.getMessage())


@contextmanager
def _listening() -> Generator[list[str]]:
    """What apprise's logger says on this thread; where nobody else listens it would print it."""
    ear, logger = _Ear(), logging.getLogger("apprise")
    logger.addHandler(ear)
    try:
        yield ear.said
    finally:
        logger.removeHandler(ear)


def _shown(said: list[str]) -> str:
    return harmless(hidden(said[-1]))[:WHY_MAX] if said else ""


def _shows(said: list[str], address: str) -> bool:
    """Whether a complaint repeats a piece of the address that may be a secret."""
    pieces = [
        piece for piece in address.replace("?", "/").replace("@", "/").replace(":", "/").split("/") if len(piece) > 5
    ]
    return any(piece in one for one in said for piece in pieces)
