"""What became of an action, by the reply that its sending brought? Pure: no socket, no clock, no memory.

Acknowledged is only what says so, and rejected only what says no in Alpaca's own words. Whatever lies between is
unknown, and is looked up before anything is sent again (L21, L24).
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from trueup.ports import Action, Outcome
from trueup_adapters.alpaca.cells import MALFORMED, readable, shown
from trueup_adapters.alpaca.heads import is_missing, readable_text, said
from trueup_adapters.alpaca.transport import Reply

_NO: Final = frozenset({400, 401, 403, 404, 422, 429})
"""Statuses with which Alpaca refuses a request before anything is done."""
_TAKEN: Final = re.compile(r"client_order_id must be unique", re.IGNORECASE)
_CANCELED: Final = re.compile(r"already in \W*(?:pending_)?canceled\W* state|order pending cancel", re.IGNORECASE)


class _Placed(msgspec.Struct):
    id: Any = None
    client_order_id: Any = None
    status: Any = None


_PLACED = msgspec.json.Decoder(_Placed)


def placed(reply: Reply, action: Action) -> Outcome:
    """What POST /v2/orders came to."""
    if reply.status in (200, 201):
        try:
            order = _PLACED.decode(readable_text(reply.body) or b"")
        except MALFORMED:
            return unknown("the acknowledgement is no JSON object", raw=reply.body)
        order_id = readable(order.id)
        if order.client_order_id != action.client_id or order_id is None:
            return unknown(f"the reply tells of the order {shown(order.client_order_id)}, another one", raw=reply.body)
        if order.status == "rejected":
            return Outcome(state="rejected", why="Alpaca took the order and rejected it", order_id=order_id)
        return Outcome(state="acknowledged", order_id=order_id, raw=reply.body)
    return refused(reply)


def is_taken(reply: Reply) -> bool:
    """Whether there is an order of that client id already: what was asked for has been done before (L21)."""
    return reply.status == 422 and _TAKEN.search(said(reply).message) is not None


def canceled(reply: Reply, order_id: str) -> Outcome:
    """What DELETE /v2/orders/{id} came to. A refused cancel says nothing of how the order ended (L23)."""
    if reply.status in (200, 204):
        return Outcome(state="acknowledged", order_id=order_id, raw=reply.body)
    words = said(reply)
    if reply.status == 422 and words.code is not None:
        if _CANCELED.search(words.message):
            return Outcome(state="acknowledged", order_id=order_id, raw=reply.body)
        return unknown(f"Alpaca refuses the cancel: {words.message}; what became of the order must be read", reply.body)
    return refused(reply)


def refused(reply: Reply) -> Outcome:
    """Rejected where Alpaca says no in its own words, unknown where anything else comes back."""
    words = said(reply)
    if reply.status in _NO and words.code is not None and (reply.status != 404 or is_missing(reply)):
        return Outcome(state="rejected", why=f"Alpaca says no ({reply.status}): {words.message}", raw=reply.body)
    return unknown(f"Alpaca answers {reply.status}: {words.message or 'in no words of its own'}", raw=reply.body)


def unknown(why: str, raw: bytes = b"") -> Outcome:
    """It may or may not have been done."""
    return Outcome(state="unknown", why=why, raw=raw)


def not_sent(why: str) -> Outcome:
    """Nothing left this machine, and for a reason that another attempt will not change."""
    return Outcome(state="rejected", why=f"not sent: {why}")
