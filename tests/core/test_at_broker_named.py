"""Is what an operator names at the broker the one thing that is meant, and is each of several requests looked at?"""

from __future__ import annotations

from collections.abc import Callable

from lessons.world import World, held, order_row, row
from trueup.decisions import RecordRefused

Worlds = Callable[..., World]


def test_l29_the_only_leg_on_a_symbol_is_meant_by_the_symbol(world: Worlds) -> None:
    """Others of other symbols stand before and behind it; no break helps to find it."""
    legs = [("AUDUSD", "5"), ("EURUSD", "7"), ("USDJPY", "9")]
    w = world(*(held(symbol, "1", ticket=ticket) for symbol, ticket in legs), mode="hedging")
    w.sees(*(row(symbol, "1", ticket=ticket) for symbol, ticket in legs))
    assert not w.state.breaks
    w.says("close", target="EURUSD", at_broker="yes")
    assert [(one.terms.symbol, one.terms.ticket) for one in w.actions()] == [("EURUSD", "7")]


def test_l29_a_symbol_without_a_leg_means_none_however_few_there_are(world: Worlds) -> None:
    w = world(held("EURUSD", "1", ticket="7"), mode="hedging")
    w.sees(row("EURUSD", "1", ticket="7"))
    (refused,) = w.says("close", target="NZDUSD", at_broker="yes").decisions
    assert isinstance(refused, RecordRefused)
    assert w.actions() == []


def test_l24_each_of_several_requests_is_looked_at_again(world: Worlds) -> None:
    """Cancels stand before and behind the one that is not wanted any more, in whatever order their ids come."""
    names = ("b1", "b2", "b3", "b4")
    w = world(held("EURUSD", "2"), held("GBPUSD", "2"), orders=True)
    w.sees(row("EURUSD", "2"), row("GBPUSD", "2"))
    w.lists(*(order_row("USDJPY", order_id=name) for name in names))
    for name in (*names, "EURUSD", "GBPUSD"):
        w.says("close", target=name, at_broker="yes")
    kinds = [w.state.outbox[client_id].terms.kind for client_id in sorted(w.state.outbox)]
    last_close = len(kinds) - kinds[::-1].index("close_position")
    assert "cancel" in kinds[:last_close], "else this test tries nothing"
    w.sees(row("EURUSD", "1"), row("GBPUSD", "1"))
    assert sorted(slot.terms.kind for slot in w.state.outbox.values()) == ["cancel"] * 4
