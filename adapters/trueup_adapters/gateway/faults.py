"""How do replies go wrong, on request?

A fault is a kind, how often, and for which action; the first one that applies is used up by one reply. Each
of them happened to somebody; the lesson's number stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec

from trueup_adapters.gateway.replies import (
    LIST_OF,
    Cells,
    Dialect,
    Request,
    encoded,
    failure,
    reply_to,
    success,
    unknown_action,
)
from trueup_adapters.gateway.terminal import Terminal

FAULTS_MAX: Final = 100


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One way of misbehaving."""

    kind: str
    times: int | None = 1
    """For how many replies; None: until cleared."""
    action: str | None = None
    """Only for this action; None: for any."""
    ms: int = 0
    """`delay`: how late the reply is."""
    changes: int = 1
    """`stale`: of how many changes ago."""
    row: int = 0
    """Which row is touched, from 0."""
    differs: bool = True
    """`twin`: whether the second row of a ticket says something else."""
    text: str = ""
    """`failure`: the gateway's words. `status`: the status. `garbage`: the bytes, as text."""


class Outgoing(msgspec.Struct):
    """What leaves in answer to one request: frames (none: silence), and how late."""

    bodies: tuple[bytes, ...]
    delay_ms: int = 0


class Setting(msgspec.Struct, frozen=True):
    """How this gateway speaks."""

    dialect: Dialect
    echo: bool


Maker: TypeAlias = Callable[[Fault, Terminal, Request, Setting], Outgoing]


def honest(terminal: Terminal, request: Request, setting: Setting, *, changes_ago: int = 0) -> Cells:
    """The reply without any fault, with its echo."""
    return with_echo(reply_to(terminal, request, setting.dialect, changes_ago=changes_ago), request, setting)


def with_echo(cells: Cells, request: Request, setting: Setting) -> Cells:
    """The reply with the request's `req_id`, if this gateway echoes."""
    return {**cells, "req_id": request.req_id} if setting.echo and request.req_id is not None else cells


def _cells(cells: Cells) -> Outgoing:
    return Outgoing((encoded(cells),))


def _silence(_fault: Fault, _terminal: Terminal, _request: Request, _setting: Setting) -> Outgoing:
    return Outgoing(())


def _delay(fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    return Outgoing((encoded(honest(terminal, request, setting)),), delay_ms=fault.ms)


def _empty(_fault: Fault, _terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """Successful, and empty (L02)."""
    listed: Cells = {LIST_OF.get(request.action, "positions"): []}
    return _cells(with_echo(success(setting.dialect, **listed), request, setting))


def _failure(fault: Fault, _terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """A failure that carries an empty list (L48)."""
    name = LIST_OF.get(request.action, "positions")
    cells = failure(setting.dialect, fault.text or "terminal is not connected", with_list=name)
    return _cells(with_echo(cells, request, setting))


def _no_list(_fault: Fault, _terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    return _cells(with_echo(success(setting.dialect), request, setting))


def _status(fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """A third dialect (L47)."""
    return _cells({**honest(terminal, request, setting), "status": fault.text or "success"})


def _truncated(_fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    whole = encoded(honest(terminal, request, setting))
    return Outgoing((whole[: len(whole) * 2 // 3],))


def _garbage(fault: Fault, _terminal: Terminal, _request: Request, _setting: Setting) -> Outgoing:
    return Outgoing((fault.text.encode() or b"\xff\xfe<html>502 Bad Gateway</html>",))


def _nothing(_fault: Fault, _terminal: Terminal, _request: Request, _setting: Setting) -> Outgoing:
    return Outgoing((b"",))


def _frames(_fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    whole = encoded(honest(terminal, request, setting))
    return Outgoing((whole[:10], whole[10:]))


def _unknown_action(_fault: Fault, _terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    return _cells(with_echo(unknown_action(setting.dialect, request.action), request, setting))


def _wrong_req_id(_fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    return _cells({**honest(terminal, request, setting), "req_id": "somebody-else-1"})


def _stale(fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """An answer of some changes ago."""
    return _cells(honest(terminal, request, setting, changes_ago=fault.changes))


def _rows(touch: Callable[[list[Any], Fault], None]) -> Maker:
    """A fault that touches the rows of an otherwise honest reply."""

    def make(fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
        cells = honest(terminal, request, setting)
        rows: list[Any] | None = cells.get(LIST_OF.get(request.action, "positions"))
        if rows:
            touch(rows, fault)
        return _cells(cells)

    return make


def _cell(name: str, value: object) -> Callable[[list[Any], Fault], None]:
    def touch(rows: list[Any], fault: Fault) -> None:
        rows[fault.row % len(rows)][name] = value

    return touch


def _twin(rows: list[Any], fault: Fault) -> None:
    """The same ticket twice (L29)."""
    twin = dict(rows[fault.row % len(rows)])
    if fault.differs:
        twin["volume"] = Decimal(twin["volume"]) + 1
    rows.append(twin)


def _drop(rows: list[Any], fault: Fault) -> None:
    """A row is left out, and nothing says so (L03)."""
    del rows[fault.row % len(rows)]


KINDS: Final[dict[str, Maker]] = {
    "silence": _silence,
    "delay": _delay,
    "empty": _empty,
    "failure": _failure,
    "no_list": _no_list,
    "status": _status,
    "truncated": _truncated,
    "garbage": _garbage,
    "nothing": _nothing,
    "frames": _frames,
    "unknown_action": _unknown_action,
    "wrong_req_id": _wrong_req_id,
    "stale": _stale,
    "unknown_type": _rows(_cell("type", "balance?")),
    "nan_volume": _rows(_cell("volume", "NaN")),
    "negative_volume": _rows(_cell("volume", -1)),
    "no_symbol": _rows(_cell("symbol", "")),
    "big_ticket": _rows(_cell("ticket", 2**63 + 7)),
    "twin": _rows(_twin),
    "drop_row": _rows(_drop),
}
"""Every kind of fault that touches a reply; `restart` and `down` touch the socket, see `server`."""


class Faults:
    """What is still to go wrong."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Misbehave so from now on. Raises ValueError for a kind that nobody knows."""
        if fault.kind not in KINDS:
            raise ValueError(f"no fault is called {fault.kind!r}; there are {', '.join(sorted(KINDS))}")
        if len(self._faults) >= FAULTS_MAX:
            raise ValueError(f"there are {FAULTS_MAX} faults already; clear them first")
        self._faults.append(fault)

    def clear(self) -> None:
        """Behave from now on."""
        self._faults.clear()

    @property
    def pending(self) -> tuple[Fault, ...]:
        return tuple(self._faults)

    def outgoing(self, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
        """What leaves in answer to a request, faults included."""
        for fault in self._faults:
            if fault.action in (None, request.action):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times < 1:
                        self._faults.remove(fault)
                return KINDS[fault.kind](fault, terminal, request, setting)
        return _cells(honest(terminal, request, setting))
