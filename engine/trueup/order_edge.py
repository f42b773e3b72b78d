"""How do a broker's orders become part of an observation?

As positions do (`edge`): symbols by their one name, rows that cannot be used refused one by one (L42), and what an
answer lists written as the difference to what is already known. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from trueup.facts import Observed, OrderRows
from trueup.model import BrokerOrder, Refusal
from trueup.orders import order_ref
from trueup.policy import Policy
from trueup.reconciliation.state import State, View


def usable_orders(rows: Sequence[BrokerOrder], policy: Policy) -> tuple[dict[str, BrokerOrder], list[Refusal]]:
    """(orders by reference, rows that cannot be used). Rows of one reference that contradict each other are all
    refused: choosing one would be inventing (L29)."""
    found: dict[str, BrokerOrder] = {}
    places: dict[str, int] = {}
    refused: list[Refusal] = []
    twins: set[str] = set()
    for place, given in enumerate(rows, start=1):
        row = _canonical(given, policy)
        why = unusable_order(row)
        ref = order_ref(row)
        if why is None and (ref in twins or found.get(ref, row) != row):
            why = f"order {ref} is listed more than once, and not in the same words"
            twins.add(ref)
        if why is None:
            found[ref] = row
            places.setdefault(ref, place)
            continue
        refused.append(_refused(place, why, row))
        if (other := found.pop(ref, None)) is not None:  # nor can that one be believed any more
            refused.append(_refused(places[ref], f"order {ref} is listed again in row {place}: {why}", other))
    return found, sorted(refused, key=lambda one: one.row)


def _refused(place: int, why: str, row: BrokerOrder) -> Refusal:
    return Refusal(place, why, row.symbol or None, row.order_id or row.client_order_id)


def unusable_order(row: BrokerOrder) -> str | None:
    """Why a row breaks the adapter's contract; None when it keeps it."""
    if row.order_id is None and row.client_order_id is None:
        return "it names neither an order id nor a client order id"
    if not row.symbol:
        return "it names no symbol"
    if not row.quantity.is_finite() or row.quantity <= 0:
        return f"its quantity is {row.quantity}; it must be greater than 0"
    if row.filled is not None and not (row.filled.is_finite() and row.filled >= 0):
        return f"its filled quantity is {row.filled}; it must be at least 0"
    return None


def _canonical(row: BrokerOrder, policy: Policy) -> BrokerOrder:
    symbol = policy.canonical(row.symbol)
    return row if symbol == row.symbol else replace(row, symbol=symbol, spelling=row.spelling or row.symbol)


def written_orders(view: View, rows: Mapping[str, BrokerOrder]) -> OrderRows:
    """A complete answer as its difference to the last one, or whole when the differences outweigh that."""
    known = view.orders
    stated = [ref for ref, row in rows.items() if known.get(ref) != row]
    gone = [ref for ref in known if ref not in rows]
    weight = len(stated) + len(gone)
    if not view.base or (weight and view.weight + weight > len(rows)):
        return whole(rows)
    return OrderRows(view.base, tuple(rows[ref] for ref in sorted(stated)), tuple(sorted(gone)))


def whole(rows: Mapping[str, BrokerOrder]) -> OrderRows:
    """All rows, in order."""
    return OrderRows(0, tuple(rows[ref] for ref in sorted(rows)))


def with_orders(state: State, fact: Observed, given: Sequence[BrokerOrder]) -> Observed:
    """The observation with the orders that it lists: canonical, fit for use, as the difference to what is known."""
    rows, refused = usable_orders(given, state.policy)
    if refused:
        why = fact.why or f"{len(refused)} rows refused"
        fact = replace(fact, refused=(*fact.refused, *refused), completeness="partial", why=why)
    if fact.surface == "order" or fact.completeness != "complete":
        return replace(fact, orders=whole(rows))
    return replace(fact, orders=written_orders(state.view("open_orders"), rows))
