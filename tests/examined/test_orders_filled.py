"""Is what the book says of an order's fills, prices and protection never more than anybody knows?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from trueup import Answer, Fill, GateRefusal, Intent, OrderUpdate, Policy, Question, Reconciler
from trueup.model import Surface
from trueup.policy import Protect
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, SimulatedBroker

QUICK = {
    "lag_ms_max": {"positions": 0, "open_orders": 0, "order": 0, "fills": 0},
    "confirm_interval_ms": 0,
    "settle_ms": 0,
    "in_flight_s_max": 1,
}


def _open(tmp_path: Path, broker: SimulatedBroker, **knobs: object) -> Reconciler:
    policy = Policy.adopt(**{**QUICK, **knobs})
    return Reconciler.open(f"sqlite:///{tmp_path / 'f.db'}", account="sim:1", broker=broker, policy=policy)


def _order(name: str, quantity: str, status: str = "accepted", **more: object) -> OrderUpdate:
    return OrderUpdate(
        client_order_id=name, symbol="EURUSD", side="buy", type="limit", quantity=quantity, limit="3", status=status,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


def _fill(number: int, quantity: str, price: str, name: str = "a") -> Fill:
    return Fill(
        execution_id=str(number), symbol="EURUSD", side="buy", quantity=quantity, price=price, client_order_id=name
    )


def _average(rec: Reconciler, name: str = "a") -> Decimal | None:
    order = rec.book.order(name)
    assert order is not None
    return order.average_price


def test_the_average_price_of_an_order_is_over_all_its_fills(tmp_path: Path) -> None:
    with _open(tmp_path, SimulatedBroker(position_mode="netting")) as rec:
        rec.record(_order("a", "4"))
        rec.record(_fill(1, "1", "1"))
        assert _average(rec) == 1
        rec.record(_fill(2, "1", "2"))
        assert _average(rec) == Decimal("1.5")
        rec.record(_fill(2, "1", "2"))
        assert _average(rec) == Decimal("1.5"), "one execution counts once (L20)"
        rec.record(_order("a", "4", "canceled"))
        rec.record(_fill(3, "2", "2.5"))
        assert _average(rec) == 2, "a fill after the end counts as well (L17)"


def test_an_average_that_was_told_stands_and_half_of_one_is_none(tmp_path: Path) -> None:
    """What was said of all of the fills is not averaged with a part, and a part is not all (law 13)."""
    with _open(tmp_path, SimulatedBroker(position_mode="netting")) as rec:
        rec.record(_order("a", "2", "filled", filled="2", average_price="1.25"))
        rec.record(_fill(1, "1", "1"))
        rec.record(_fill(2, "1", "1.5"))
        assert _average(rec) == Decimal("1.25")
        rec.record(_order("b", "2", "filled", filled="2"))
        rec.record(_fill(3, "1", "1", "b"))
        assert _average(rec, "b") is None
        rec.record(_order("c", "2", "filled", filled="2"))
        rec.record(_fill(4, "2", "1.75", "c"))
        assert _average(rec, "c") == Decimal("1.75")


def test_l18_an_overfill_outlasts_a_quarantine_that_was_there_before(tmp_path: Path) -> None:
    """A break's quarantine ends with the break; that of an overfill only by an operator."""
    broker = SimulatedBroker(position_mode="netting", surfaces=ALL_SURFACES)
    with _open(tmp_path, broker) as rec:
        rec.startup_recovery()
        stranger = broker.place("EURUSD", "buy", "limit", "1", "1")
        rec.sync_positions()
        rec.sync_positions()
        assert "on_orphan_order" in rec.get_status().quarantine["*:EURUSD"]
        broker.open("EURUSD", "long", "2", price="1")
        rec.record([_order("a", "1"), _fill(1, "1", "1"), _fill(2, "1", "1")])
        assert "filled 2 of 1" in rec.get_status().quarantine["*:EURUSD"]
        broker.cancel(stranger)
        for _ in range(3):
            rec.sync_positions()
        assert list(rec.get_status().quarantine) == ["*:EURUSD"]
        refused = rec.gate.check(Intent(symbol="EURUSD", side="buy", quantity="1"))
        assert isinstance(refused, GateRefusal)
        assert "filled 2 of 1" in refused.reason
        assert refused.release == "an operator: trueup release '*:EURUSD'"


def test_law_10_a_stop_that_nobody_can_see_is_not_placed_twice(tmp_path: Path) -> None:
    """Unseen, three stops would be placed beside one another, and then a position be closed that had one (L22)."""
    surfaces = frozenset[Surface]({"positions", "fills"})
    broker = SimulatedBroker(position_mode="netting", surfaces=surfaces, actions=ALL_ACTIONS)
    broker.open("EURUSD", "long", "2", price="1")
    with _open(tmp_path, broker, protect=Protect()) as rec:
        reports = [rec.startup_recovery(), rec.sync_positions(), rec.sync_positions(), rec.sync_positions()]
    assert [one.kind for one in broker.acted] == ["place_stop"]
    assert [one.status for one in reports[1:]] == ["PARTIAL"] * 3
    for one in reports[1:]:
        assert any("a stop was acknowledged, and the broker lists no working orders" in text for text in one.critical)


class _Untold(SimulatedBroker):
    """Tells neither of the stops of positions nor of working orders."""

    async def ask(self, question: Question) -> Answer:
        answer = await super().ask(question)
        return replace(answer, positions={key: replace(row, stop=None) for key, row in answer.positions.items()})


def test_law_10_where_nobody_tells_of_stops_a_person_is_told_and_nothing_is_sent(tmp_path: Path) -> None:
    """Not mentioned is unknown, and never "none" (law 4)."""
    surfaces = frozenset[Surface]({"positions", "fills"})
    broker = _Untold(position_mode="netting", surfaces=surfaces, actions=ALL_ACTIONS)
    broker.open("EURUSD", "long", "2", price="1")
    with _open(tmp_path, broker, protect=Protect()) as rec:
        reports = [rec.startup_recovery(), rec.sync_positions(), rec.sync_positions()]
    assert broker.acted == []
    for one in reports[1:]:
        assert any("tells neither of the stops" in text for text in one.critical)
