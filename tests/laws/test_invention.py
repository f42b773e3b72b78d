"""Law 13: did every price, owner and time in the book come from somewhere, and does what was inferred give way?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from laws.oracle import said, turns
from laws.profiles import tried
from laws.steps import ANY, HONEST, Step, play
from laws.test_values import MODES, NAMED
from laws.world import World, impatient, patient
from trueup.changes import Fill
from trueup.decisions import BaselineTaken, BreakMoved, FillAdopted, FillSettled
from trueup.facts import ExecutionPushed, FillRecorded, Observed, PositionRecorded
from trueup.model import EXTERNAL, BrokerPosition, Execution, Holding
from trueup.reconciliation.fills import average_price


class Given:
    """All that the inputs so far have named."""

    def __init__(self) -> None:
        self.prices: dict[str, set[Decimal]] = {}
        self.owners: set[str] = {EXTERNAL}
        self.tickets: set[str] = set()
        self.stops: set[Decimal | None] = set()
        self.times: set[str | None] = {None}

    def take(self, fact: object, rows: dict[str, BrokerPosition]) -> None:
        for symbol, price, owner, ticket, stop, time in _named(fact, rows):
            if price is not None:
                self.prices.setdefault(symbol, set()).add(price)
            self.owners |= {owner} - {None}
            self.tickets |= {ticket} - {None}
            self.stops.add(None if stop is None else stop.price)
            self.times.add(time)

    def covers(self, holding: Holding) -> None:
        """Whether the inputs named all that a holding says; a price may be an average of theirs."""
        prices = self.prices.get(holding.symbol, set())
        if holding.price is not None:
            assert prices
            assert min(prices) <= holding.price <= max(prices), holding
        assert holding.strategy in self.owners
        assert holding.ticket is None or holding.ticket in self.tickets
        assert holding.stop is None or holding.stop.price in self.stops
        assert holding.opened_at in self.times


def _named(fact: object, rows: dict[str, BrokerPosition]) -> Iterator[tuple]:
    if isinstance(fact, FillRecorded | ExecutionPushed):
        yield _of_execution(fact.execution)
    elif isinstance(fact, PositionRecorded):
        yield fact.symbol, fact.price, fact.strategy, fact.ticket, fact.stop, fact.happened_at
    elif isinstance(fact, Observed):
        yield from (_of_execution(one) for one in fact.executions)
        for row in rows.values():
            yield row.symbol, row.price, row.strategy, row.ticket, row.stop, row.opened_at


def _of_execution(one: Execution) -> tuple:
    return one.symbol, one.price, one.strategy, one.ticket, None, one.happened_at


@tried(150)
@given(steps=ANY, mode=MODES, named_by=NAMED, holds=st.booleans(), priced=st.booleans())
def test_law_13_nothing_in_the_book_was_made_up(steps: list[Step], mode, named_by, holds: bool, priced: bool) -> None:
    world = play(World(mode, impatient() if holds else patient(), named_by=named_by, priced=priced), steps)
    answers = said(world.journal.stored, mode)
    inputs = Given()
    for turn in turns(world.journal.stored):
        rows = answers[turn.position][1] if turn.position in answers else {}
        inputs.take(turn.fact, dict(rows))
        for one in turn.decisions:
            correction = getattr(one, "correction", None)
            if correction is not None and correction.after is not None:
                inputs.covers(correction.after)
            assert getattr(one, "at_ns", turn.fact.at.at_ns) == turn.fact.at.at_ns  # times are copies
            assert getattr(one, "cause", turn.position) == turn.position
    for slot in world.ledger.state.book.values():
        assert slot.holding is not None
        inputs.covers(slot.holding)


@tried(150)
@given(steps=HONEST, mode=MODES, named_by=NAMED, baseline=st.booleans())
def test_law_13_what_no_fill_explains_is_marked_inferred_and_gives_way(
    steps: list[Step], mode, named_by, baseline: bool
) -> None:
    """The book is what was recorded plus what is marked inferred, always; and nothing stays inferred in the end."""
    world = World(mode, named_by=named_by, baseline=baseline)
    for step in steps:
        play(world, [step])
        _adds_up(world)
    world.hear_all()
    _adds_up(world)
    left = [one.remaining for slot in _slots(world) for one in slot.inferred]
    assert sum(left, Decimal()) == 0
    assert left == []


def _slots(world: World) -> Iterator:
    state = world.ledger.state
    yield from state.book.values()
    for memory in (state.closed.old, state.closed.young):
        for key, slot in memory.items():
            current = state.slot(key)
            twin = key.startswith("?") and state.bindings.get(key) is not None
            if current is slot and not twin:
                yield slot


def _adds_up(world: World) -> None:
    """By symbol: what is held is what fills brought plus what corrections inferred and no fill has claimed."""
    recorded: dict[str, Decimal] = {}
    seen: set[str] = set()
    for turn in turns(world.journal.stored):
        entered = [one.execution for one in turn.decisions if isinstance(one, FillAdopted)]
        if isinstance(turn.fact, FillRecorded):
            entered.append(turn.fact.execution)
        for one in entered:
            if one.execution_id not in seen:
                seen.add(one.execution_id)
                recorded[one.symbol] = recorded.get(one.symbol, Decimal()) + one.signed_quantity
    inferred: dict[str, Decimal] = {}
    held: dict[str, Decimal] = {}
    for slot in _slots(world):
        symbol = (slot.holding or slot.before).symbol
        for one in slot.inferred:
            inferred[symbol] = inferred.get(symbol, Decimal()) + one.remaining
        if slot.holding is not None:
            held[symbol] = held.get(symbol, Decimal()) + slot.holding.signed_quantity
    for symbol in {*recorded, *inferred, *held}:
        assert held.get(symbol, 0) == recorded.get(symbol, 0) + inferred.get(symbol, 0), symbol


@tried(150)
@given(steps=HONEST, mode=MODES, named_by=NAMED, baseline=st.booleans())
def test_law_13_every_change_of_quantity_says_where_it_came_from(
    steps: list[Step], mode, named_by, baseline: bool
) -> None:
    """Consumed plus moved is the whole fill; a recovery, ghost or drift changes the book by what it infers."""
    world = play(World(mode, named_by=named_by, baseline=baseline), steps)
    for turn in turns(world.journal.stored):
        for one in turn.decisions:
            if isinstance(one, FillAdopted):
                claimed = sum((quantity for _, quantity in one.consumed), Decimal())
                assert one.moved + claimed == one.execution.signed_quantity
                assert _quantity(one.correction.after) == _quantity(one.correction.before) + one.moved
            elif isinstance(one, FillSettled):
                assert isinstance(turn.fact, FillRecorded)
                claimed = sum((quantity for _, quantity in one.consumed), Decimal())
                assert one.moved + claimed == turn.fact.execution.signed_quantity
            elif isinstance(one, BaselineTaken):
                after = world.folded(turn.position + 1 + turn.decisions.index(one))
                for key in one.keys:
                    (mark,) = after.book[key].inferred
                    assert mark.remaining == _quantity(after.held(key))
            elif isinstance(one, BreakMoved) and one.correction is not None:
                after = world.folded(turn.position + 1 + turn.decisions.index(one))
                assert _quantity(after.held(one.key)) == _quantity(one.correction.after)


def _quantity(holding: Holding | None) -> Decimal:
    return Decimal() if holding is None else holding.signed_quantity


# -- prices ------------------------------------------------------------------------------------------------

PRICES = st.none() | st.sampled_from(["1.1", "1.25", "3", "0.0001"]).map(Decimal)
SIZES = st.integers(1, 3).map(Decimal)


@tried(100)
@given(price=PRICES, held=SIZES, paid=PRICES, added=SIZES)
def test_law_13_l36_an_average_of_something_unknown_is_unknown(
    price: Decimal | None, held: Decimal, paid: Decimal | None, added: Decimal
) -> None:
    average = average_price(price, held, paid, added)
    if price is None or paid is None:
        assert average is None
    else:
        assert average is not None
        exact = (Fraction(price) * Fraction(held) + Fraction(paid) * Fraction(added)) / Fraction(held + added)
        assert abs(Fraction(average) - exact) <= Fraction(1, 2_000_000)  # six digits more than the prices have


def test_law_13_l36_a_price_that_the_broker_did_not_state_stays_unknown_through_later_fills() -> None:
    world = World(priced=False, baseline=False)
    world.move("AUD", Decimal(2), None)  # nobody's: found by observing, without a price
    world.look(2)
    held = world.ledger.state.held("AUD")
    assert held is not None
    assert (held.price, held.strategy) == (None, EXTERNAL)
    fill = Fill(execution_id="f", symbol="AUD", side="buy", quantity=3, price="1.1", strategy="mine")
    world.record(fill)  # two of the three had been inferred
    held = world.ledger.state.held("AUD")
    assert held is not None
    assert held.signed_quantity == 3
    assert held.price is None  # not an average of 1.1 and nothing
    assert held.strategy == "mine"  # the owner that turned up (L53)
