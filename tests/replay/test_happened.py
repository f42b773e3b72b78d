"""What had happened by a moment, whenever it was learned: is it what the broker truly held then?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from laws.profiles import tried
from laws.steps import ANY, HONEST, Step, play
from laws.stores import DAWN_NS
from laws.test_values import MODES, NAMED
from laws.world import Order, World, impatient, quantities
from replay.journals import events
from replay.recording import Recording, adopt, fill, held, row
from trueup.changes import Fill
from trueup.model import Execution
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State
from trueup.replay import Happened, stamp_of

FOREVER_US = 10**17


class Stamped(World):
    """A world whose broker says of each execution when it happened."""

    def _tell(self, order: Order, quantity: Decimal, execution_id: str, opens: bool) -> None:
        super()._tell(order, quantity, execution_id, opens)
        at = iso(self.clock.wall_ns())
        message = self.messages[-1]
        assert isinstance(message, Fill)
        self.messages[-1] = replace(message, at=datetime.fromisoformat(at))
        when, execution = self.executions[-1]
        self.executions[-1] = (when, replace(execution, happened_at=at))


def iso(at_ns: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_ns // 1000)).isoformat()


def was(journal: Any, *limits_us: int) -> list[dict[str, Decimal]]:
    happened = Happened(journal.account, limits_us)
    happened.follow(enumerate(events(journal), start=1))
    return [{one.key: one.signed_quantity for one in happened.was(place)} for place in range(len(limits_us))]


@tried(150)
@given(steps=HONEST, mode=MODES, named_by=NAMED, baseline=st.booleans(), place=st.integers(0, 10_000))
def test_law_13_once_all_is_known_it_is_what_the_broker_held_at_every_moment(
    steps: list[Step], mode, named_by, baseline: bool, place: int
) -> None:
    """However late the messages came, and whatever was inferred meanwhile."""
    steps = [step for step in steps if step[0] not in ("jump", "restart")]
    world = Stamped(mode, named_by=named_by, baseline=baseline)
    play(world, steps)
    world.hear_all()
    world.look(3)
    at_ms, truth = world.history[place % len(world.history)]
    truth = [state for when, state in world.history if when == at_ms][-1]
    (found,) = was(world.journal, (at_ms * 1_000_000 + DAWN_NS) // 1000)
    assert {world.true_key(key): size for key, size in found.items()} == quantities(truth)


@tried(100)
@given(steps=ANY, mode=MODES, named_by=NAMED, stamped=st.booleans())
def test_law_13_in_the_end_it_is_the_book(steps: list[Step], mode, named_by, stamped: bool) -> None:
    world = play((Stamped if stamped else World)(mode, impatient(), named_by=named_by), steps)
    (found,) = was(world.journal, FOREVER_US)
    state = world.folded(len(world.journal.stored))
    assert found == {key: slot.holding.signed_quantity for key, slot in state.book.items() if slot.holding}


@tried(100)
@given(steps=ANY, mode=MODES, named_by=NAMED, place=st.integers(0, 10_000))
def test_without_stamps_what_happened_is_what_was_learned(steps: list[Step], mode, named_by, place: int) -> None:
    steps = [step for step in steps if step[0] not in ("jump", "deals")]
    world = play(World(mode, impatient(), named_by=named_by), steps)
    told = events(world.journal)
    at_us = [(one.at.at_ns if hasattr(one, "at") else one.at_ns) // 1000 for one in told]  # type: ignore[union-attr]
    limit = at_us[place % len(at_us)]
    (found,) = was(world.journal, limit)
    cut = sum(at <= limit for at in at_us)
    state = fold(State(account="test:1"), enumerate(told[:cut], start=1))
    learned = {key: slot.holding.signed_quantity for key, slot in state.book.items() if slot.holding}
    assert {key: size for key, size in found.items() if not _renamed(key, world, learned)} == {
        key: size for key, size in learned.items() if key in found
    }


def _renamed(key: str, world: World, learned: dict[str, Decimal]) -> bool:
    """An entry whose ticket was found later stands under its ticket from the first."""
    return key not in learned


# -- by hand -----------------------------------------------------------------------------------------------


def at(recording: Recording, ms: int) -> datetime:
    """A wall time, so many milliseconds before now."""
    return datetime.fromisoformat(iso(recording.clock.wall_ns() - ms * 1_000_000))


def now_us(recording: Recording) -> int:
    return recording.clock.wall_ns() // 1000


def test_a_late_fill_counts_from_when_it_happened() -> None:
    recording = Recording()
    recording.record(fill("e1", "AUD", 2))
    early = now_us(recording)
    recording.clock.advance(60_000)
    recording.record(fill("late", "AUD", 3, at=at(recording, 30_000)))
    middle, late = early + 40_000_000, now_us(recording)
    assert was(recording.journal, early - 1, early, middle, late) == [
        {}, {"AUD": Decimal(2)}, {"AUD": Decimal(5)}, {"AUD": Decimal(5)},
    ]  # fmt: skip


def test_l14_an_inference_gives_way_to_its_fill_from_the_fill_s_own_time_on() -> None:
    recording = Recording()
    recording.says()
    traded = now_us(recording)
    recording.says(AUD=3)
    recording.says(AUD=3)
    corrected = now_us(recording)
    assert was(recording.journal, traded, corrected) == [{}, {"AUD": Decimal(3)}]
    since_ms = (corrected - traded) // 1000
    recording.record(fill("real", "AUD", 3, at=at(recording, since_ms - 1)))
    assert was(recording.journal, traded, traded + 1_000, corrected) == [{}, {"AUD": Decimal(3)}, {"AUD": Decimal(3)}]


def test_an_entry_that_claims_its_adopted_ticket_is_never_counted_twice() -> None:
    recording = Recording(adopt(confirmations=9), "hedging")
    recording.record(
        fill("f1", "AUD", 1, client_order_id="c1", at=at(recording, 5)),
        fill("f2", "AUD", 1, client_order_id="c2", at=at(recording, 5)),
    )
    rows = {"#7": row("AUD", 1, "7"), "#8": row("AUD", 1, "8")}
    recording.answers(rows)
    recording.answers(rows)
    adopted = now_us(recording)
    recording.record(fill("f3", "AUD", 2, client_order_id="c1", ticket="7", at=at(recording, -5)))
    one = Decimal(1)
    before, after = was(recording.journal, adopted, now_us(recording))
    assert before == {"#7": one, "#8": one, "?order/c2": one}
    assert after == {"#7": Decimal(3), "#8": one, "?order/c2": one}


def test_an_entry_that_was_closed_before_its_ticket_was_known_is_found_under_it() -> None:
    recording = Recording(mode="hedging")
    recording.record(fill("f1", "AUD", 1, client_order_id="c1", order_id="7", at=at(recording, 0)))
    opened = now_us(recording)
    recording.clock.advance(1_000)
    closed = now_us(recording)
    recording.answers({}, 40_000)
    recording.answers({}, 40_000)
    recording.record(fill("f2", "AUD", -1, ticket="7", at=datetime.fromisoformat(iso(closed * 1000))))
    assert was(recording.journal, opened, closed, now_us(recording)) == [{"#7": Decimal(1)}, {}, {}]


def test_what_has_no_time_of_its_own_counts_from_when_it_was_learned() -> None:
    recording = Recording()
    recording.record(held("AUD", 2), fill("e1", "BTC", 1))
    recording.says(AUD=2, BTC=1, CHF=4)
    recording.says(AUD=2, BTC=1, CHF=4)
    happened = Happened("test:1", (FOREVER_US,))
    happened.follow(enumerate(events(recording.journal), start=1))
    assert (happened.stamped, happened.unstamped) == (0, 3)
    assert all(one.whole for one in happened.was(0))


def test_what_moved_since_is_known_by_its_quantity_only() -> None:
    recording = Recording()
    recording.record(fill("e1", "AUD", 2, at=at(recording, 5)))
    early = now_us(recording)
    recording.clock.advance(1_000)
    recording.record(fill("e2", "AUD", -2, at=at(recording, 0)), fill("e3", "BTC", 1, at=at(recording, 2_000)))
    happened = Happened("test:1", (early - 60_000_000, early, now_us(recording)))
    happened.follow(enumerate(events(recording.journal), start=1))
    aud, btc = happened.was(1)
    assert (aud.key, aud.known.symbol, aud.whole) == ("AUD", "AUD", False)
    assert (btc.key, btc.whole) == ("BTC", True)
    assert [one.key for one in happened.was(2)] == ["BTC"]
    told = events(recording.journal)
    named, count = happened.noted("AUD")
    assert [told[position - 1].execution.execution_id for position in named] == ["e1", "e2"]
    assert count == 2


def test_of_many_movements_the_first_and_the_last_are_named() -> None:
    recording = Recording()
    recording.record(*(fill(f"e{n}", "AUD", 1) for n in range(30)))
    happened = Happened("test:1", (0, FOREVER_US))
    happened.follow(enumerate(events(recording.journal), start=1))
    named, count = happened.noted("AUD")
    assert (len(named), named[-1], count) == (20, 32, 30)


def test_times_of_executions() -> None:
    def stamp(text: str | None) -> int | None:
        return stamp_of(Execution("e", "AUD", Decimal(1), happened_at=text))

    assert stamp("1970-01-01T00:00:01Z") == 1_000_000
    assert stamp("1970-01-01T00:00:01") == 1_000_000
    assert stamp("1970-01-01T02:00:01+02:00") == 1_000_000
    assert stamp("yesterday") is None
    assert stamp(None) is None
