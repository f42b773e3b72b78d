"""Do the small rules hold that no larger story happens to need?

Each was broken on purpose once, and every other test went on passing.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.test_interrupted import lined
from lessons.world import World, deal, fill, held, pending, row
from trueup import Policy, PushedExecution
from trueup.decisions import BaselineTaken, QuarantineMoved
from trueup.errors import JournalError
from trueup.gate import Gate, GateView
from trueup.ports import Answer

Worlds = Callable[..., World]
FOUR = ("S000", "S001", "S002", "S003")


def gone(worlds: Worlds) -> World:
    """A book of four that vanished at once, which an operator has acknowledged."""
    w = worlds(*(held(symbol, "1") for symbol in FOUR))
    w.sees(*(row(symbol, "1") for symbol in FOUR))
    w.sees()
    w.says("ack", what="mass-absence")
    assert w.state.acknowledged == frozenset(FOUR)
    return w


# -- what an acknowledgement speaks of ---------------------------------------------------------------------


@pytest.mark.parametrize("complete", [True, False])
def test_an_acknowledgement_ends_with_the_first_answer_that_lists_the_key(world: Worlds, complete: bool) -> None:
    """It was there after all: when it is missing again, that is another absence."""
    w = gone(world)
    listed = row("S000", "1")
    _ = w.sees(listed) if complete else w.sees_part(listed)
    assert "S000" not in w.state.acknowledged
    assert w.book["S000"] == "1"


def test_an_acknowledgement_ends_with_the_close_that_it_allowed(world: Worlds) -> None:
    w = gone(world)
    w.sees()
    assert w.book == {}
    assert w.state.acknowledged == frozenset()
    w.record(*(held(symbol, "1") for symbol in FOUR))
    w.sees(*(row(symbol, "1") for symbol in FOUR))
    w.sees()
    assert w.state.hold is not None, "what was opened anew and vanishes is a mass of its own"


def test_law_9_an_acknowledgement_opens_no_gate_in_an_epoch_that_asked_nobody(world: Worlds) -> None:
    w = world(*(held(symbol, "1") for symbol in FOUR))
    w.sees(*(row(symbol, "1") for symbol in FOUR))
    w.sees()
    w.restart()
    w.says("ack", what="mass-absence")
    assert (w.state.gate.status, w.ledger.gate.status) == ("closed", "closed")


# -- settling ----------------------------------------------------------------------------------------------


def test_what_the_process_closed_settles_like_what_it_holds(world: Worlds) -> None:
    """The broker may list it for as long as it takes to catch up: it is no recovery before that (L12)."""
    w = world(held("EURUSD", "1"), policy=Policy.adopt(settle_ms=10_000))
    w.sees(row("EURUSD", "1"))
    w.record(held("EURUSD", "0"))
    w.sees(row("EURUSD", "1"), times=3)
    assert w.book == {}
    assert [one.sightings.count for one in w.state.breaks["EURUSD"]] == [0]
    w.sees(row("EURUSD", "1"), times=2)
    assert w.book == {"EURUSD": "1"}, "ten seconds later it counts, twice"


def test_a_resting_order_that_ends_unsettles_its_symbol(world: Worlds) -> None:
    """It may have filled: the position moves before the message about it comes (L13)."""
    w = world(held("EURUSD", "1"), pending("a", "EURUSD"), pending("a", "EURUSD", "accepted"))
    w.sees(row("EURUSD", "1"))
    w.record(pending("a", "EURUSD", "filled"))
    w.sees(row("EURUSD", "2"), step_ms=500)
    (waiting,) = w.state.breaks["EURUSD"]
    assert (waiting.sightings.count, waiting.why) == (
        0,
        "an order on EURUSD ended too shortly before the question was asked",
    )


# -- whose, and from where ---------------------------------------------------------------------------------


def test_the_baseline_leaves_alone_what_was_pushed_before_it(world: Worlds) -> None:
    w = world()
    w.ledger.push(PushedExecution(fill=fill("e1", "EURUSD", "1", "1.05", strategy="trend")))
    w.sees(row("EURUSD", "1"), row("GBPUSD", "2"))
    assert [one.keys for one in w.events(BaselineTaken) if isinstance(one, BaselineTaken)] == [("GBPUSD",)]
    assert (w.owner("EURUSD"), w.owner("GBPUSD")) == ("trend", "external")
    assert w.state.book["EURUSD"].source == "fill"


def test_a_position_of_nobody_we_know_is_quarantined_for_everybody(world: Worlds) -> None:
    w = world(policy=Policy.guarded())
    w.sees(row("EURUSD", "1"))
    assert w.owner("EURUSD") == "external"
    w.sees(row("EURUSD", "2"), times=2)
    assert [one.scope for one in w.events(QuarantineMoved) if isinstance(one, QuarantineMoved)] == ["*:EURUSD"]


def test_a_page_of_deals_states_what_it_states(world: Worlds) -> None:
    """A row that a partial answer states is evidence (law 4): also of an execution that the book lacks (L10)."""
    w = world()
    w.deals()
    w.deals(deal("e1", "EURUSD", "1"), complete=False)
    assert w.book == {"EURUSD": "1"}


def test_a_restored_position_stays_moved_by_fills(world: Worlds) -> None:
    """One source per quantity (L15), also after it was closed and came back: no record overrides what fills paid."""
    w = world(fill("e1", "EURUSD", "1", "1.05"))
    w.sees(row("EURUSD", "1", price="1.05"))
    w.sees(times=6)
    assert w.book == {}
    w.sees(row("EURUSD", "1", price="1.05"), times=2)
    w.record(held("EURUSD", "1", price="1.99"))
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert (holding.source, str(holding.price)) == ("fill", "1.05")


def test_an_order_heard_of_only_afterwards_does_not_keep_its_fill_from_an_inference(world: Worlds) -> None:
    """Its first word was not `pending`, so it may be older than the question that a correction rests on (L14)."""
    w = world()
    w.sees()
    w.sees(row("EURUSD", "1"), times=2)
    w.record(pending("a", "EURUSD", "accepted"))
    w.record(fill("e1", "EURUSD", "1", client_order_id="a"))
    assert w.book == {"EURUSD": "1"}


def test_a_ticket_that_the_book_holds_already_takes_no_other_entry_along(world: Worlds) -> None:
    """What was recorded without a ticket is recognised by the first record that names one, not by every later one."""
    w = world(held("EURUSD", "2", ticket="7"), mode="hedging")
    w.record(held("EURUSD", "1"))
    w.record(held("EURUSD", "3", ticket="7"))
    assert sorted(w.book.values()) == ["1", "3"]
    assert w.book["#7"] == "3"
    assert len(w.state.unbound) == 1


def test_law_12_execution_ids_are_forgotten_after_their_window(world: Worlds) -> None:
    """Two generations of `fill_window_days_max`: each is known for that long at least, and none for ever."""
    w = world(policy=Policy.adopt(fill_window_days_max=1))
    for day in range(4):
        w.record(fill(f"e{day}", "EURUSD", "1"))
        w.passes(s=90_000)
    assert [w.state.executions.get(f"e{day}") is not None for day in range(4)] == [False, False, True, True]


# -- the gate, and what is kept ----------------------------------------------------------------------------


def test_law_9_what_waits_for_a_human_limits_its_symbol_while_it_settles_too(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), policy=Policy.adopt(on_drift="alert"))
    w.sees(row("EURUSD", "2"), times=2)
    assert [one.state for one in w.state.breaks["EURUSD"]] == ["escalated"]
    w.record(held("EURUSD", "1.5"))
    w.sees(row("EURUSD", "2"), step_ms=100)
    assert [(one.state, one.sightings.count) for one in w.state.breaks["EURUSD"]] == [("escalated", 0)]
    assert "EURUSD" in dict(w.state.gate.symbols)


def test_a_summary_names_a_quarantine_as_a_limit() -> None:
    gate = Gate(lambda: 0, lambda: 0)
    for symbols, quarantined, narrowest in (
        ({}, {}, "open"),
        ({}, {"trend:EURUSD": "drift"}, "reduce_only"),
        ({"EURUSD": "drift"}, {}, "reduce_only"),
    ):
        gate.publish(GateView("open", "", symbols, quarantined, 0, 0, 10))
        assert (gate.status, gate.narrowest) == ("open", narrowest)


def test_an_answer_that_could_not_be_stored_is_not_taken_for_known(world: Worlds) -> None:
    """An adapter hands the very same rows over while nothing changes; what was refused must be written then."""
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "1"))
    answer = Answer(completeness="complete", positions=w.keyed([row("EURUSD", "2")]), raw=b"{}")
    line = lined(w)
    line.down = "is full"
    with pytest.raises(JournalError):
        w.answered(answer)
    w.answered(answer)
    w.answered(answer)
    assert w.book == {"EURUSD": "2"}


def test_an_execution_in_other_words_is_kept_as_the_broker_says_it(world: Worlds) -> None:
    """A known one is left out of what is stored; one that contradicts ours is what somebody will look for."""
    w = world(fill("e1", "EURUSD", "1"), fill("e2", "EURUSD", "1"))
    w.deals(deal("e1", "EURUSD", "1"), deal("e2", "EURUSD", "3"))
    assert [one.execution_id for one in w.observations()[-1].executions] == ["e2"]
