"""Which of the broker's tickets is the book's entry that has none yet?

In a hedging book a fill or position recorded without a ticket is *unbound*. An answer binds it by the order id
that became its ticket, or, where it has none and the answer is complete, by a unique match of symbol, side and
quantity on both sides; an ambiguous one waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from trueup.decisions import PositionBound
from trueup.explain import described, title
from trueup.model import BrokerPosition, Key, ticket_key, unbound_key
from trueup.reconciliation.state import Slot, State


def bind(state: State, at_ns: int, rows: Mapping[Key, BrokerPosition], *, complete: bool) -> Iterator[PositionBound]:
    """Every unbound entry that the answer just folded identifies, in key order.

    rows      what it states
    complete  whether that is all there is: only then is the one match the only one
    """
    if state.mode != "hedging" or not state.unbound:
        return
    unbound = sorted(state.unbound)
    free = {key: row for key, row in rows.items() if key not in state.book}
    named = {
        unbound_key("order/" + row.client_order_id): key for key, row in free.items() if row.client_order_id is not None
    }
    alike: dict[object, list[Key]] = defaultdict(list)
    ours: dict[object, int] = defaultdict(int)
    if complete:
        for key, row in free.items():
            alike[_likeness(row)].append(key)
        for key in unbound:
            ours[_likeness(state.book[key])] += 1
    claimed = _claimed(state, unbound, named)
    for key in unbound:
        slot = state.book[key]
        match, why = named.get(key), "it names the client order id"
        if match is None:
            match, why = _match(slot, free, alike, ours, claimed)
        if match is not None and match in free:
            row = free.pop(match)
            assert slot.holding is not None
            yield PositionBound(
                cause=state.position,
                at_ns=at_ns,
                policy=state.policy_mark,
                unbound=key,
                key=match,
                why=f"{title(key, slot.holding.symbol)} is ticket {row.ticket}, {described(row)}: {why}",
            )


def _claimed(state: State, unbound: list[Key], named: dict[Key, Key]) -> set[Key]:
    """The keys that are an entry's by its name: what is only like them is another position, whichever comes first."""
    by_order = {ticket_key(found) for key in unbound if (found := state.book[key].order_id) is not None}
    return by_order | {named[key] for key in unbound if key in named}


def _match(
    slot: Slot,
    free: dict[Key, BrokerPosition],
    alike: dict[object, list[Key]],
    ours: dict[object, int],
    claimed: set[Key],
) -> tuple[Key | None, str]:
    """(the key that the entry is, why), or (None, '')."""
    if slot.order_id is not None:  # likeness proves nothing against it: its ticket may be closed by now
        named = ticket_key(slot.order_id)
        return (named, "its opening order became the ticket") if named in free else (None, "")
    likeness = _likeness(slot)
    found = alike.get(likeness, [])
    if len(found) == 1 and ours[likeness] == 1 and found[0] not in claimed:
        return found[0], "the only one of this symbol, side and quantity on both sides"
    return None, ""


def _likeness(position: Slot | BrokerPosition) -> tuple[str, object]:
    holding = position.holding if isinstance(position, Slot) else position
    assert holding is not None
    return holding.symbol, holding.signed_quantity
