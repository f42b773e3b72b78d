"""Is a repair made once, said truly, bounded, owned, and on record? (L49 to L58)"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lessons.world import World, deal, fill, held, pending, row
from trueup import Policy
from trueup.decisions import BreakMoved, FillAdopted, QuarantineMoved
from trueup.exits import exit_said
from trueup.facts import PassKind
from trueup.model import Refusal
from trueup.passes import Passes
from trueup.report import PassReport
from trueup.testing.broker import SimulatedBroker

Worlds = Callable[..., World]


def passed(w: World, broker: SimulatedBroker, kind: PassKind = "startup") -> PassReport:
    """One pass over a simulated broker, in no time at all."""
    return asyncio.run(Passes(w.ledger, broker, w.clock).run(kind))


def test_l49_a_restart_repairs_nothing_again(world: Worlds) -> None:
    """With random ids every restart added the synthetic fill once more. After a correction any number of restarts,
    each with its own start-up answers, adds nothing."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "3"), times=2)
    made = w.corrections()
    for _ in range(3):
        w.restart(down_s=60)
        w.sees(row("EURUSD", "3"), times=2, kind="startup")
    assert w.corrections() == made
    assert w.book == {"EURUSD": "3"}


def test_l49_the_same_story_gives_the_same_ids(world: Worlds) -> None:
    """Ids come from what happened, so two machines that saw the same agree on them."""
    ids = []
    for _ in range(2):
        w = world(fill("x1", "EURUSD", "1"))
        w.sees(row("EURUSD", "3"), row("USDJPY", "1"), times=2)
        moves = [one for one in w.events(BreakMoved) if isinstance(one, BreakMoved)]
        ids.append(([one.id for one in w.corrections()], [step.break_id for one in moves for step in one.steps]))
    assert ids[0] == ids[1]
    assert len({*ids[0][0], *ids[0][1]}) == 4, "two corrections, two breaks, no id twice"


def test_l49_confirmations_survive_a_restart(world: Worlds) -> None:
    """Nor does a restart forget: what one answer has shown before it, a second one confirms after it."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("USDJPY", "1"))
    w.restart(down_s=60)
    w.sees(row("USDJPY", "1"), kind="startup")
    assert w.book == {"USDJPY": "1"}


def test_l50_a_second_repair_of_the_same_thing_is_another_repair(world: Worlds) -> None:
    """An id made from the venue's stamp collided, and the second, legitimate repair was skipped. The same key, the same
    value, the same stamp, twice: two repairs with two ids, because the state that they correct is another."""
    w = world(fill("x1", "EURUSD", "1"))
    stamped = row("EURUSD", "2", opened_at="2026-01-01T00:00:00Z")
    w.sees(stamped, times=2)
    w.record(fill("x2", "EURUSD", "-1"))
    assert w.book == {"EURUSD": "1"}
    w.sees(stamped, times=2)
    assert w.book == {"EURUSD": "2"}
    first, second = w.corrections()
    assert (first.before, first.after) == (second.before, second.after)
    assert first.id != second.id


def test_l51_success_means_that_nothing_differs_any_more(world: Worlds) -> None:
    """Start-up returned success although the repair had failed. SUCCESS is said only after everything was compared
    once more; with a difference that nobody may correct, it is PARTIAL, and the row is named."""
    for policy, status in ((Policy.adopt(), "SUCCESS"), (Policy.guarded(), "PARTIAL"), (Policy.observe(), "PARTIAL")):
        broker = SimulatedBroker(position_mode="netting", lag_ms_max=2_000)
        broker.open("EURUSD", "long", "2")
        w = world(held("EURUSD", "1"), policy=policy)
        w.passes(s=60)
        done = passed(w, broker)
        assert done.status == status, policy.preset
        assert w.book == {"EURUSD": "2" if status == "SUCCESS" else "1"}
        assert [(one.symbol, one.field, one.book, one.broker) for one in done.breaks] == [
            ("EURUSD", "quantity", "1", "2")
        ]
        assert w.ledger.gate.status == "open"
        assert ("EURUSD" in dict(w.state.gate.symbols)) == (status != "SUCCESS")


def test_l51_a_broker_that_says_nothing_is_no_success(world: Worlds) -> None:
    """Nor is a start in which nothing could be compared."""
    broker = SimulatedBroker(position_mode="netting")
    broker.trouble(*["failure"] * 4)
    w = world(held("EURUSD", "1"))
    done = passed(w, broker)
    assert (done.status, done.gate) == ("DEGRADED", "closed")
    assert w.book == {"EURUSD": "1"}


def test_l52_a_repair_that_never_holds_goes_to_a_human(world: Worlds) -> None:
    """The process sets the position back each time, the book is corrected each time: for ever. After
    `correction_attempts_max` (5) within the window it is escalated, once; when that has passed it may try again."""
    w = world(held("EURUSD", "1"))
    for _ in range(12):
        w.sees(row("EURUSD", "2"), times=2)
        w.record(held("EURUSD", "1"))
    assert len(w.corrections()) == 5
    assert [one.topic for one in w.alerts()] == ["escalated"]
    assert w.steps().count("drift escalated") == 1
    assert "corrected 5 times lately and it does not hold" in w.state.breaks["EURUSD"][0].why
    w.passes(s=3_700)
    w.sees(row("EURUSD", "2"), times=2)
    assert len(w.corrections()) == 6


def test_l52_neither_does_one_that_the_process_closes_again_each_time(world: Worlds) -> None:
    """The same with a position that the book gives up every time: what was closed in between is counted too."""
    w = world(held("USDJPY", "1"))
    for _ in range(8):
        w.sees(row("EURUSD", "2"), row("USDJPY", "1"), times=2)
        if "EURUSD" in w.book:
            w.record(held("EURUSD", "0"))
    assert len(w.corrections()) == 5
    assert w.steps().count("recovery escalated") == 1


def test_l53_an_adopted_position_has_an_owner_and_takes_its_fills(world: Worlds) -> None:
    """Adopted positions belonged to nobody, and reduce-only orders on them were dropped later. An adopted position is
    `external` until a fill names its owner, and fills move it like any other."""
    w = world(held("USDJPY", "1"))
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"), row("GBPUSD", "1", strategy="magic"), times=2)
    assert (w.owner("EURUSD"), w.owner("GBPUSD")) == ("external", "magic")
    w.record(fill("x1", "EURUSD", "-0.5", strategy="trend"))
    assert (w.book["EURUSD"], w.owner("EURUSD")) == ("1.5", "trend")
    w.record(fill("x2", "GBPUSD", "-0.5", strategy="trend"))
    assert (w.book["GBPUSD"], w.owner("GBPUSD")) == ("0.5", "magic"), "an owner that is known stays"


def test_l53_our_own_record_of_a_missed_fill_names_its_owner(world: Worlds) -> None:
    """An execution entered from the broker, without an owner; when the process records the same one, it is not added
    again, and its owner is learnt."""
    w = world(held("USDJPY", "1"))
    w.deals()
    w.deals(deal("x1", "EURUSD", "2"))
    assert w.owner("EURUSD") == "external"
    w.record(fill("x1", "EURUSD", "2", strategy="trend"))
    assert (w.book["EURUSD"], w.owner("EURUSD")) == ("2", "trend")


def test_l53_when_hedging_the_owner_is_learnt_by_the_order(world: Worlds) -> None:
    """A hedging entry is recorded before its ticket is known; the broker's row with that order's number is it, and is
    not adopted a second time."""
    w = world(pending("c1", "EURUSD"), mode="hedging")
    w.record(pending("c1", "EURUSD", "filled"))
    w.record(fill("x1", "EURUSD", "2", client_order_id="c1", order_id="77", strategy="trend"))
    assert w.book == {"?order/c1": "2"}
    w.sees(row("EURUSD", "2", ticket="77"), row("EURUSD", "2", ticket="78"), times=2)
    assert w.book == {"#77": "2", "#78": "2"}
    assert (w.owner("#77"), w.owner("#78")) == ("trend", "external")
    w.record(fill("x2", "EURUSD", "-2", client_order_id="c1", order_id="77"))
    assert w.book == {"#78": "2"}


@pytest.mark.parametrize(
    ("reason", "stated"),
    [("stop", "STOP_HIT"), ("take_profit", "TAKE_PROFIT_HIT"), ("liquidation", "LIQUIDATED"),
     ("by_hand", "CLOSED_EXTERNALLY"), (None, "CLOSED_EXTERNALLY")],
)  # fmt: skip
def test_l40_a_ghost_says_what_the_deal_of_its_ticket_said(world: Worlds, reason: str | None, stated: str) -> None:
    """A forced close was booked like any other. The broker's own word for it is the exit reason; a deal that
    states none, or not of which ticket it is, explains nothing."""
    assert exit_said(deal("d3", "EURUSD", "-1", reason="stop")) is None
    w = world(*(held("EURUSD", "1", ticket=n) for n in "56789"), mode="hedging")
    others = [row("EURUSD", "1", ticket=n) for n in "569"]
    w.sees(row("EURUSD", "1", ticket="7"), row("EURUSD", "1", ticket="8"), *others)
    w.deals()
    w.deals(deal("d1", "EURUSD", "-1", ticket="7", reason=reason), deal("d2", "EURUSD", "-1", ticket="8"))
    w.restart(down_s=5)
    w.sees(*others, times=2)
    assert [(one.before.ticket, one.exit_reason) for one in w.corrections() if one.before] == [
        ("7", stated),
        ("8", "CLOSED_EXTERNALLY"),
    ]


def test_l40_a_missed_fill_says_why_it_closed(world: Worlds) -> None:
    """So does the fill of a stop that we had not heard of; one that leaves something open, and one of which the broker
    says no more, state nothing."""
    w = world(*(fill(f"x{n}", "EURUSD", "1", ticket=n) for n in "123"), mode="hedging")
    w.sees(*(row("EURUSD", "1", ticket=n, price="1") for n in "123"))
    w.deals()
    w.deals(
        deal("d1", "EURUSD", "-1", ticket="1", reason="stop"),
        deal("d2", "EURUSD", "-0.5", ticket="2", reason="stop"),
        deal("d3", "EURUSD", "-1", ticket="3"),
    )
    adopted = [one.correction for one in w.events(FillAdopted) if isinstance(one, FillAdopted)]
    assert [one.exit_reason for one in adopted] == ["STOP_HIT", None, None]


def test_l56_a_quarantine_ends_when_its_break_does(world: Worlds) -> None:
    """Quarantine had no way out. Entering names the break and why; when the two sides agree again it is released, and
    the journal says on what evidence."""
    w = world(held("EURUSD", "1", strategy="trend"), policy=Policy.guarded())
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"), times=2)
    assert sorted(w.state.quarantine) == ["*:USDJPY", "trend:EURUSD"]
    w.record(held("EURUSD", "2"))
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"))
    assert sorted(w.state.quarantine) == ["*:USDJPY"]
    moved = [one for one in w.events(QuarantineMoved) if isinstance(one, QuarantineMoved)]
    assert [(one.scope, one.state) for one in moved] == [
        ("*:USDJPY", "entered"),
        ("trend:EURUSD", "entered"),
        ("trend:EURUSD", "released"),
    ]
    assert moved[-1].break_id == moved[1].break_id
    assert moved[-1].why == f"break {moved[1].break_id} is over"
    w.sees(row("EURUSD", "2"))
    assert not w.state.quarantine


def test_l57_one_historical_duplicate_stops_nothing(world: Worlds) -> None:
    """One duplicate row of long ago aborted the whole start. A row twice in the answer, and a fill twice in the record
    with another content, are one refusal each; all the rest goes on."""
    w = world(fill("x1", "EURUSD", "1"), fill("x1", "EURUSD", "9"), fill("x2", "USDJPY", "1"))
    assert w.book == {"EURUSD": "1", "USDJPY": "1"}
    twice = [Refusal(2, "its ticket is listed twice", "GBPUSD"), Refusal(3, "its ticket is listed twice", "GBPUSD")]
    w.sees_part(row("EURUSD", "1"), row("USDJPY", "3"), refused=twice, times=2)
    assert w.book == {"EURUSD": "1", "USDJPY": "3"}
    assert sorted(dict(w.state.gate.symbols)) == ["GBPUSD"]
    w.sees(row("EURUSD", "1"), row("USDJPY", "3"), row("GBPUSD", "1"), times=2)
    assert w.book == {"EURUSD": "1", "GBPUSD": "1", "USDJPY": "3"}
    assert w.state.gate.symbols == ()


def test_l58_the_audit_survives_the_crash_that_it_explains(world: Worlds) -> None:
    """The audit was a list in memory and died with the process. Here it is the journal: a process that ends without a
    farewell leaves every input and decision behind, and the next one begins where it ended."""
    w = world(fill("x1", "EURUSD", "1"), policy=Policy.guarded())
    w.sees(row("EURUSD", "3"), times=2)
    before, state = w.journal(), w.state
    w.restart(down_s=5)
    after = w.journal()
    assert after[: len(before)] == before
    assert w.state.breaks == state.breaks
    assert w.state.quarantine == state.quarantine
    assert w.state.book == state.book
    assert w.ledger.gate.status == "closed", "a new epoch has verified nothing yet"
