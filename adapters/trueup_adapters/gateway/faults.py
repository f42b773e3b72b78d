"""How do replies go wrong, on request?

A fault is a kind, how often, and for which action; the first one that applies is used up by one reply. Each
of them happened to somebody; the lesson's number stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec

from trueup_adapters.gateway.account import TerminalError
from trueup_adapters.gateway.replies import Cells, Dialect, encoded, failure, success, unknown_action
from trueup_adapters.gateway.terminal import Terminal
from trueup_adapters.gateway.vocabulary import (
    ACTING,
    LIST_OF,
    OF_ORDERS,
    Request,
    nothing_of,
    reply_to,
)

FAULTS_MAX: Final = 100


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One way of misbehaving."""

    kind: str
    times: int | None = 1
    """For how many replies; None: until cleared."""
    action: str | None = None
    """Only for this action; None: for any."""
    ms: int = 0
    """`delay`: how late the reply is. `queued`: how late the request itself is read."""
    changes: int = 1
    """`stale`, `slow_orders`: of how many changes ago."""
    order: int | None = None
    """`forget_orders`: only this one; None: all."""
    part: Decimal | None = None
    """`partial`: how much is filled; None: half."""
    row: int = 0
    """Which row is touched, from 0."""
    differs: bool = True
    """`twin`: whether the second row of a ticket says something else."""
    text: str = ""
    """`failure`, `reject`, `errors`: the gateway's words. `status`: the status. `garbage`: the bytes, as text."""


class Outgoing(msgspec.Struct):
    """What leaves in answer to one request: frames (none: silence), and how late."""

    bodies: tuple[bytes, ...]
    delay_ms: int = 0
    again: bool = False
    """Nothing leaves and nothing is done: the request is read again after `delay_ms`."""


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
    """Successful, and empty (L02); of an action, successful and not done."""
    return _cells(with_echo(success(setting.dialect, **nothing_of(request.action)), request, setting))


def _failure(fault: Fault, _terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """A failure that carries an empty list, or an order that is null (L48)."""
    cells = failure(setting.dialect, fault.text or "terminal is not connected")
    return _cells(with_echo({**cells, **nothing_of(request.action)}, request, setting))


def _no_list(_fault: Fault, _terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    return _cells(with_echo(success(setting.dialect), request, setting))


def _status(fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """A third dialect (L47)."""
    return _cells({**honest(terminal, request, setting), "status": fault.text or "success"})


def _errors(fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """A success in which a list of errors stands beside everything else (L48)."""
    return _cells({**honest(terminal, request, setting), "errors": [fault.text or "no connection to the server"]})


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
        name = _volume_of(twin)
        twin[name] = Decimal(twin[name]) + 1
    rows.append(twin)


def _doubled(fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """A row names its volume twice, and a decoder takes the last of them (law 13)."""
    cells = honest(terminal, request, setting)
    rows: list[Any] | None = cells.get(LIST_OF.get(request.action, "positions"))
    if not rows:
        return _cells(cells)
    row = rows[fault.row % len(rows)]
    once, again = encoded(row), encoded({_volume_of(row): Decimal(17)})
    return Outgoing((encoded(cells).replace(once, once[:-1] + b"," + again[1:], 1),))


def _volume_of(row: Mapping[str, Any]) -> str:
    """The name under which a row has its volume."""
    return "volume" if "volume" in row else "volume_initial"


def _volume(value: object) -> Callable[[list[Any], Fault], None]:
    def touch(rows: list[Any], fault: Fault) -> None:
        row = rows[fault.row % len(rows)]
        row[_volume_of(row)] = value

    return touch


def _drop(rows: list[Any], fault: Fault) -> None:
    """A row is left out, and nothing says so (L03)."""
    del rows[fault.row % len(rows)]


# -- orders and actions ------------------------------------------------------------------------------------


def _lost_ack(_fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """It is done, and nobody says so (L21)."""
    honest(terminal, request, setting)
    return Outgoing(())


def _queued(fault: Fault, _terminal: Terminal, _request: Request, _setting: Setting) -> Outgoing:
    """Nothing happens for a while, and then it is done after all, whoever has given it up meanwhile (law 6)."""
    return Outgoing((), delay_ms=fault.ms, again=True)


def _reject(fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """The broker refuses, and would refuse the same client id again."""
    why = fault.text or "rejected by the broker"

    def refuse() -> int:
        raise TerminalError(why)

    if request.client_id:
        terminal.once(request.client_id, refuse)
    return _cells(honest(terminal, request, setting))


def _partial(fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """The market has less than is wanted: the rest of the order works on."""
    terminal.depth = (request.volume or Decimal(0)) / 2 if fault.part is None else fault.part
    try:
        return _cells(honest(terminal, request, setting))
    finally:
        terminal.depth = None


def _forget_orders(fault: Fault, terminal: Terminal, request: Request, setting: Setting) -> Outgoing:
    """An order that is there is not told of, in a successful answer (L04)."""
    cells = honest(terminal, request, setting)
    if request.action == "GET_ORDER":
        if fault.order is None or fault.order == _number_of(cells.get("order") or {}):
            cells["order"] = None
    else:
        rows: list[Cells] = cells["orders"]
        cells["orders"] = [row for row in rows if fault.order not in (None, _number_of(row))]
    return _cells(cells)


def _number_of(row: Cells) -> object:
    return row.get("order", row.get("ticket"))


KINDS: Final[dict[str, Maker]] = {
    "silence": _silence,
    "delay": _delay,
    "empty": _empty,
    "failure": _failure,
    "no_list": _no_list,
    "status": _status,
    "errors": _errors,
    "truncated": _truncated,
    "garbage": _garbage,
    "nothing": _nothing,
    "frames": _frames,
    "unknown_action": _unknown_action,
    "wrong_req_id": _wrong_req_id,
    "stale": _stale,
    "unknown_type": _rows(_cell("type", "balance?")),
    "nan_volume": _rows(_volume("NaN")),
    "negative_volume": _rows(_volume(-1)),
    "no_symbol": _rows(_cell("symbol", "")),
    "big_ticket": _rows(_cell("ticket", 2**63 + 7)),
    "twin": _rows(_twin),
    "doubled": _doubled,
    "drop_row": _rows(_drop),
    "lost_ack": _lost_ack,
    "queued": _queued,
    "reject": _reject,
    "partial": _partial,
    "forget_orders": _forget_orders,
    "slow_orders": _stale,
}
"""Every kind of fault that touches a reply; `restart` and `down` touch the socket, see `server`."""


ONLY: Final[dict[str, frozenset[str]]] = {
    "lost_ack": ACTING,
    "queued": ACTING,
    "reject": ACTING,
    "partial": frozenset({"CLOSE_POSITION"}),
    "forget_orders": OF_ORDERS,
    "slow_orders": OF_ORDERS,
}
"""Kinds that wait for the requests that they are about; the others take any."""


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
            if fault.action in (None, request.action) and request.action in ONLY.get(fault.kind, (request.action,)):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times < 1:
                        self._faults.remove(fault)
                return KINDS[fault.kind](fault, terminal, request, setting)
        return _cells(honest(terminal, request, setting))
