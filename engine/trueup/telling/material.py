"""How does a journal's history become the facts that an explanation is sought for?

The break's two sides are those of the moment in which it was judged; the last agreement is the last complete answer
before it was first seen, because an answer that finds a difference opens a break.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from trueup.causes import BreakFacts, Deal, Neighbour, Price, Reason
from trueup.decisions import BreakMoved, Correction
from trueup.facts import Fact
from trueup.model import BrokerPosition, Holding, Key
from trueup.reconciliation.state import NEVER, Break, State
from trueup.telling.history import History


def facts_of_break(
    history: History,
    *,
    opened: State,
    judged: State,
    key: Key,
    symbol: str,
    ticket: str | None,
    fields: tuple[str | None, ...],
    seen: Fact,
    seen_position: int,
    correction: Correction | None,
    before: int,
    said: Mapping[str, Reason],
) -> BreakFacts:
    """The facts of one break.

    opened      the state just before the answer that first showed it
    judged      the state with the answer folded in that it was judged by last, before what was decided on it
    seen        that first answer, at `seen_position`
    correction  what was decided, if it was; then the book's side is the one before it
    before      only what the book heard of before that position is in its side of the break
    said        what the raw replies say made a deal, by execution id
    """
    held = judged.held(key) if correction is None else correction.before
    slot = judged.slot(key)
    agreed = opened.view().complete_asked
    return BreakFacts(
        key=key,
        symbol=symbol,
        ticket=ticket,
        mode=judged.mode,
        book=held,
        broker=_broker_side(history, judged, correction),
        policy=judged.policy,
        seen=seen.at,
        seen_position=seen_position,
        agreed=None if agreed == NEVER else agreed,
        agreed_position=opened.view().base,
        lag_ns=judged.lag_ns("positions"),
        fields=fields,
        deals=history.deals_as_of(
            before,
            None if correction is None else correction.id,
            by_fills=slot is None or slot.source != "set",
            said=said,
        ),
        orders=history.orders_as_of(before),
        neighbours=tuple(_neighbours(history, judged, seen_position)),
    )


def _broker_side(history: History, judged: State, correction: Correction | None) -> BrokerPosition | None:
    """What the broker stated of the key, as far as it was confirmed: a correction of the stop alone says nothing of a
    quantity that differs too and waits. After a missed fill, which no answer on positions has shown yet, it is what the
    book holds since."""
    row: BrokerPosition | None = None
    for one in history.answers:
        if one.position <= judged.position and one.mentions:
            row = one.row
    if correction is None:
        return row
    if correction.after is None:
        return None
    if row is None or correction.kind == "missed-fill":
        return _as_row(correction.after)
    return replace(row, signed_quantity=correction.after.signed_quantity)


def _as_row(held: Holding) -> BrokerPosition:
    return BrokerPosition(
        held.symbol, held.signed_quantity, held.ticket, held.price, held.stop, opened_at=held.opened_at
    )


def _neighbours(history: History, judged: State, seen_position: int) -> Iterable[Neighbour]:
    """The other keys that differed at the same time: known before that answer, opened by it, or corrected since the
    break was first seen. What the broker has under another name is adopted on two answers, and the ghost that it leaves
    is closed later (L33): as far as the ghost is concerned, the book still lacks that other key."""
    rows = judged.view().rows
    found: dict[Key, int] = {key: breaks[0].opened_position for key, breaks in _in_order(judged)}
    corrected: dict[Key, Correction] = {}
    for _, move in history.others:
        if move.cause == judged.position:
            found.setdefault(move.key, move.cause)
        elif move.correction is not None and seen_position <= move.cause < judged.position:
            found.setdefault(move.key, move.cause)
            corrected.setdefault(move.key, move.correction)
    for key, position in found.items():
        made = corrected.get(key)
        book, broker = judged.held(key) if made is None else made.before, rows.get(key)
        if key not in history.keys and (book is not None or broker is not None):
            yield Neighbour(key=key, book=book, broker=broker, position=position)


def _in_order(state: State) -> list[tuple[Key, tuple[Break, ...]]]:
    return sorted(state.breaks.items())


def opened_at(moves: Iterable[tuple[int, BreakMoved]], break_ids: frozenset[str]) -> int | None:
    """The position of the answer that first showed any of these breaks; None when the journal does not tell."""
    causes = (
        move.cause for _, move in moves for step in move.steps if step.break_id in break_ids and step.state == "opened"
    )
    return min(causes, default=None)


def price_of(facts: BreakFacts) -> Price | None:
    """The latest price that is known of the symbol, and whose it is: a deal's, the broker's, the book's."""
    latest = max((deal for deal in facts.deals if deal.execution.price is not None), default=None, key=_position)
    if latest is not None and latest.execution.price is not None:
        return Price(latest.execution.price, f"the price of execution {latest.execution.execution_id}")
    for side, of in ((facts.broker, "the broker's opening price"), (facts.book, "the book's opening price")):
        if side is not None and side.price is not None:
            return Price(side.price, of)
    return None


def _position(deal: Deal) -> int:
    return deal.position
