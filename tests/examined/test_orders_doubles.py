"""Is a second order under one client id noticed, which is how a double send shows (L21)?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from trueup import Command, Fill, GateRefusal, Intent, OrderStatus, OrderUpdate, Policy, Reconciler
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, SimulatedBroker

BUY = Intent(symbol="EURUSD", side="buy", quantity="1")
SENT = OrderUpdate(
    client_order_id="a", symbol="EURUSD", side="buy", type="limit", quantity="1", limit="1", status="pending"
)


@contextmanager
def _desk(tmp_path: Path, **knobs: object) -> Iterator[tuple[Reconciler, SimulatedBroker]]:
    quick = {
        "lag_ms_max": {"positions": 0, "open_orders": 0, "order": 0, "fills": 0},
        "confirm_interval_ms": 0,
        "settle_ms": 0,
    }
    broker = SimulatedBroker(position_mode="netting", surfaces=ALL_SURFACES, actions=ALL_ACTIONS)
    policy = Policy.adopt(**{**quick, **knobs})
    with Reconciler.open(f"sqlite:///{tmp_path / 'd.db'}", account="sim:1", broker=broker, policy=policy) as rec:
        rec.startup_recovery()
        rec.record(SENT)
        yield rec, broker


def _twice(broker: SimulatedBroker) -> tuple[str, str]:
    first, second = (broker.place("EURUSD", "buy", "limit", "1", "1", client_id="a") for _ in range(2))
    return first, second


def test_l21_of_two_orders_under_one_client_id_the_second_is_nobodys(tmp_path: Path) -> None:
    with _desk(tmp_path) as (rec, broker):
        first, second = _twice(broker)
        for _ in range(3):
            report = rec.sync_positions()
        order = rec.book.order("a")
        assert order is not None
        assert order.order_id == first
        assert [one.order_id for one in rec.get_status().orphans] == [second]
        assert rec.breaker.orphan_exposure == {"": Decimal(1)}
        assert report.status == "PARTIAL"
        assert isinstance(rec.gate.check(BUY), GateRefusal)
        broker.cancel(second)
        assert rec.sync_positions().status == "SUCCESS"
        assert rec.gate.check(BUY) is None


def test_l21_a_second_order_is_noticed_also_after_the_first_was_filled(tmp_path: Path) -> None:
    with _desk(tmp_path) as (rec, broker):
        first, second = _twice(broker)
        broker.fill(first, "1", "1")
        rec.record([
            OrderUpdate(
                client_order_id="a", symbol="EURUSD", side="buy", type="limit", quantity="1", limit="1",
                status="accepted", order_id=first,
            ),
            Fill(execution_id="e1", symbol="EURUSD", side="buy", quantity="1", price="1", client_order_id="a"),
        ])  # fmt: skip
        for _ in range(3):
            rec.sync_positions()
        assert [one.order_id for one in rec.get_status().orphans] == [second]
        assert isinstance(rec.gate.check(BUY), GateRefusal)


def test_l21_cancelling_the_second_never_names_the_first(tmp_path: Path) -> None:
    """A broker that goes by the client id would cancel the wrong one."""
    with _desk(tmp_path, on_orphan_order="cancel") as (rec, broker):
        first, second = _twice(broker)
        for _ in range(4):
            rec.sync_positions()
        assert [(one.kind, one.order_id, one.target) for one in broker.acted] == [("cancel", second, None)]
        assert broker.orders[first].status is OrderStatus.ACCEPTED


def test_l21_the_second_is_adopted_under_a_name_of_its_own(tmp_path: Path) -> None:
    with _desk(tmp_path) as (rec, broker):
        first, second = _twice(broker)
        for _ in range(3):
            rec.sync_positions()
        rec.command(Command(name="adopt", who="ada", why="both are meant", arguments={"target": second}))
        assert rec.sync_positions().status == "SUCCESS"
        assert {one.client_order_id: one.order_id for one in rec.book.orders} == {
            "a": first, f"external:{second}": second,
        }  # fmt: skip


def test_a_replaced_order_keeps_its_client_id_under_another_number(tmp_path: Path) -> None:
    """Where only the second is listed, it may be what the first was replaced with: nobody is quarantined for that."""
    with _desk(tmp_path) as (rec, broker):
        first = broker.place("EURUSD", "buy", "limit", "1", "1", client_id="a")
        rec.sync_positions()
        broker.cancel(first)
        broker.place("EURUSD", "buy", "limit", "1", "1", client_id="a")
        for _ in range(3):
            rec.sync_positions()
        assert rec.get_status().orphans == ()
        order = rec.book.order("a")
        assert order is not None
        assert order.is_open
