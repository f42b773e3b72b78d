"""How does one account stand at this moment, in numbers?

From the fold alone, without asking anybody. Pure: the state and the moment decide. Numbers stay exact until the client
library writes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from math import inf
from typing import Final, TypeAlias

from trueup.gate import Gate
from trueup.model import EXACT, ZERO, BrokerOrder, Moment, add, elapsed_ns
from trueup.protection import is_protected
from trueup.reconciliation.state import State
from trueup_adapters.alerts.plain import harmless
from trueup_adapters.metrics.names import OTHER, SYMBOLS_MAX

Value: TypeAlias = Decimal | int | float
Sample: TypeAlias = tuple[str, tuple[str, ...], Value]
"""(metric, values of its labels after the account's, value)"""
GATES: Final = ("open", "reduce_only", "closed")
LABEL_MAX: Final = 40
NS: Final = Decimal(1_000_000_000)


def standing(state: State, gate: Gate, now: Moment, *, failing: bool) -> Iterator[Sample]:
    """Every gauge of one account."""
    view = state.view()
    yield "trueup_verified_age_seconds", (), _seconds(elapsed_ns(view.answered, now)) if view.answers else inf
    if view.position:
        yield "trueup_broker_answer_seconds", (), _seconds(max(0, elapsed_ns(view.asked, view.received)))
    yield "trueup_broker_failures", (), view.failures
    narrowest = gate.narrowest
    for status in GATES:
        yield "trueup_gate", (status,), int(narrowest == status)
    yield "trueup_limited_symbols", (), len(state.gate.symbols)
    yield "trueup_quarantined_scopes", (), len(state.quarantine)
    yield from _breaks(state, now)
    yield "trueup_held_positions", (), 0 if state.hold is None else len(state.hold.missing)
    yield "trueup_refused_rows", (), len(view.refused)
    yield "trueup_book_positions", (), len(state.book)
    yield "trueup_unprotected_positions", (), unprotected(state)
    yield from _orphans(state)
    yield "trueup_actions_outstanding", (), len(state.outbox)
    yield "trueup_journal_position", (), state.position
    yield "trueup_journal_failing", (), int(failing)


def unprotected(state: State) -> int:
    """Positions that the broker last listed for which no stop is known: neither one of their own, nor working orders
    that cover them. What policy asks of that is `protect`; here it is counted whatever the policy."""
    by_symbol: dict[str, list[BrokerOrder]] = {}
    for order in state.view("open_orders").orders.values():
        by_symbol.setdefault(order.symbol, []).append(order)
    rows = state.view().rows.values()
    return sum(
        not is_protected(row, by_symbol.get(row.symbol, ()))
        and not state.policy.is_dust(row.symbol, row.signed_quantity)
        for row in rows
    )


def _breaks(state: State, now: Moment) -> Iterator[Sample]:
    counts: Counter[tuple[str, str]] = Counter()
    oldest_ns = 0
    for breaks in (*state.breaks.values(), *state.order_breaks.values()):
        for one in breaks:
            counts[one.of, one.kind] += 1
            oldest_ns = max(oldest_ns, elapsed_ns(one.opened, now))
    for of in ("position", "order"):
        for kind in ("recovery", "ghost", "drift"):
            yield "trueup_open_breaks", (of, kind), counts[of, kind]
    yield "trueup_oldest_break_seconds", (), _seconds(oldest_ns)


def _orphans(state: State) -> Iterator[Sample]:
    """What the broker has and the book lacks. A price is never invented: without one it is counted apart (L36)."""
    exposure: dict[str, Decimal] = {}
    unpriced = 0
    rows = state.view().rows
    for key in sorted(state.breaks):
        if not any(one.kind == "recovery" for one in state.breaks[key]):
            continue
        row = rows.get(key)
        if row is None or row.price is None:
            unpriced += 1
        else:
            size = EXACT.multiply(row.signed_quantity.copy_abs(), row.price)
            exposure[row.symbol] = add(exposure.get(row.symbol, ZERO), size)
    largest = sorted(exposure, key=lambda symbol: (-exposure[symbol], symbol))
    for symbol in largest[:SYMBOLS_MAX]:
        yield "trueup_orphan_exposure", (harmless(symbol)[:LABEL_MAX],), exposure[symbol]
    rest = ZERO
    for symbol in largest[SYMBOLS_MAX:]:
        rest = add(rest, exposure[symbol])
    yield "trueup_orphan_exposure", (OTHER,), rest
    yield "trueup_orphan_unpriced", (), unpriced
    orphans = sum(any(one.kind == "recovery" for one in breaks) for breaks in state.order_breaks.values())
    yield "trueup_orphan_orders", (), orphans


def _seconds(ns: int) -> Decimal:
    return Decimal(ns) / NS
