"""Is a hedging entry without a ticket recognised when, and only when, it surely is that one? (section 5)"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from lessons.world import World, deal, fill, held, row
from trueup import PositionSet
from trueup.decisions import PositionBound

Worlds = Callable[..., World]


def bound(w: World) -> list[tuple[str, str]]:
    """What was recognised as what, in order."""
    return [(one.unbound, one.key) for one in w.events(PositionBound) if isinstance(one, PositionBound)]


def test_by_the_order_that_became_the_ticket(world: Worlds) -> None:
    """Even where another row is exactly alike."""
    w = world(fill("x1", "EURUSD", "1", order_id="77", client_order_id="c1"), mode="hedging")
    assert w.book == {"?order/c1": "1"}
    w.sees(row("EURUSD", "1", ticket="76"), row("EURUSD", "1", ticket="77"))
    assert bound(w) == [("?order/c1", "#77")]
    assert w.state.held("#77") is not None
    assert not w.state.unbound
    assert w.events(PositionBound)[0].why.endswith("its opening order became the ticket")  # type: ignore[union-attr]


def test_by_the_client_order_id_that_the_row_names(world: Worlds) -> None:
    """Surer than anything else: also where the order id is another, and in a partial answer."""
    w = world(fill("x1", "EURUSD", "1", order_id="76", client_order_id="c1"), mode="hedging")
    rows = [row("EURUSD", "1", ticket="76"), replace(row("EURUSD", "1", ticket="77"), client_order_id="c1")]
    w.sees_part(*rows)
    assert bound(w) == [("?order/c1", "#77")]
    assert w.events(PositionBound)[0].why.endswith("it names the client order id")  # type: ignore[union-attr]


def test_an_entry_that_stands_beside_its_adopted_ticket_claims_what_was_inferred(world: Worlds) -> None:
    """The ticket was adopted, 3 of it, because nothing said whose it is; then a fill names both the ticket and our
    entry of 2. One position: the entry's own quantity is part of what had been inferred, not added to it and not
    put in its place (L14)."""
    w = world(fill("x1", "EURUSD", "2", client_order_id="c1", strategy="trend"), mode="hedging")
    w.record(held("USDJPY", "1", ticket="5"), held("GBPUSD", "1", ticket="6"))
    w.sees(row("EURUSD", "3", ticket="77"), row("USDJPY", "1", ticket="5"), row("GBPUSD", "1", ticket="6"))
    w.passes(ms=1)  # our entry moves in between, so that its absence is sighted anew while the ticket is adopted
    w.record(fill("x2", "EURUSD", "0.1", client_order_id="c1"), fill("x3", "EURUSD", "-0.1", client_order_id="c1"))
    w.sees(row("EURUSD", "3", ticket="77"), row("USDJPY", "1", ticket="5"), row("GBPUSD", "1", ticket="6"))
    assert (w.book["#77"], w.book["?order/c1"]) == ("3", "2")
    w.record(fill("x4", "EURUSD", "-0.5", ticket="77", client_order_id="c1"))
    assert w.book == {"#5": "1", "#6": "1", "#77": "2.5"}
    assert w.owner("#77") == "trend"


def test_an_entry_that_was_set_is_simply_renamed(world: Worlds) -> None:
    w = world(held("EURUSD", "2", strategy="trend"), mode="hedging")
    w.sees(row("EURUSD", "2", ticket="77"))
    assert w.book == {"#77": "2"}
    holding = w.state.held("#77")
    assert holding is not None
    assert (holding.ticket, holding.strategy, holding.source) == ("77", "trend", "set")


def test_a_ghost_whose_ticket_is_known_otherwise_leaves_that_alone(world: Worlds) -> None:
    """The fill says order 77, the process sets ticket 77 beside it, the broker lists neither: both end, and a fill of
    the ticket finds the ticket's own past."""
    w = world(fill("x1", "EURUSD", "2", order_id="77"), held("EURUSD", "3", ticket="77"), mode="hedging")
    w.record(held("USDJPY", "1", ticket="5"), held("GBPUSD", "1", ticket="6"))
    w.sees(row("USDJPY", "1", ticket="5"), row("GBPUSD", "1", ticket="6"), times=2)
    assert w.book == {"#5": "1", "#6": "1"}
    slot = w.state.slot("#77")
    assert slot is not None
    assert slot.before is not None
    assert (slot.source, slot.before.signed_quantity) == ("set", 3)


def test_the_order_that_opened_it_stays_the_one_that_did(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1", order_id="77", client_order_id="c1"), mode="hedging")
    w.record(fill("x2", "EURUSD", "1", order_id="78", client_order_id="c1"))
    w.sees(row("EURUSD", "2", ticket="78"), row("EURUSD", "2", ticket="77"))
    assert bound(w) == [("?order/c1", "#77")]


def test_what_is_recognised_keeps_all_that_was_known_of_it(world: Worlds) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    w = world(fill("x1", "EURUSD", "1", "1.1", order_id="77", strategy="trend", at=noon), mode="hedging")
    before = w.state.held("?order/77")
    w.sees(row("EURUSD", "1", ticket="77"))
    assert before is not None
    assert before.opened_at == "2026-01-01T12:00:00+00:00"
    assert w.state.held("#77") == replace(before, ticket="77")


def test_an_order_id_is_not_overruled_by_likeness(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1", order_id="77"), mode="hedging")
    w.sees(row("EURUSD", "1", ticket="76"), times=2)
    assert bound(w) == []
    assert "#76" in w.book


def test_by_being_the_only_one_of_its_symbol_side_and_quantity(world: Worlds) -> None:
    w = world(held("EURUSD", "1", strategy="trend"), mode="hedging")
    assert w.book == {"?long/EURUSD": "1"}
    w.sees(row("EURUSD", "1", ticket="7"), row("EURUSD", "-1", ticket="8"), row("EURUSD", "2", ticket="9"))
    assert bound(w) == [("?long/EURUSD", "#7")]
    assert w.owner("#7") == "trend"
    w.sees(row("EURUSD", "1", ticket="7"), row("EURUSD", "-1", ticket="8"), row("EURUSD", "2", ticket="9"))
    assert w.book == {"#7": "1", "#8": "-1", "#9": "2"}
    assert bound(w) == [("?long/EURUSD", "#7")], "once"


@pytest.mark.parametrize(
    "rows",
    [
        [row("EURUSD", "1", ticket="7"), row("EURUSD", "1", ticket="8")],
        [row("EURUSD", "-1", ticket="7")],
        [row("EURUSD", "2", ticket="7")],
        [row("USDJPY", "1", ticket="7")],
        [],
    ],
)
def test_what_is_ambiguous_or_unlike_waits(world: Worlds, rows: list) -> None:  # type: ignore[type-arg]
    w = world(held("EURUSD", "1"), mode="hedging")
    w.sees(*rows)
    assert bound(w) == []
    assert "?long/EURUSD" in w.book


def test_two_entries_alike_wait_for_more_to_tell_them_apart(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1"), fill("x2", "EURUSD", "1"), mode="hedging")
    assert w.book == {"?fill/x1": "1", "?fill/x2": "1"}
    w.sees(row("EURUSD", "1", ticket="7"))
    assert bound(w) == []


def test_a_row_that_the_book_holds_already_is_nobody_elses(world: Worlds) -> None:
    w = world(held("EURUSD", "1", ticket="7"), held("EURUSD", "1"), mode="hedging")
    w.sees(row("EURUSD", "1", ticket="7"))
    assert bound(w) == []
    w.sees(row("EURUSD", "1", ticket="7"), row("EURUSD", "1", ticket="8"))
    assert bound(w) == [("?long/EURUSD", "#8")]


def test_a_partial_answer_proves_no_one_the_only_one(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), mode="hedging")
    w.sees_part(row("EURUSD", "1", ticket="7"))
    assert bound(w) == []


def test_later_fills_follow_the_order_to_the_ticket(world: Worlds) -> None:
    """By client order id, by order id, and by the ticket itself."""
    w = world(fill("x1", "EURUSD", "3", order_id="77", client_order_id="c1"), mode="hedging")
    w.sees(row("EURUSD", "3", ticket="77"))
    w.record(fill("x2", "EURUSD", "-1", client_order_id="c1"))
    w.record(fill("x3", "EURUSD", "-1", order_id="77"))
    assert w.book == {"#77": "1"}
    w.record(fill("x4", "EURUSD", "-1", ticket="77"))
    assert w.book == {}


def test_a_fill_that_names_the_ticket_recognises_the_entry_itself(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "3", order_id="77", client_order_id="c1"), mode="hedging")
    w.record(fill("x2", "EURUSD", "-1", ticket="77", client_order_id="c1"))
    assert w.book == {"#77": "2"}
    assert not w.state.unbound
    w = world(fill("x1", "EURUSD", "3", order_id="77"), mode="hedging")
    w.record(fill("x2", "EURUSD", "-1", ticket="77", order_id="other"))
    assert w.book == {"#77": "2"}, "the order that opened it was the ticket"


def test_a_whole_position_with_its_ticket_recognises_the_entry(world: Worlds) -> None:
    w = world(held("EURUSD", "1", strategy="trend"), mode="hedging")
    w.record(held("EURUSD", "2", ticket="7"))
    assert w.book == {"#7": "2"}
    assert w.owner("#7") == "trend"
    w.record(held("EURUSD", "5"))
    assert w.book == {"#7": "5"}, "without a ticket the same side of the symbol is still that one"
    w.record(PositionSet(symbol="EURUSD", side="long", quantity=0))
    assert w.book == {}


def test_an_unbound_entry_that_closes_is_closed(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1", client_order_id="c1"), mode="hedging")
    w.record(fill("x2", "EURUSD", "-1", client_order_id="c1"))
    assert w.book == {}
    assert not w.state.unbound


def test_a_stale_entry_is_a_ghost_like_any_other(world: Worlds) -> None:
    """And its closing fill, which names a ticket that we never saw it under, does not open another position."""
    w = world(fill("x1", "EURUSD", "1", order_id="77"), held("USDJPY", "1", ticket="5"), mode="hedging")
    w.sees(row("USDJPY", "1", ticket="5"), times=2)
    assert w.book == {"#5": "1"}
    w.record(fill("x2", "EURUSD", "-1", ticket="77"))
    assert w.book == {"#5": "1"}


def test_an_adopted_ticket_claims_its_own_entry_when_that_is_recorded_late(world: Worlds) -> None:
    """The broker's row was adopted before our fill of it was recorded: one position, not two."""
    w = world(held("USDJPY", "1", ticket="5"), mode="hedging")
    w.sees(row("USDJPY", "1", ticket="5"), row("EURUSD", "2", ticket="77"), times=2)
    assert w.book == {"#5": "1", "#77": "2"}
    w.record(fill("x1", "EURUSD", "2", order_id="77", strategy="trend"))
    assert w.book == {"#5": "1", "#77": "2"}
    assert w.owner("#77") == "trend"


def test_a_missed_fill_with_its_ticket_takes_the_entry_along(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "3", client_order_id="c1"), mode="hedging")
    w.deals()
    w.deals(deal("x2", "EURUSD", "-1", ticket="9", client_order_id="c1"))
    assert w.book == {"#9": "2"}


def test_l53_a_row_that_is_another_entry_by_its_name_is_not_this_one_by_likeness(world: Worlds) -> None:
    """The book holds 2 of an order, the broker 1 under its name. The entry of 1 is like that row, comes first, and is
    another position: bound to it, it would take over what the order's strategy opened."""
    w = world(fill("x1", "EURUSD", "2", client_order_id="c1"), held("EURUSD", "1"), mode="hedging")
    assert list(w.book) == ["?long/EURUSD", "?order/c1"]
    w.sees(replace(row("EURUSD", "1", ticket="77"), client_order_id="c1"))
    assert bound(w) == [("?order/c1", "#77")]


def test_l53_a_ticket_that_an_order_became_is_not_another_entry_by_likeness(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "2", order_id="77", client_order_id="c1"), held("EURUSD", "1"), mode="hedging")
    w.sees(row("EURUSD", "1", ticket="77"))
    assert bound(w) == [("?order/c1", "#77")]


def test_what_is_claimed_by_name_still_makes_its_likes_ambiguous(world: Worlds) -> None:
    """Which of two equal rows an entry is, is not for us to say because one of them has a name."""
    w = world(fill("x1", "EURUSD", "2", order_id="77", client_order_id="c1"), held("EURUSD", "1"), mode="hedging")
    w.sees(row("EURUSD", "1", ticket="77"), row("EURUSD", "1", ticket="78"))
    assert bound(w) == [("?order/c1", "#77")]


def test_l29_one_row_is_one_entrys_though_two_have_a_name_for_it(world: Worlds) -> None:
    """It names the client order id of one, and is the ticket that the order of the other became."""
    w = world(fill("x1", "EURUSD", "1", order_id="77"), fill("x2", "EURUSD", "2", client_order_id="c1"), mode="hedging")
    assert list(w.book) == ["?order/77", "?order/c1"]
    w.sees(replace(row("EURUSD", "1", ticket="77"), client_order_id="c1"))
    assert bound(w) == [("?order/77", "#77")]
