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
    positions: Raw | UnsetType = UNSET
    deals: Raw | UnsetType = UNSET
    orders: Raw | UnsetType = UNSET


class _Inner(msgspec.Struct):
    order: Raw = Raw()
    ticket: Raw = Raw()


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
    if reply.retcode is not None and not (isinstance(reply.retcode, int) and reply.retcode in _DONE):
        code = printable(repr(reply.retcode))[:40]
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
    codes = {code for code in (reply.retcode, reply.error_code) if isinstance(code, int)}
    return bool(codes & _UNDECIDED) or _UNDECIDED_WORDS.search(words) is not None


def _order_id(reply: _Reply, action: Action) -> str | None:
    """The order's number, where the reply tells it: on its own, or within the order. `ticket` on its own may be a
    position's, but for a stop, which has no other."""
    number = name_in(reply.order)
    if number is None and reply.order:
        try:
            inner = _INNER.decode(reply.order)
        except MALFORMED:
            return None
        number = name_in(inner.order) or name_in(inner.ticket)
    if number is None and action.kind == "place_stop":
        number = name_in(reply.ticket)
    return None if number == "0" else number
