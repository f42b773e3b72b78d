"""Is a broker that moves often taken for a repair that does not hold? No: each held until it moved on (law 2)."""

from __future__ import annotations

from collections.abc import Callable

from lessons.world import World, held, row

Worlds = Callable[..., World]


def test_l52_a_position_that_somebody_else_resizes_all_day_is_followed(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    for size in range(2, 12):
        w.sees(row("EURUSD", str(size)), times=2)
        assert w.book == {"EURUSD": str(size)}
    assert w.alerts() == []


def test_l52_a_position_that_comes_and_goes_is_followed(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"), held("GBPUSD", "1"))
    others = (row("USDJPY", "1"), row("GBPUSD", "1"))
    for _ in range(5):
        w.sees(*others, times=2)
        assert "EURUSD" not in w.book
        w.sees(row("EURUSD", "1"), *others, times=2)
        assert w.book["EURUSD"] == "1"
        w.passes(s=100)  # or it is too much gone at once
    assert w.alerts() == []


def test_l52_attempts_before_one_that_held_are_forgotten(world: Worlds) -> None:
    """Set back four times, then left alone while the broker moves: the count begins anew with that move."""
    w = world(held("EURUSD", "1"))
    for _ in range(4):
        w.sees(row("EURUSD", "2"), times=2)
        w.record(held("EURUSD", "1"))
    w.sees(row("EURUSD", "2"), times=2)
    w.sees(row("EURUSD", "3"), times=2)
    w.record(held("EURUSD", "1"))
    w.sees(row("EURUSD", "3"), times=2)
    assert w.book == {"EURUSD": "3"}
    assert len(w.corrections()) == 7
