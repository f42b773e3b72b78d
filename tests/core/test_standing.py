"""Does a status say, scope by scope, what holds, since when, what would release it, and by whose word orders pass?"""

from __future__ import annotations

from collections.abc import Callable

from lessons.world import World, fill, held, pending, row
from trueup import Policy
from trueup.report import iso
from trueup.standing import OverrideRow, PermitRow, override_rows, permit_rows, quarantine_rows, scope_rows

Worlds = Callable[..., World]


def test_every_scope_that_is_limited_is_told_with_what_would_release_it(world: Worlds) -> None:
    w = world(held("EURUSD", "1", strategy="trend"), policy=Policy.guarded())
    told = scope_rows(w.state)
    assert [(one.scope, one.gate, one.release) for one in told] == [
        ("account", "closed", "a pass that verifies the book against the broker")
    ]
    w.record(pending("c1", "GBPUSD"), fill("x1", "GBPUSD", "2", client_order_id="c1"))
    w.sees(row("EURUSD", "2"), row("GBPUSD", "2"), times=2)
    found = w.state.breaks["EURUSD"][0].id
    by_hand = "an operator: trueup release"
    assert [(one.scope, one.gate, one.release) for one in scope_rows(w.state)] == [
        ("account", "open", None),
        ("EURUSD", "reduce_only", "the two sides agreeing on this symbol again"),
        ("*:GBPUSD", "reduce_only", f"{by_hand} '*:GBPUSD'"),
        ("trend:EURUSD", "reduce_only", f"break {found} being over, or {by_hand} 'trend:EURUSD'"),
    ]
    rows = quarantine_rows(w.state)
    assert list(rows) == ["*:GBPUSD", "trend:EURUSD"]
    assert rows["trend:EURUSD"].since == iso(w.state.quarantine["trend:EURUSD"].since.at_ns)


def test_overrides_and_permits_as_long_as_they_hold(world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    w.fails()
    w.says("override", scope="EURUSD", seconds="60", why="the feed is late")
    w.permit("EURUSD", "0.50", client_order_id="c9")
    at_ns = w.clock.wall
    assert override_rows(w.state, at_ns) == (
        OverrideRow("EURUSD", "ada", "the feed is late", iso(at_ns), iso(at_ns + 60_000_000_000)),
    )
    position = w.state.permits[0].position
    assert permit_rows(w.state, at_ns) == (
        PermitRow(position, "EURUSD", None, "sell", "0.5", "c9", iso(at_ns + 5_000_000_000)),
    )
    assert override_rows(w.state, at_ns + 60_000_000_000) == ()
    assert permit_rows(w.state, at_ns + 5_000_000_001) == ()
