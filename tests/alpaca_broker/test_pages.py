"""Are all pages read, and is what does not end never called complete?"""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest

from alpaca_broker.playing import FILLS, ORDERS, POSITIONS, TestClock, order, play, whole
from trueup.model import OrderStatus
from trueup.ports import Question
from trueup.testing.alpaca import Control, FakeAlpaca
from trueup_adapters.alpaca import AlpacaBroker, asking

START_NS = 1_700_000_000_000_000_000


def ticking(step_ns: int) -> FakeAlpaca:
    """A fake whose clock moves so far each time it is looked at."""
    ticks = itertools.count(START_NS, step_ns)
    return FakeAlpaca(now_ns=lambda: next(ticks))


@pytest.mark.parametrize("count", [499, 500, 501, 1203])
def test_l05_open_orders_are_listed_whole(count: int) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        placed = [control.place("AAPL", "buy", "limit", "1", price="100") for _ in range(count)]
        answer = whole(await broker.ask(ORDERS))
        assert [o.order_id for o in answer.orders] == placed
        assert answer.raw.count(b'"client_order_id"') >= count

    play(scenario, ticking(1_000))


def test_l05_orders_of_one_moment_are_not_lost_between_two_pages() -> None:
    """`after` leaves out its own moment: a page that ends in the middle of one would lose the rest of it."""
    moments = itertools.chain.from_iterable(itertools.repeat(START_NS + n * 1_000_000, 400) for n in itertools.count())

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        placed = {control.place("AAPL", "buy", "limit", "1", price="100") for _ in range(900)}
        answer = whole(await broker.ask(ORDERS))
        assert {o.order_id for o in answer.orders} == placed
        assert len(answer.orders) == len(placed)

    play(scenario, FakeAlpaca(now_ns=lambda: next(moments)))


def test_l05_more_orders_of_one_moment_than_a_page_holds_are_partial() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        for _ in range(501):
            control.place("AAPL", "buy", "limit", "1", price="100")
        answer = await broker.ask(ORDERS)
        assert (answer.completeness, len(answer.orders)) == ("partial", 500)
        assert "one moment" in answer.why

    play(scenario, ticking(0))


def test_l42_a_bad_row_that_two_pages_share_is_refused_once() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        placed = [control.place("AAPL", "buy", "limit", "1", price="100") for _ in range(510)]
        for at in (0, 499, 505):
            control.say(placed[at], "x" * 200)
        control.misbehave("bad_row", on=("orders",), times=2)
        answer = await broker.ask(ORDERS)
        assert answer.completeness == "partial"
        assert sorted(refusal.row for refusal in answer.refused) == [1, 501]
        assert (
            len({o.order_id for o in answer.orders}) == len(answer.orders) == 509
        )  # the second is on page 1, unspoilt

    play(scenario, ticking(1_000))


def test_law_12_pages_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PAGES_MAX", 2)

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        for _ in range(1100):
            control.place("AAPL", "buy", "limit", "1", price="100")
        answer = await broker.ask(ORDERS)
        assert (answer.completeness, answer.why) == ("partial", "2 pages were read, and there are more")
        assert len(answer.orders) == 999  # one of each page is also on the next
        for _ in range(250):
            control.open("MSFT", "long", "1", price="400")
        fills = await broker.ask(FILLS)
        assert (fills.completeness, fills.why, len(fills.executions)) == (
            "partial",
            "2 pages were read, and there are more",
            200,
        )

    play(scenario, ticking(1_000), clock=TestClock(START_NS))


def test_a_page_that_fails_fails_the_answer() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        for _ in range(600):
            control.place("AAPL", "buy", "limit", "1", price="100")
        control.misbehave("late", on=("orders",))  # the first page is used up by it
        control.misbehave("status", on=("orders",))
        answer = await broker.ask(ORDERS)
        assert (answer.completeness, list(answer.orders)) == ("failed", [])

    play(scenario, ticking(1_000))


def test_l19_an_order_that_fills_between_two_pages_is_told_as_the_later_one_has_it() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        placed = [control.place("AAPL", "buy", "limit", "2", price="100") for _ in range(500)]
        control.fill(placed[499], "1")
        control.misbehave("stale", on=("orders",), changes=1)  # page one is of before that fill
        answer = whole(await broker.ask(ORDERS))
        assert len(answer.orders) == 500
        last = answer.orders[-1]
        assert (last.order_id, last.status, last.filled) == (placed[499], OrderStatus.PARTIALLY_FILLED, 1)

    play(scenario, ticking(1_000))


@pytest.mark.parametrize("kind", ["status", "html", "garbage", "broken", "cut"])
@pytest.mark.parametrize("first", [True, False])
def test_l01_l03_a_page_of_fills_that_fails_fails_the_answer(kind: str, first: bool) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        for _ in range(150):
            control.open("AAPL", "long", "1", price="190")
        if not first:
            control.misbehave("late", on=("activities",))  # the first page is used up by it
        control.misbehave(kind, on=("activities",))
        answer = await broker.ask(FILLS)
        assert (answer.completeness, list(answer.executions)) == ("failed", [])
        assert len(whole(await broker.ask(FILLS)).executions) == 150

    play(scenario, ticking(1_000_000), clock=TestClock(START_NS))


# -- fills -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [99, 100, 101, 350])
def test_l05_l20_fills_are_listed_whole_and_in_order(count: int) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        for number in range(count):
            control.open("AAPL", "long", str(number + 1), price="190")
        answer = whole(await broker.ask(FILLS))
        assert [e.signed_quantity for e in answer.executions] == [Decimal(number + 1) for number in range(count)]
        assert len({e.execution_id for e in answer.executions}) == count

    play(scenario, ticking(1_000_000), clock=TestClock(START_NS))


def test_l08_fills_are_asked_for_from_a_moment_with_room_for_clocks_that_differ() -> None:
    clock = TestClock(START_NS + 3_600_000_000_000)
    now = START_NS
    fake = FakeAlpaca(now_ns=lambda: now)

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        nonlocal now
        for seconds, price in ((0, "1"), (3_000, "2"), (3_550, "3"), (3_600, "4")):
            now = START_NS + seconds * 1_000_000_000
            control.open("AAPL", "long", "1", price=price)
        since = START_NS + 3_600 * 1_000_000_000
        answer = whole(await broker.ask(Question(surface="fills", since_ns=since)))
        assert [str(e.price) for e in answer.executions] == ["3", "4"]
        assert len(whole(await broker.ask(FILLS)).executions) == 4  # a week, where nobody says since when
        assert len(whole(await broker.ask(Question(surface="fills", since_ns=0))).executions) == 4

    play(scenario, fake, clock=clock)


def test_l21_the_client_ids_of_fills_are_looked_up_and_a_failure_to_is_no_answer() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        for number in range(3):
            placed = control.place("AAPL", "buy", "limit", "1", price="100", client_id=f"c{number}")
            control.fill(placed)
        control.misbehave("status", on=("orders",))
        answer = await broker.ask(FILLS)
        assert (answer.completeness, list(answer.executions)) == ("failed", [])
        assert [e.client_order_id for e in whole(await broker.ask(FILLS)).executions] == ["c0", "c1", "c2"]
        before = control.requests("GET", "/v2/orders")
        whole(await broker.ask(FILLS))
        assert control.requests("GET", "/v2/orders") == before  # a client id never changes

    play(scenario)


def test_l21_orders_beyond_the_latest_are_looked_up_one_by_one() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        olds = [control.place("AAPL", "buy", "limit", "1", price="100", client_id=f"old{n}") for n in range(2)]
        for _ in range(500):
            control.place("MSFT", "buy", "limit", "1", price="100")
        for old in olds:
            control.fill(old)
        answer = whole(await broker.ask(FILLS))
        assert [e.client_order_id for e in answer.executions] == ["old0", "old1"]

    play(scenario, ticking(1_000_000), clock=TestClock(START_NS))


def test_l21_a_fill_whose_order_nobody_can_look_up_is_not_a_strangers() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        placed = control.place("AAPL", "buy", "limit", "1", price="100", client_id="c1")
        control.fill(placed)
        control.misbehave("status", on=("order",))
        assert (await broker.ask(FILLS)).completeness == "failed"
        control.misbehave("new_word", on=("order",), field="client_order_id", word=" no name ")
        answer = await broker.ask(FILLS)
        assert (answer.completeness, list(answer.executions)) == ("partial", [])
        assert "could not be looked up" in answer.refused[0].why
        control.forget(placed)  # Alpaca itself says that there is no such order
        assert [e.client_order_id for e in whole(await broker.ask(FILLS)).executions] == [None]

    play(scenario)


def test_l08_recent_orders_are_those_that_were_created_since() -> None:
    now = START_NS

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        nonlocal now
        first = control.place("AAPL", "buy", "limit", "1", price="100")
        now += 3_600_000_000_000
        second = control.place("AAPL", "buy", "limit", "2", price="100")
        control.fill(first)
        control.fill(second)
        answer = whole(await broker.recent_orders(created_after="2023-11-14T22:30:00Z"))
        assert [o.order_id for o in answer.orders] == [second]  # the first filled since, and is not among them
        assert len(whole(await broker.recent_orders(created_after="2023-11-14T00:00:00Z")).orders) == 2
        assert (await broker.recent_orders(created_after="yesterday")).completeness == "failed"

    play(scenario, FakeAlpaca(now_ns=lambda: now))


# -- one order, one position -------------------------------------------------------------------------------


def test_a_replaced_order_and_the_one_in_its_place_are_two() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        first = control.place("AAPL", "buy", "limit", "2", price="100", client_id="c1")
        control.slow(replaces=True)
        control.replace(first, limit_price="101")
        (pending,) = whole(await broker.ask(ORDERS)).orders
        assert (pending.order_id, pending.status) == (first, OrderStatus.PENDING_REPLACE)
        control.settle(first)
        (second,) = whole(await broker.ask(ORDERS)).orders
        assert (second.order_id != first, second.limit, second.status) == (True, 101, OrderStatus.ACCEPTED)
        (old,) = whole(await broker.ask(order("c1"))).orders
        assert (old.order_id, old.status) == (first, OrderStatus.REPLACED)

    play(scenario)


def test_an_order_that_was_never_sent_under_its_name_is_not_called_absent() -> None:
    """A bot that sends no client ids records names of its own, and Alpaca's id beside them."""

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        placed = control.place("AAPL", "buy", "limit", "2", price="100")
        answer = await broker.ask(order("mine", placed))
        assert answer.completeness == "failed"
        assert "another order" in answer.why
        assert len(whole(await broker.ask(order(None, placed))).orders) == 1
        assert not whole(await broker.ask(order("mine", "no-uuid"))).orders
        other = control.place("AAPL", "buy", "limit", "2", price="100", client_id="c2")
        assert (await broker.ask(order("c2", placed))).completeness == "failed"
        assert [o.order_id for o in whole(await broker.ask(order("c2", other))).orders] == [other]

    play(scenario)


def test_a_422_of_a_proper_id_is_not_a_missing_order() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        placed = control.place("AAPL", "buy", "limit", "2", price="100")
        control.misbehave(
            "status", on=("order",), status=422, text='{"code": 40010001, "message": "order_id is missing"}'
        )
        assert (await broker.ask(order(None, placed))).completeness == "failed"
        control.misbehave("status", on=("order",), status=422, text='{"code": 42210000, "message": "no"}')
        assert (await broker.ask(order(None, "987"))).completeness == "failed"

    play(scenario)


def test_a_position_that_alpaca_denies_is_flat_and_one_that_it_cannot_tell_of_is_not() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "2", price="190")
        answer = whole(await broker.position("AAPL"))
        assert {key: row.signed_quantity for key, row in answer.positions.items()} == {"AAPL": 2}
        assert not whole(await broker.position("MSFT")).positions
        for fault in (
            {"kind": "status", "status": 404},
            {"kind": "html", "status": 404},
            {"kind": "status"},
            {"kind": "cut"},
        ):
            how: dict[str, Any] = dict(fault)
            control.misbehave(how.pop("kind"), on=("position",), **how)
            answer = await broker.position("AAPL")
            assert (answer.completeness, dict(answer.positions)) == ("failed", {}), fault

    play(scenario)


def test_l33_a_pair_that_alpaca_denies_by_name_and_lists_is_not_flat() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("BTC/USD", "long", "0.5", price="60000")
        control.open("AAPL", "long", "2", price="190")
        denied = '{"code": 40410000, "message": "position does not exist"}'
        for name in ("BTC/USD", "BTCUSD"):
            control.misbehave("status", on=("position",), status=404, text=denied)
            answer = whole(await broker.position(name))
            assert {key: row.signed_quantity for key, row in answer.positions.items()} == {"BTC/USD": Decimal("0.5")}
        assert [row.symbol for row in whole(await broker.position("BTC/USD")).positions.values()] == ["BTC/USD"]
        assert not whole(await broker.position("ETH/USD")).positions

    play(scenario)


def test_l33_a_name_of_ours_that_alpaca_does_not_know_is_not_flat() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "2", price="190")
        assert [row.signed_quantity for row in whole(await broker.position("APPLE")).positions.values()] == [2]
        control.misbehave("status", on=("positions",))
        assert (await broker.position("APPLE")).completeness == "failed"

    play(scenario, aliases={"AAPL": "APPLE"})


def test_l33_a_share_that_ends_like_a_pair_is_flat_once_it_is_known_to_be_one() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("METH", "long", "2", price="20")
        whole(await broker.ask(POSITIONS))
        control.close("METH")
        asked = control.requests("GET", "/v2/positions")
        assert not whole(await broker.position("METH")).positions
        assert control.requests("GET", "/v2/positions") == asked + 1  # by name, and not by the list besides

    play(scenario)


def test_l11_orders_that_cannot_be_read_do_not_starve_those_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LOOK_UPS_MAX", 2)

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        for number in range(3):
            control.fill(control.place("AAPL", "buy", "limit", "1", price="100", client_id=f"c{number}"))
        for _ in range(500):
            control.place("MSFT", "buy", "limit", "1", price="100")  # the latest list does not reach the fills' orders
        control.misbehave("new_word", on=("order",), field="client_order_id", word=" ", times=2)
        assert not (await broker.ask(FILLS)).executions  # c0 and c1 were tried
        answer = await broker.ask(FILLS)
        assert (answer.completeness, [e.client_order_id for e in answer.executions]) == ("partial", ["c0", "c2"])
        assert [e.client_order_id for e in whole(await broker.ask(FILLS)).executions] == ["c0", "c1", "c2"]

    play(scenario, ticking(1_000_000), clock=TestClock(START_NS))


def test_l21_the_fills_of_an_order_for_money_are_its_own_before_it_has_ended() -> None:
    """It has no quantity yet, so nobody can use its row; whose fills they are it says all the same."""

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.slow(fills=True)
        control.price("AAPL", "100")
        placed = await bought(broker, "c1")
        control.fill(placed, "0.4", price="100")
        control.say(placed, "partially_filled")
        answer = whole(await broker.ask(FILLS))
        assert [(str(e.signed_quantity), e.client_order_id) for e in answer.executions] == [("0.4", "c1")]
        assert (await broker.ask(order("c1"))).completeness == "partial"

    async def bought(broker: AlpacaBroker, client_id: str) -> str:
        body = {"symbol": "AAPL", "notional": "100", "side": "buy", "type": "market", "time_in_force": "day"}
        reply = await broker._transport.post("/v2/orders", json.dumps(body | {"client_order_id": client_id}).encode())
        return str(json.loads(reply.body)["id"])

    play(scenario)


@pytest.mark.parametrize("question", [POSITIONS, ORDERS, FILLS], ids=lambda question: question.surface)
def test_law_13_a_quantity_that_is_there_twice_is_nobodys(question: Question) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        for symbol in ("AAPL", "MSFT"):
            control.open(symbol, "long", "2", price="190")
            control.place(symbol, "buy", "limit", "1", price="100")
        control.misbehave("doubled", on=("positions", "orders", "activities"))
        answer = await broker.ask(question)
        stated = [*answer.positions.values(), *answer.orders, *answer.executions]
        assert (answer.completeness, [one.symbol for one in stated]) == ("partial", ["MSFT"])
        assert [(one.symbol, "its qty is there twice" in one.why) for one in answer.refused] == [("AAPL", True)]

    play(scenario)
