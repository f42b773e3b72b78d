"""Are a book's orders kept equal to those at Alpaca, over real HTTP: lost, forgotten, old, many, and strangers'?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpaca_broker.harness import broker_of
from trueup import Fill, OrderStatus, OrderUpdate, Policy, Reconciler
from trueup.testing.alpaca import FakeAlpaca

ACCOUNT = "alpaca:PA3FAKE00001"
QUICK: dict[str, Any] = {
    "confirm_interval_ms": 0,
    "settle_ms": 0,
    "total_absence_s": 0,
    "retries_max": 0,
    "confirmations_total": 2,
    "on_orphan_order": "cancel",
}


@pytest.fixture
def rec(fake: FakeAlpaca, tmp_path: Path) -> Iterator[Reconciler]:
    fake.control.open("AAPL", "long", "3", price="190.5")
    with opened(fake, tmp_path) as rec:
        yield rec


def opened(fake: FakeAlpaca, folder: Path) -> Reconciler:
    broker = broker_of(fake, account=ACCOUNT, lag_ms_max=0)
    url = f"sqlite:///{folder}/a.db"
    rec = Reconciler.open(url, account=ACCOUNT, broker=broker, policy=Policy.adopt(**QUICK))
    rec.startup_recovery(timeout_s=5)
    return rec


def pending(client_id: str, quantity: str = "1", **more: Any) -> OrderUpdate:
    return OrderUpdate(
        client_order_id=client_id,
        symbol="AAPL",
        side="buy",
        type="limit",
        limit="100",
        quantity=quantity,
        status=OrderStatus.PENDING,
        **more,
    )


def status(rec: Reconciler, client_id: str) -> OrderStatus | None:
    found = rec.book.order(client_id)
    return None if found is None else found.status


def synced(rec: Reconciler, passes: int = 4) -> None:
    for _ in range(passes):
        rec.sync_positions()


def test_l21_l25_an_order_whose_acknowledgement_was_lost_is_found_by_its_client_id(
    rec: Reconciler, fake: FakeAlpaca, tmp_path: Path
) -> None:
    rec.record(pending("c1", "2"))
    rec.close()  # and the process ends before it hears of it
    fake.control.fill(fake.control.place("AAPL", "buy", "limit", "2", price="100", client_id="c1"))
    with opened(fake, tmp_path) as after:
        synced(after)
        assert status(after, "c1") is OrderStatus.FILLED
        (held,) = after.book.positions
        assert (held.signed_quantity, fake.control.held("AAPL")) == (5, 5)
        assert after.sync_positions().status == "SUCCESS"


def test_l04_an_order_that_alpaca_forgets_for_a_while_is_kept(rec: Reconciler, fake: FakeAlpaca) -> None:
    placed = fake.control.place("AAPL", "buy", "limit", "1", price="100", client_id="c1")
    rec.record(pending("c1", order_id=placed))
    synced(rec)
    assert status(rec, "c1") is OrderStatus.ACCEPTED
    fake.control.forget(placed, 1)  # one list lacks it, and the look-up finds it
    synced(rec, 1)
    assert status(rec, "c1") is OrderStatus.ACCEPTED


@pytest.mark.parametrize("kind", ["status", "html", "cut", "garbage", "too_many"])
def test_l06_a_failure_to_look_up_is_never_an_absence(rec: Reconciler, fake: FakeAlpaca, kind: str) -> None:
    placed = fake.control.place("AAPL", "buy", "limit", "1", price="100", client_id="c1")
    rec.record(pending("c1", order_id=placed))
    synced(rec)
    fake.control.misbehave(kind, on=("order", "orders"), times=12, retry_after="0", status=404)
    synced(rec)
    assert status(rec, "c1") is OrderStatus.ACCEPTED


def test_l05_six_hundred_open_orders_are_all_kept(rec: Reconciler, fake: FakeAlpaca) -> None:
    names = [f"c{number}" for number in range(600)]
    placed = {n: fake.control.place("AAPL", "buy", "limit", "1", price="100", client_id=n) for n in names}
    rec.record([pending(name, order_id=placed[name]) for name in names])
    synced(rec)
    assert {status(rec, name) for name in names} == {OrderStatus.ACCEPTED}
    assert rec.sync_positions().status == "SUCCESS"


def test_l17_an_order_that_filled_after_all_is_believed(rec: Reconciler, fake: FakeAlpaca) -> None:
    placed = fake.control.place("AAPL", "buy", "limit", "2", price="100", client_id="c1")
    rec.record(pending("c1", "2", order_id=placed))
    synced(rec)
    fake.control.cancel(placed)
    synced(rec)
    assert status(rec, "c1") is OrderStatus.CANCELED
    fake.control.fill(placed, "2")
    synced(rec)
    assert (rec.book.positions[0].signed_quantity, fake.control.held("AAPL")) == (5, 5)


def test_a_strangers_order_is_cancelled_at_alpaca_once(rec: Reconciler, fake: FakeAlpaca) -> None:
    stranger = fake.control.place("AAPL", "buy", "limit", "1", price="100")
    synced(rec, 6)
    assert [order.status for order in fake.control.orders() if order.id == stranger] == ["canceled"]
    assert fake.control.requests("DELETE") == 1
    assert rec.sync_positions().status == "SUCCESS"


def test_l26_a_strangers_protective_stop_is_left_where_it_is(rec: Reconciler, fake: FakeAlpaca) -> None:
    stop = fake.control.place("AAPL", "sell", "stop", "3", price="180")
    synced(rec, 6)
    assert [order.status for order in fake.control.orders() if order.id == stop] == ["new"]
    assert fake.control.requests("DELETE") == 0


def test_l21_a_cancel_whose_acknowledgement_was_lost_is_looked_up_and_not_sent_again(
    rec: Reconciler, fake: FakeAlpaca
) -> None:
    fake.control.place("AAPL", "buy", "limit", "1", price="100")
    fake.control.misbehave("lost_ack", on=("cancel",), how="504")
    synced(rec, 6)
    assert fake.control.requests("DELETE") == 1
    assert [order.status for order in fake.control.orders()][-1] == "canceled"


def test_l41_an_order_in_a_state_that_nobody_knows_is_kept(rec: Reconciler, fake: FakeAlpaca) -> None:
    placed = fake.control.place("AAPL", "buy", "limit", "1", price="100", client_id="c1")
    rec.record(pending("c1", order_id=placed))
    synced(rec)
    fake.control.say(placed, "perplexed")
    synced(rec)
    assert status(rec, "c1") is OrderStatus.ACCEPTED


def test_l14_l15_a_fill_that_was_recorded_is_not_counted_again_when_fills_are_asked_for(
    rec: Reconciler, fake: FakeAlpaca, tmp_path: Path
) -> None:
    placed = fake.control.place("AAPL", "buy", "limit", "2", price="100", client_id="c1")
    rec.record(pending("c1", "2", order_id=placed))
    fake.control.fill(placed)
    heard = fake.control.executions(placed)[0]
    rec.record(
        Fill(
            execution_id=heard,
            symbol="AAPL",
            side="buy",
            quantity="2",
            price="100",
            order_id=placed,
            client_order_id="c1",
        )
    )
    rec.close()
    with opened(fake, tmp_path) as after:  # a start-up asks for the fills
        assert [held.signed_quantity for held in after.book.positions] == [5]
        assert after.sync_positions().status == "SUCCESS"
