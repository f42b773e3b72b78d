"""What became of an action, by the reply that its sending brought? Pure: no socket, no clock, no memory.

Acknowledged is only what says so in a known dialect and contradicts itself nowhere; rejected only what says no.
Whatever lies between is unknown, and is looked up before anything is sent again (L21, L24): an action that is
wrongly taken for done leaves a position unprotected, and one wrongly taken for refused is done twice.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from trueup.ports import Action, Outcome
from trueup_adapters.mt5.heads import (
    DIALECT_OF,
    FAILURES,
    MALFORMED,
    Head,
    failure_words,
    has_error,
    is_unknown_action,
    not_json,
    unreadable,
)
from trueup_adapters.mt5.rows import name_in, printable

_DONE: Final = frozenset({10008, 10009, 10010})
"""MetaTrader's return codes for a request that was placed, done, or done in part."""
_UNDECIDED: Final = frozenset({10011, 10012, 10031})
"""Those after which nobody can say: an error while processing, a time-out, no connection to the server."""
_DIGITS_MAX: Final = 10
_UNDECIDED_WORDS: Final = re.compile(
    r"time[ds]?[ _-]?out|no (?:reply|response)|connection (?:was )?(?:lost|reset|closed)|lost connection"
    r"|duplicate|already",
    re.IGNORECASE,
)
"""What a gateway says that does not know itself what came of it, or that has seen the client id before."""


class _Reply(Head):
    order: Raw = Raw()
    ticket: Raw = Raw()
    client_id: Any = None
    retcode: Any = None
    result: Raw = Raw()
    """What MetaTrader itself answered, where a gateway hands it on as it came."""
    positions: Raw | UnsetType = UNSET
    deals: Raw | UnsetType = UNSET
    orders: Raw | UnsetType = UNSET


class _Inner(msgspec.Struct):
    order: Raw = Raw()
    ticket: Raw = Raw()
    retcode: Any = None


_REPLY = msgspec.json.Decoder(_Reply)
_INNER = msgspec.json.Decoder(_Inner)


def outcome_of(raw: bytes, action: Action) -> Outcome:
    """The reply to an action as an `Outcome`. Never raises for what it holds."""
    if why := unreadable(raw):
        return unknown(why, raw=raw)
    try:
        reply = _REPLY.decode(raw)
    except MALFORMED as error:
        return unknown(not_json(error), raw=raw)
    if why := _of_another(reply, action):
        return unknown(why, raw=raw)
    words, status = failure_words(reply), reply.status
    if is_unknown_action(reply):
        return Outcome(state="rejected", why=f"the gateway does not know how: {words}", raw=raw)
    if isinstance(status, str) and status in FAILURES:
        if _is_undecided(reply, words):
            return unknown(f"the gateway says {status}, and not that nothing was done: {words}", raw=raw)
        return Outcome(state="rejected", why=f"the gateway says {status}: {words}", raw=raw)
    if not (isinstance(status, str) and status in DIALECT_OF):
        return unknown(f"the reply's status is {printable(repr(status))[:80]}, in no dialect that is known", raw=raw)
    if has_error(reply):
        return unknown(f"the gateway says {status} and an error at once: {words}", raw=raw)
    for told in _retcodes(reply):
        if not (isinstance(told, int) and told in _DONE):
            code = printable(repr(told))[:40]
            return unknown(f"the gateway says {status} and MetaTrader's code {code}, which is no success", raw=raw)
    return Outcome(state="acknowledged", order_id=_order_id(reply, action), raw=raw)


def unknown(why: str, *, raw: bytes = b"") -> Outcome:
    """It may or may not have been done."""
    return Outcome(state="unknown", why=why, raw=raw)


def _of_another(reply: _Reply, action: Action) -> str:
    """Why a reply is none to this action, in words; '' where it may be."""
    if reply.client_id not in (None, "", action.client_id):
        told = printable(repr(reply.client_id))[:80]
        return f"the reply is to the action {told}, and not to {action.client_id}"
    lists = {"positions": reply.positions, "deals": reply.deals, "orders": reply.orders}
    listed = [name for name, cell in lists.items() if cell is not UNSET]
    return f"the reply lists {listed[0]}: it answers a question, not this action" if listed else ""


def _is_undecided(reply: _Reply, words: str) -> bool:
    codes = {_code(told) for told in (*_retcodes(reply), reply.error_code)}
    return bool(codes & _UNDECIDED) or _UNDECIDED_WORDS.search(words) is not None


def _retcodes(reply: _Reply) -> list[object]:
    """Every code of MetaTrader's that a reply tells, its own and that of the result within it."""
    return [told for told in (reply.retcode, _inner(reply.result).retcode) if told is not None]


def _code(told: object) -> int | None:
    """A code as a number, also where it is written as text: enough to doubt by, and not to believe by."""
    if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < _DIGITS_MAX:
        return int(told)
    return told if isinstance(told, int) and not isinstance(told, bool) else None


def _inner(cell: Raw) -> _Inner:
    """The object within a reply; an empty one where there is none."""
    try:
        return _INNER.decode(cell)
    except MALFORMED:
        return _Inner()


def _order_id(reply: _Reply, action: Action) -> str | None:
    """The order's number, where the reply tells it: on its own, or within the order. `ticket` on its own may be a
    position's, but for a stop, which has no other."""
    number = name_in(reply.order)
    for within in (reply.order, reply.result):
        if number is None:
            inner = _inner(within)
            number = name_in(inner.order) or name_in(inner.ticket)
    if number is None and action.kind == "place_stop":
        number = name_in(reply.ticket)
    return None if number == "0" else number
