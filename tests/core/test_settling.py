"""What keeps a symbol unsettled, and what does not? (section 4, L12, L13)"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lessons.world import World, held, order_row, row
from trueup import Policy

Worlds = Callable[..., World]


@pytest.mark.parametrize(("target", "waits"), [("b1", False), ("EURUSD", True)])
@pytest.mark.parametrize("outcome", ["unknown", ""])
def test_l12_a_close_under_way_keeps_its_symbol_unsettled_and_a_cancel_does_not(
    world: Worlds, target: str, outcome: str, *, waits: bool
) -> None:
    """A cancel moves no position. Waiting for it would leave the book wrong for as long as its answer is lost."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"), orders=True)
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"))
    w.lists(order_row("EURUSD", order_id="b1"))
    w.says("close", target=target, at_broker="yes")
    (asked,) = w.actions()
    w.ledger.sending(asked.client_id)
    if outcome:
        w.sends(asked.client_id, outcome)
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"), times=2)
    assert w.book["EURUSD"] == ("1" if waits else "2")
    w.passes(s=31)
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"), times=2)
    assert w.book["EURUSD"] == "2", "in_flight_s_max is over"


@pytest.mark.parametrize(
    ("settle_ms", "lag_ms", "expected_ns"),
    [
        (None, 0, 0),
        (0, 0, 0),
        (7, 0, 7_000_000),
        (7, 9, 9_000_000),
        (9, 7, 9_000_000),
        (None, 9, 9_000_000),
    ],
)
def test_law_3_settling_takes_at_least_as_long_as_the_surface_may_lag(
    world: Worlds, settle_ms: int | None, lag_ms: int, expected_ns: int
) -> None:
    w = world(policy=Policy.adopt(settle_ms=settle_ms, lag_ms_max={"positions": lag_ms}))
    assert w.state.settle_ns("positions") == expected_ns


def test_l12_an_action_that_was_sent_leaves_its_symbol_unsettled_when_it_ends_and_one_that_never_was_does_not(
    world: Worlds,
) -> None:
    sent = world(held("EURUSD", "2"))
    sent.sees(row("EURUSD", "2"))
    sent.says("close", target="EURUSD", at_broker="yes")
    sent.sends(sent.actions()[0].client_id, "rejected")
    assert (len(sent.state.outbox), list(sent.state.order_ends)) == (0, ["EURUSD"])
    given_up = world(held("EURUSD", "2"))
    given_up.sees(row("EURUSD", "2"))
    given_up.says("close", target="EURUSD", at_broker="yes")
    given_up.sees(row("EURUSD", "1"))
    assert (len(given_up.state.outbox), list(given_up.state.order_ends)) == (0, [])
