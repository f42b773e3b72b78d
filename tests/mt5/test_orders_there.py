"""Do the terminal's orders rest, fill, end and refuse as a broker's do, and is an action done once?"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from broker_contract.harnesses import gateway
from mt5.test_gateway import asking, process
from trueup.errors import InputError
from trueup_adapters.gateway import Control, Terminal, TerminalError
from trueup_adapters.gateway import orders as orders_module
from trueup_adapters.gateway.account import Order, Position
from trueup_adapters.gateway.faults import ONLY


def the_order(terminal: Terminal, number: int) -> Order:
    return terminal.find_order(number)


def the_position(terminal: Terminal) -> Position:
    (position,) = terminal.positions
    return position


# -- the terminal ------------------------------------------------------------------------------------------


def test_a_resting_order_fills_in_parts_into_one_position() -> None:
    terminal = Terminal("hedging")
    number = terminal.place("EURUSD", "buy", "limit", "0.03", "1.05", client_id="c1", magic=7)
    order = the_order(terminal, number)
    assert (order.type, order.state, order.price, order.position) == ("limit", "placed", Decimal("1.05"), 0)
    ticket = terminal.fill(number, "0.01")
    order = the_order(terminal, number)
    assert (order.state, order.filled, order.rest, order.position) == (
        "partial",
        Decimal("0.01"),
        Decimal("0.02"),
        ticket,
    )
    assert terminal.fill(number, price="1.02") == ticket
    order, held = the_order(terminal, number), the_position(terminal)
    assert (order.state, order.rest, order.works, order.average) == ("filled", Decimal(0), False, Decimal("1.03"))
    assert (held.volume, held.price, held.magic, held.client_id) == (Decimal("0.03"), Decimal("1.03"), 7, "c1")
    deals = [(d.order, d.position, d.entry, d.client_id) for d in terminal.deals_since(None)]
    assert deals == [(number, ticket, "in", "c1")] * 2


def test_netting_fills_move_the_one_position_of_the_symbol() -> None:
    terminal = Terminal("netting")
    ticket = terminal.open("EURUSD", "buy", 1, "1.10")
    number = terminal.place("EURUSD", "sell", "stop", 3, "1.05")
    assert terminal.fill(number, 1) == ticket
    assert terminal.positions == ()
    other = terminal.fill(number, 2)
    held = the_position(terminal)
    assert (held.ticket, held.side, held.volume) == (other, "sell", Decimal(2))


def test_a_market_order_takes_what_there_is_and_works_on_with_the_rest() -> None:
    terminal = Terminal()
    whole = terminal.place("EURUSD", "buy", "market", 2, "1.1")
    assert (the_order(terminal, whole).state, the_position(terminal).volume) == ("filled", Decimal(2))
    terminal.depth = Decimal(1)
    part = terminal.place("GBPUSD", "buy", "market", 3, "1.2")
    assert (the_order(terminal, part).state, the_order(terminal, part).rest) == ("partial", Decimal(2))
    terminal.depth = Decimal(0)
    none = terminal.place("AUDUSD", "buy", "market", 3)
    assert (the_order(terminal, none).state, len(terminal.positions)) == ("placed", 2)


def test_l17_an_order_that_has_ended_can_fill_all_the_same() -> None:
    terminal = Terminal()
    number = terminal.place("EURUSD", "buy", "limit", 2, "1.05")
    terminal.cancel(number)
    terminal.fill(number, 1)
    assert (the_order(terminal, number).state, the_position(terminal).volume) == ("canceled", Decimal(1))
    terminal.fill(number)
    assert the_order(terminal, number).state == "filled"


def test_whatever_was_traded_by_hand_has_an_order_too() -> None:
    terminal = Terminal()
    ticket = terminal.open("EURUSD", "buy", 2, "1.1", client_id="c1")
    terminal.close(ticket, 1, client_id="c2")
    opened, closed = terminal.orders
    assert (opened.client_id, opened.side, opened.state, opened.position) == ("c1", "buy", "filled", ticket)
    assert (closed.client_id, closed.side, closed.volume, closed.position) == ("c2", "sell", Decimal(1), ticket)
    assert [deal.order for deal in terminal.deals_since(None)] == [opened.order, closed.order]
    assert terminal.order_of("c2") == closed
    assert terminal.order_of("c3") is None


def test_a_terminal_remembers_how_its_orders_stood() -> None:
    terminal = Terminal()
    number = terminal.place("EURUSD", "buy", "limit", 2, "1.05")
    terminal.fill(number, 1)
    terminal.open("GBPUSD", "buy", 1)
    terminal.cancel(number)
    stood = [[order.state for order in terminal.orders_before(changes)] for changes in range(6)]
    assert stood == [["canceled", "filled"], ["partial", "filled"], ["partial"], ["placed"], [], []]
    assert terminal.orders_before(0) == terminal.orders


@pytest.mark.parametrize("mode", ["hedging", "netting"])
def test_l22_a_stop_and_a_close_never_exceed_their_position(mode: Any) -> None:
    terminal = Terminal(mode)
    ticket = terminal.open("EURUSD", "buy", 1, "1.1")
    terminal.open("GBPUSD", "sell", 1, "1.2")
    before = terminal.positions
    wrongs: tuple[Callable[[], object], ...] = (
        lambda: terminal.close_position("EURUSD", "sell", "1.01", position=ticket),
        lambda: terminal.close_position("EURUSD", "buy", 1, position=ticket),
        lambda: terminal.close_position("GBPUSD", "sell", 1, position=ticket),
        lambda: terminal.close_position("EURUSD", "sell", 1, position=5),
        lambda: terminal.close_position("AUDUSD", "sell", 1),
        lambda: terminal.place_stop("EURUSD", "sell", "1.01", "1.0", position=ticket),
        lambda: terminal.place_stop("EURUSD", "sell", 1, 0, position=ticket),
        lambda: terminal.place_stop("EURUSD", "buy", 1, "1.0", position=ticket),
        lambda: terminal.place_stop("EURUSD", "sell", 0, "1.0", position=ticket),
    )
    for wrong in wrongs:
        with pytest.raises((TerminalError, InputError)):
            wrong()
    assert terminal.positions == before
    assert len(terminal.orders) == 2
    if mode == "hedging":
        with pytest.raises(TerminalError, match="name the position"):
            terminal.close_position("EURUSD", "sell", 1)


def test_l24_a_reduce_only_order_never_opens_the_opposite_side() -> None:
    terminal = Terminal("netting")
    ticket = terminal.open("EURUSD", "buy", 2, "1.1")
    stop = terminal.place_stop("EURUSD", "sell", 2, "1.0", position=ticket)
    assert the_order(terminal, stop).position == ticket
    terminal.close_position("EURUSD", "sell", 1)
    with pytest.raises(TerminalError, match="less than 2"):
        terminal.fill(stop)
    terminal.close_position("EURUSD", "sell", 1)
    with pytest.raises(TerminalError):
        terminal.fill(stop, 1)
    terminal.open("EURUSD", "sell", 1, "1.1")
    with pytest.raises(TerminalError):
        terminal.fill(stop, 1)
    assert [p.side for p in terminal.positions] == ["sell"]


def test_what_may_turn_a_netting_position_turns_it_only_where_that_was_said() -> None:
    terminal = Terminal("netting")
    terminal.open("EURUSD", "buy", 1, "1.1")
    terminal.close_position("EURUSD", "sell", 3, reduce_only=False)
    assert (the_position(terminal).side, the_position(terminal).volume) == ("sell", Decimal(2))


def test_orders_that_no_broker_takes_are_refused() -> None:
    terminal = Terminal()
    number = terminal.place("EURUSD", "buy", "limit", 1, "1.05")
    unpriced = terminal.place("EURUSD", "buy", "limit", 1, "1.05")
    terminal.cancel(unpriced)
    terminal.depth = Decimal(0)
    market = terminal.place("EURUSD", "buy", "market", 1)
    before = terminal.orders
    wrongs: tuple[Callable[[], object], ...] = (
        lambda: terminal.place("EURUSD", "buy", "limit", 1),
        lambda: terminal.place("EURUSD", "buy", "limit", 1, 0),
        lambda: terminal.place("EURUSD", "buy", "iceberg", 1, 1),
        lambda: terminal.place("EURUSD", "long", "limit", 1, 1),  # type: ignore[arg-type]
        lambda: terminal.place("", "buy", "limit", 1, 1),
        lambda: terminal.place("EURUSD", "buy", "limit", "NaN", 1),
        lambda: terminal.fill(number, 2),
        lambda: terminal.fill(number, 0),
        lambda: terminal.fill(99),
        lambda: terminal.fill("EURUSD"),
        lambda: terminal.fill(market),
        lambda: terminal.cancel(unpriced),
        lambda: terminal.reject(unpriced),
        lambda: terminal.set_state(number, ""),
    )
    for wrong in wrongs:
        with pytest.raises((TerminalError, InputError)):
            wrong()
    assert (terminal.orders, terminal.positions) == (before, ())


def test_l21_an_action_is_done_once_and_answered_as_it_was() -> None:
    terminal = Terminal()
    ticket = terminal.open("EURUSD", "buy", 2, "1.1")

    def close() -> int:
        return terminal.close_position("EURUSD", "sell", 1, position=ticket)

    def fail() -> int:
        raise TerminalError("no money")

    assert terminal.once("a", close) == terminal.once("a", close) == terminal.once("a", fail)
    assert the_position(terminal).volume == Decimal(1)
    assert terminal.once("b", fail).why == "no money"
    assert terminal.once("b", close).why == "no money"
    number = terminal.place("EURUSD", "buy", "limit", 1, 1, client_id="c")
    assert terminal.once("c", close).order == number
    assert terminal.place("GBPUSD", "sell", "stop", 9, 9, client_id="c") == number
    assert (len(terminal.deals_since(None)), len(terminal.orders)) == (2, 3)


def test_client_ids_are_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_module, "DONE_MAX", 3)
    terminal = Terminal()
    for number in range(5):
        terminal.once(str(number), lambda: 1)
    assert list(terminal.state.done) == ["2", "3", "4"]


# -- the gateway -------------------------------------------------------------------------------------------


class Asked:
    """Requests over the wire, as any client makes them."""

    def __init__(self, url: str) -> None:
        self._asking = asking(url)

    def __enter__(self) -> Callable[..., dict[str, Any]]:
        req = self._asking.__enter__()

        def ask(action: str, **cells: object) -> dict[str, Any]:
            req.send_string(json.dumps({"action": action, **cells}))
            reply: dict[str, Any] = json.loads(req.recv(), parse_float=Decimal)
            return reply

        return ask

    def __exit__(self, *raised: Any) -> None:
        self._asking.__exit__(*raised)


def test_the_wire_has_orders_in_the_words_of_the_first_dialect() -> None:
    with gateway() as (control, ports), Asked(ports.url) as ask:
        number = control.place("EURUSD", "buy", "limit", "0.02", "1.05", client_id="c1")
        control.fill(number, "0.01")
        (row,) = ask("GET_ORDERS", symbol="*")["orders"]
        assert (row["order"], row["type"], row["state"], row["client_id"]) == (number, "buy_limit", "partial", "c1")
        assert (row["volume_initial"], row["volume_current"]) == (Decimal("0.02"), Decimal("0.01"))
        assert ask("GET_ORDERS", symbol="GBPUSD")["orders"] == []
        somebody: tuple[dict[str, Any], ...] = ({"client_id": "c1"}, {"order": number}, {"order": str(number)})
        for cells in somebody:
            assert ask("GET_ORDER", **cells)["order"]["order"] == number
        nobody: tuple[dict[str, Any], ...] = ({"client_id": "c2"}, {"order": 5}, {"order": number, "client_id": "c2"})
        for cells in nobody:
            assert ask("GET_ORDER", **cells) == {"status": "SUCCESS", "order": None}
        assert ask("GET_ORDER")["status"] == "FAILED"
        control.fill(number)
        assert ask("GET_ORDERS")["orders"] == []
        assert ask("GET_ORDER", order=number)["order"]["state"] == "filled"


def test_the_wire_has_orders_in_the_words_of_the_second_dialect() -> None:
    with gateway(dialect=2) as (control, ports), Asked(ports.url) as ask:
        number = control.place("EURUSD", "sell", "stop", "0.02", "1.05")
        (row,) = ask("GET_ORDERS")["orders"]
        assert (row["ticket"], row["type"], row["status"], row["filled"]) == (number, "SELL_STOP", "ACCEPTED", 0)
        control.set_state(number, "on hold")
        assert ask("GET_ORDERS")["orders"][0]["status"] == "ON HOLD"
        control.reject(number)
        assert ask("GET_ORDER", order=number)["order"]["status"] == "REJECTED"


def test_actions_over_the_wire() -> None:
    with gateway() as (control, ports), Asked(ports.url) as ask:
        ticket = control.open("EURUSD", "buy", "0.02", "1.1", magic=7)
        same = {"symbol": "EURUSD", "position": ticket, "type": "sell", "volume": 0.02, "reduce_only": True}
        stop = ask("PLACE_STOP", **same, stop=1.05, client_id="s1")
        assert stop["status"] == "SUCCESS"
        (row,) = ask("GET_ORDERS")["orders"]
        assert (row["order"], row["position"], row["reduce_only"]) == (stop["order"], ticket, True)
        assert (row["type"], row["price_open"], row["magic"]) == ("sell_stop", Decimal("1.05"), 7)
        assert ask("CANCEL_ORDER", order=stop["order"], target="s1", client_id="x1")["status"] == "SUCCESS"
        refused = ask("CANCEL_ORDER", target="s1", client_id="x2")
        assert (refused["status"], refused["error_code"]) == ("FAILED", "REJECTED")
        assert "canceled" in refused["error"]
        too_much = ask("CLOSE_POSITION", **same | {"volume": 0.03}, client_id="q0")
        assert "less than 0.03" in too_much["error"]
        closed = ask("CLOSE_POSITION", **same, client_id="q1")
        assert closed == ask("CLOSE_POSITION", **same, client_id="q1")  # done once (L21)
        assert control.state()["positions"] == []
        (_, out) = ask("GET_DEALS")["deals"]
        assert (out["entry"], out["order"], out["client_id"]) == ("out", closed["order"], "q1")


def test_actions_that_lack_something_are_refused() -> None:
    with gateway() as (control, ports), Asked(ports.url) as ask:
        ticket = control.open("EURUSD", "buy", 1)
        cells = {"symbol": "EURUSD", "position": ticket, "type": "sell", "volume": 1, "stop": 1}
        wrongs = [
            ask("PLACE_STOP", **cells),
            ask("CANCEL_ORDER", client_id="a"),
            ask("CANCEL_ORDER", order=5, client_id="b"),
            ask("PLACE_STOP", **cells | {"stop": None}, client_id="c"),
            ask("CLOSE_POSITION", **cells | {"volume": None}, client_id="d"),
            ask("CLOSE_POSITION", **cells | {"type": None}, client_id="e"),
        ]
        assert [wrong["status"] for wrong in wrongs] == ["FAILED"] * 6
        assert (len(control.state()["orders"]), len(control.state()["positions"])) == (1, 1)


# -- faults ------------------------------------------------------------------------------------------------


def test_faults_of_orders_wait_for_what_they_are_about() -> None:
    with gateway() as (control, ports), Asked(ports.url) as ask:
        for kind in ONLY:
            control.misbehave(kind)
        assert ask("GET_POSITIONS")["status"] == "SUCCESS"
        assert len(control.state()["faults"]) == len(ONLY)


def test_l04_a_forgotten_order_is_missing_from_so_many_answers() -> None:
    with gateway() as (control, ports), Asked(ports.url) as ask:
        first, second = (control.place("EURUSD", "buy", "limit", 1, 1) for _ in range(2))
        control.misbehave("forget_orders", times=2, order=first)
        assert [row["order"] for row in ask("GET_ORDERS")["orders"]] == [second]
        assert ask("GET_ORDER", order=first)["order"] is None
        assert ask("GET_ORDER", order=first)["order"]["order"] == first
        control.misbehave("forget_orders", order=first)
        assert ask("GET_ORDER", order=second)["order"]["order"] == second
        control.misbehave("forget_orders")
        assert ask("GET_ORDERS")["orders"] == []


def test_l12_slow_orders_lag_behind_the_positions() -> None:
    with gateway() as (control, ports), Asked(ports.url) as ask:
        number = control.place("EURUSD", "buy", "limit", 1, 1)
        control.fill(number)
        control.misbehave("slow_orders", times=2, changes=1)
        assert ask("GET_ORDERS")["orders"][0]["state"] == "placed"
        assert len(ask("GET_POSITIONS")["positions"]) == 1
        assert ask("GET_ORDER", order=number)["order"]["state"] == "placed"
        assert ask("GET_ORDER", order=number)["order"]["state"] == "filled"


def test_rejections_come_as_often_as_they_were_asked_for_and_stay() -> None:
    with gateway() as (control, ports), Asked(ports.url) as ask:
        number = control.place("EURUSD", "buy", "limit", 1, 1)
        control.misbehave("reject", times=2, text="market is closed")
        said = [ask("CANCEL_ORDER", order=number, client_id=name) for name in ("a", "b", "c", "a")]
        assert [reply["status"] for reply in said] == ["FAILED", "FAILED", "SUCCESS", "FAILED"]
        assert said[0]["error"] == said[3]["error"] == "market is closed"
        control.misbehave("reject")
        assert ask("CANCEL_ORDER", order=number)["status"] == "FAILED"


def test_a_close_finds_only_part_of_what_it_wants() -> None:
    with gateway() as (control, ports), Asked(ports.url) as ask:
        ticket = control.open("EURUSD", "buy", 3)
        cells = {"symbol": "EURUSD", "position": ticket, "type": "sell", "reduce_only": True}
        control.misbehave("partial", part=1)
        number = ask("CLOSE_POSITION", **cells, volume=3, client_id="q")["order"]
        assert ask("GET_ORDER", order=number)["order"]["state"] == "partial"
        assert control.state()["positions"][0]["volume"] == 2
        control.fill(number, price=1)
        assert control.state()["positions"] == []
        cells["position"] = control.open("EURUSD", "buy", 3)
        ask("CLOSE_POSITION", **cells, volume=3, client_id="q2")
        assert control.state()["positions"] == []  # the market is deep again


def test_a_queued_action_is_done_after_all() -> None:
    with gateway() as (control, ports), Asked(ports.url) as ask:
        number = control.place("EURUSD", "buy", "limit", 1, 1)
        control.misbehave("queued", ms=1)
        assert ask("CANCEL_ORDER", order=number, client_id="a")["status"] == "SUCCESS"
        assert control.state()["orders"][0]["state"] == "canceled"


def test_l21_client_ids_survive_a_restart_of_the_gateway(tmp_path: Path) -> None:
    state = str(tmp_path / "terminal.json")
    with process("--state", state) as ports, Control(ports["control_url"]) as control, Asked(ports["url"]) as ask:
        ticket = control.open("EURUSD", "buy", 2)
        close = {"symbol": "EURUSD", "position": ticket, "type": "sell", "volume": 1, "client_id": "q"}
        control.misbehave("reject", action="PLACE_STOP")
        stop = close | {"stop": 1, "client_id": "s"}
        closed = ask("CLOSE_POSITION", **close)
        control.state()  # whatever changed is written now; a refusal changes nothing, and is written too
        before = closed, ask("PLACE_STOP", **stop)
    with process("--state", state) as ports, Control(ports["control_url"]) as control, Asked(ports["url"]) as ask:
        assert (ask("CLOSE_POSITION", **close), ask("PLACE_STOP", **stop)) == before
        assert [position["volume"] for position in control.state()["positions"]] == [1]
