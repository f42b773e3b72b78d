"""Law 2: once the broker stops changing and answers completely, does the book equal it soon, after any history?"""

from __future__ import annotations

import asyncio
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from laws.profiles import tried
from laws.steps import ANY, Step, play
from laws.stores import FakeClock, ListJournal
from laws.test_values import MODES, NAMED
from laws.world import LAG_MS, World, impatient, patient
from trueup.changes import Fill, PositionSet
from trueup.ledger import Claim, Ledger
from trueup.model import PositionMode, Stop
from trueup.passes import Passes
from trueup.policy import Policy
from trueup.testing.broker import SimulatedBroker, Trouble

ROUNDS_MAX = 8
"""Answers after which the book must equal a quiet broker: one to see it, `confirmations_total` to be sure of an
empty one, one more after a hold is acknowledged."""


@tried(400)
@given(steps=ANY, mode=MODES, named_by=NAMED, baseline=st.booleans())
def test_law_2_a_quiet_broker_is_matched_after_any_history(
    steps: list[Step], mode: PositionMode, named_by, baseline: bool
) -> None:
    world = play(World(mode, named_by=named_by, baseline=baseline), steps)
    _falls_quiet(world)
    world.look(3)
    _matches(world)


@tried(120)
@given(steps=ANY, mode=MODES, named_by=NAMED)
def test_law_2_holds_small_books_and_escalations_only_make_it_later(steps: list[Step], mode, named_by) -> None:
    world = play(World(mode, impatient(), named_by=named_by), steps)
    _falls_quiet(world)
    world.clock.advance(3_600_000)  # a repair that did not hold is tried again once its window is over (L52)
    for _ in range(ROUNDS_MAX):
        world.look(1)
        if world.ledger.state.hold is not None:
            world.acknowledge()
    _matches(world)


@tried(60)
@given(steps=ANY, mode=MODES, tolerance=st.sampled_from(["1", "2"]))
def test_law_2_within_tolerance_is_agreement(steps: list[Step], mode, tolerance: str) -> None:
    world = play(World(mode, patient(quantity_tolerance={"*": tolerance})), steps)
    _falls_quiet(world)
    world.look(3)
    book, owed = world.book(), world.owed()
    assert book.keys() == owed.keys()
    for key, quantity in owed.items():
        assert abs(quantity - book[key]) <= Decimal(tolerance)


def _falls_quiet(world: World) -> None:
    """The disk works, nothing is in flight any more, and nobody trades from here on."""
    world.journal.troubles.clear()
    world.clock.advance(31_000)


def _matches(world: World) -> None:
    state = world.ledger.state
    assert world.book() == world.owed()
    assert not state.breaks
    assert state.hold is None
    for key, row in world.truth.items():
        held = state.held(key)
        assert held is not None
        if held.price is not None and row.price is not None:
            places = min(_places(held.price), _places(row.price))
            assert abs(held.price - row.price) <= Decimal(1).scaleb(-max(places, 4 - row.price.adjusted())) / 2
        if held.stop is not None and row.stop is not None:
            assert held.stop.price == row.stop.price


def _places(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


# -- through real passes -----------------------------------------------------------------------------------

SIZES = st.integers(1, 3)
BOOK = st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from(["long", "short"]), SIZES), max_size=6)
TROUBLES: st.SearchStrategy[list[Trouble]] = st.lists(
    st.sampled_from(["failure", "garbage", "truncated", "bad_row", "bad_number", "twin", "contradiction"]), max_size=3
)
"""What can be told from the truth: an empty answer given twice, when nothing was recorded, cannot."""


@tried(80)
@given(book=BOOK, held=BOOK, mode=MODES, troubles=TROUBLES)
def test_law_2_l51_a_start_up_pass_says_success_only_when_nothing_differs(
    book, held, mode: PositionMode, troubles: list[Trouble]
) -> None:
    clock, journal = FakeClock(), ListJournal()
    broker = SimulatedBroker(position_mode=mode, lag_ms_max=LAG_MS)
    for symbol, side, size in held:
        broker.open(symbol, side, size, price="1.5")
    claim = Claim(policy=_eager(), position_mode=mode, lag_ms_max=broker.capabilities.lag_ms_max)
    recorder = Ledger(journal, clock, claim)
    for number, (symbol, side, size) in enumerate(book):
        ticket = str(number + 1) if mode == "hedging" else None
        recorder.record(PositionSet(symbol=symbol, side=side, quantity=size, ticket=ticket))
    broker.trouble(*troubles)
    statuses = []
    for _ in range(len(troubles) + 1):  # each pass meets at least one of the troubles
        clock.advance(60_000)
        ledger = Ledger(journal, clock, claim)
        report = asyncio.run(Passes(ledger, broker, clock).run("startup"))
        statuses.append(report.status)
        if report.status == "SUCCESS":
            assert _quantities(ledger) == {key: row.signed_quantity for key, row in broker.truth.items()}
            assert report.gate == "open"
    assert statuses[-1] == "SUCCESS"


def _eager() -> Policy:
    return Policy.adopt(retries_max=0, mass_absence_count_min=100, startup_timeout_s=60)


def _quantities(ledger: Ledger) -> dict[str, Decimal]:
    slots = ledger.state.book
    return {key: slot.holding.signed_quantity for key, slot in slots.items() if slot.holding is not None}


def test_law_2_l02_what_an_empty_answer_closed_is_back_as_soon_as_the_broker_lists_it_again() -> None:
    world = World(policy=patient())
    world.change("AUD", None)
    world.record(Fill(execution_id="a", symbol="AUD", side="buy", quantity=2, price="1.1", strategy="mine"))
    world.move("AUD", Decimal(2), None)
    world.look(1)
    for _ in range(3):
        world.clock.advance(3_000)
        world.glitch("empty")
    assert world.book() == {}
    closed = world.made[-1].correction
    world.look(2)
    assert world.book() == world.owed() == {"AUD": Decimal(2)}
    assert world.made[-1].correction.compensates == closed.id
    held = world.ledger.state.held("AUD")
    assert held is not None
    assert held.strategy == "mine"


def test_law_2_a_stop_that_the_broker_moved_is_followed() -> None:
    world = World(policy=patient())
    play(world, [("trade", 0, (1,), "pending"), ("hear", 0, 1), ("hear", 0, 1), ("stop", 0, "0.9"), ("look", 3)])
    world.record(PositionSet(symbol="AUD", side="long", quantity=1, stop="0.8"))
    world.look(3)
    held = world.ledger.state.held("AUD")
    assert held is not None
    assert held.stop == Stop(Decimal("0.9"))
