"""Is a row that is spoilt read right or refused by its name, and does it touch no other, in every list and dialect?"""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_contract.harnesses import mt5
from mt5.playing import play
from mt5.samples import deal, order, read, read_deals, read_orders, reading, reply, row
from trueup.model import Refusal, Surface
from trueup.ports import Action, Answer, Question
from trueup_adapters.gateway import Control
from trueup_adapters.mt5 import Mt5Broker
from trueup_adapters.mt5.memory import PositionsMemory
from trueup_adapters.mt5.rows import DealRow, OrderRow, PositionRow
from trueup_adapters.mt5.texts import Texts
from trueup_adapters.mt5.wire import deals_answer, orders_answer, positions_answer

POSITION_2: dict[str, Any] = {
    "ticket": 77, "symbol": "XAUUSD.m", "type": "SELL", "volume": "0.10", "open_price": 2034.5, "current_price": 2031.0,
    "sl": 0.0, "tp": 0.0, "profit": 35.0, "magic": 12345, "comment": "t\u00e9st", "swap": -0.1,
    "open_time": "2026-01-15T02:08:34.234567Z",
}  # fmt: skip
METATRADERS_DEAL: dict[str, Any] = {
    "ticket": 9001, "order": 7001, "time": 1704153600, "time_msc": 1704153600123, "type": 1, "entry": 1, "magic": 7,
    "position_id": 123456, "reason": 3, "volume": 0.5, "price": 1.0601, "commission": -1.75, "swap": 0.0, "profit": 9.0,
    "fee": 0.0, "symbol": "EURUSD", "comment": "", "external_id": "",
}  # fmt: skip
METATRADERS_ORDER: dict[str, Any] = {
    "ticket": 7001, "time_setup": 1704153600, "time_setup_msc": 1704153600123, "time_done": 0, "time_expiration": 0,
    "type": 2, "type_time": 0, "type_filling": 2, "state": 1, "magic": 7, "position_id": 0, "position_by_id": 0,
    "reason": 3, "volume_initial": 0.5, "volume_current": 0.5, "price_open": 1.05, "sl": 0.0, "tp": 0.0,
    "price_current": 1.06, "price_stoplimit": 0.0, "symbol": "EURUSD", "comment": "", "external_id": "",
}  # fmt: skip
GOOD: dict[tuple[str, str], dict[str, Any]] = {
    ("positions", "SUCCESS"): row(sl=1.04, magic=7, client_id="c1"),
    ("positions", "ok"): POSITION_2,
    ("deals", "SUCCESS"): deal(magic=7, fee=0, client_id="c1"),
    ("deals", "ok"): METATRADERS_DEAL,
    ("orders", "SUCCESS"): order(magic=7, client_id="c1", reduce_only=False),
    ("orders", "ok"): METATRADERS_ORDER,
}
OTHER = {
    "positions": {"ticket": 5, "symbol": "OTHER"},
    "deals": {"deal": 5, "ticket": 5},
    "orders": {"ticket": 5, "order": 5},
}
STRUCTS = {"positions": PositionRow, "deals": DealRow, "orders": OrderRow}
TIMES = frozenset({"time", "open_time", "time_setup", "time_done"})
"""Evidence that decides nothing (L46): of two, the last is kept."""
JUNK = st.sampled_from(
    [None, True, False, -1, 1.5, 10**30, "", " ", "NaN", "Infinity", "1e400", "1_000", "0,01", " 1 ", "٣", "A\u202eB",
     "A\x00B", "A" * 3000, "9" * 5000, [], {}, [1], {"a": 1}, "?"]
)  # fmt: skip
TEXTS = st.sampled_from([b"1e400", b"1e99999999999999999999", b"NaN", b"-Infinity", b"9" * 5000, b"1E5", b"-1"])


def answered(kind: str, raw: bytes) -> Answer:
    judge = {"positions": positions_answer, "deals": deals_answer, "orders": orders_answer}[kind]
    return judge(raw, reading())


def stated(answer: Answer) -> list[Any]:
    return [*answer.positions.values(), *answer.executions, *answer.orders]


def other_of(kind: str, good: dict[str, Any]) -> dict[str, Any]:
    return good | {name: cell for name, cell in OTHER[kind].items() if name in good}


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, str, str, str, bytes]:
    """(list, status, what was done, to which cell, the row as it comes)."""
    kind, status = draw(st.sampled_from(sorted(GOOD)))
    good = GOOD[kind, status]
    cell = draw(st.sampled_from([name for name in STRUCTS[kind].__struct_fields__ if name in good]))
    row_ = {name: value for name, value in good.items() if name != cell}
    how = draw(st.sampled_from(["left out", "junk", "bytes", "twice"]))
    text, name = json.dumps(row_).encode(), json.dumps(cell).encode()
    if how == "junk":
        text = json.dumps(row_ | {cell: draw(JUNK)}).encode()
    elif how == "bytes":
        text = text[:-1] + b", %s: %s}" % (name, draw(TEXTS))
    elif how == "twice":
        if draw(st.booleans()):
            name = b'"\\u%04x%s"' % (ord(cell[0]), cell[1:].encode())
        text = text[:-1] + b", %s: %s, %s: %s}" % (
            name, json.dumps(draw(JUNK)).encode(), json.dumps(cell).encode(), json.dumps(good[cell]).encode()
        )  # fmt: skip
    return kind, status, how, cell, text


FOLLOWS = {
    "ticket": {"ticket", "order_id", "execution_id"}, "order": {"order_id"}, "deal": {"execution_id"},
    "symbol": {"symbol", "spelling"}, "type": {"signed_quantity", "side", "type", "limit", "stop"},
    "volume": {"signed_quantity", "quantity"}, "volume_initial": {"quantity", "filled"}, "volume_current": {"filled"},
    "price_open": {"price", "limit", "stop"}, "open_price": {"price"}, "price": {"price"}, "sl": {"stop"},
    "price_stoplimit": {"limit"}, "commission": {"fee"}, "fee": {"fee"}, "magic": {"strategy"},
    "client_id": {"client_order_id"}, "position": {"ticket"}, "position_id": {"ticket"}, "reduce_only": {"reduce_only"},
    "state": {"status", "raw_status"}, "reason": {"reason", "exit_reason", "cause"},
    "comment": {"reason", "exit_reason", "cause", "comment"},
    "time": {"opened_at", "happened_at", "updated_at"}, "open_time": {"opened_at"}, "time_setup": {"updated_at"},
    "time_done": {"updated_at"},
}  # fmt: skip


@settings(max_examples=500)
@given(case=spoilt())
def test_l42_a_spoilt_row_is_read_right_or_refused_and_touches_no_other(case: tuple[str, str, str, str, bytes]) -> None:
    kind, status, how, cell, text = case
    good = GOOD[kind, status]
    other = json.dumps(other_of(kind, good)).encode()
    head = b'{"status": "%s", "%s": [' % (status.encode(), kind.encode())
    answer = answered(kind, head + text + b"," + other + b"]}")
    (alone,) = stated(answered(kind, head + other + b"]}"))
    (whole,) = stated(answered(kind, head + json.dumps(good).encode() + b"]}"))
    assert answer.completeness in ("complete", "partial"), answer.why
    assert stated(answer)[-1] == alone
    mine = stated(answer)[:-1]
    assert len(mine) + len(answer.refused) == 1
    assert all(refusal.row == 1 and refusal.why for refusal in answer.refused)
    if how == "twice" and cell not in TIMES:
        assert answer.refused
        assert cell in answer.refused[0].why or "UTF-8" in answer.refused[0].why
    for value in mine:
        differs = {name for name in value.__struct_fields__ if getattr(value, name) != getattr(whole, name)}
        assert differs <= FOLLOWS[cell], (cell, value, whole)


@pytest.mark.parametrize("text", ["1_000", " 1 ", "٣", "１", "1,5", "0x1", "1e5_0"])
def test_l43_text_that_only_python_takes_for_a_number_is_none(text: str) -> None:
    for answer in (
        read(reply(row(volume=text), row(ticket=2))),
        read_deals(deal(price=text), deal(deal=2)),
        read_orders(order(volume_initial=text), order(order=2)),
    ):
        assert (answer.completeness, len(stated(answer)), [r.row for r in answer.refused]) == ("partial", 1, [1])


def test_text_that_is_a_number_is_one() -> None:
    answer = read(reply(row(volume="0.10", price_open="1.0543", sl="0")))
    assert (answer.completeness, len(stated(answer))) == ("complete", 1)


# -- from memory, too --------------------------------------------------------------------------------------

TWICE = b'{"ticket": 7, "symbol": "EURUSD", "type": "buy", "volume": 1, "volume": 5}'


def listed(*texts: bytes) -> bytes:
    return b'{"status": "SUCCESS", "positions": [' + b", ".join(texts) + b"]}"


def plain(n: int, **cells: object) -> bytes:
    return json.dumps(row(ticket=n, **cells)).encode()


@pytest.mark.parametrize("before", [[], [7], [1, 2, 3, 7, 70, 71, 77]])
def test_law_13_a_cell_that_is_there_twice_is_seen_in_a_row_that_changes(before: list[int]) -> None:
    memory = PositionsMemory(reading())
    memory.answer(listed(*map(plain, before)))
    rest = [n for n in before if n != 7]
    raw = listed(*map(plain, rest), TWICE)
    answer = memory.answer(raw)
    assert (sorted(answer.positions), [r.row for r in answer.refused]) == (
        sorted(f"#{n}" for n in rest),
        [len(rest) + 1],
    )
    assert answer.refused == positions_answer(raw, reading()).refused
    assert memory.answer(raw).refused == answer.refused
    again = memory.answer(listed(*map(plain, before)))
    assert (again.completeness, len(again.positions)) == ("complete", len(before))


@pytest.mark.parametrize("comment", ["", "{", "}", '"ticket": 7', "\u00fc", "\\u0041", 'a"b'])
def test_a_row_that_changes_is_found_whatever_stands_beside_it(comment: str) -> None:
    memory = PositionsMemory(reading())
    numbers = [1, 7, 70, 170, 1704153600, 8]
    memory.answer(listed(*(plain(n, comment=comment) for n in numbers)))
    raw = listed(*(plain(n, comment=comment, volume=5 if n in (7, 8) else 0.01) for n in numbers))
    answer = memory.answer(raw)
    assert (answer.completeness, dict(answer.positions)) == (
        "complete",
        dict(positions_answer(raw, reading()).positions),
    )


def test_l31_rows_of_very_different_lengths_are_found_all_the_same() -> None:
    memory = PositionsMemory(reading())
    cells = [{"comment": "x" * 500} if n % 2 else {} for n in range(60)]
    memory.answer(listed(*(plain(1000 + n, **cells[n]) for n in range(60))))
    raw = listed(*(plain(1000 + n, **cells[n], volume=9 if n in (3, 30, 59) else 0.01) for n in range(60)))
    assert dict(memory.answer(raw).positions) == dict(positions_answer(raw, reading()).positions)


def test_the_text_of_a_row_is_itself_or_nothing() -> None:
    texts = Texts(PositionRow)
    raw = listed(plain(7), plain(70), TWICE)
    rows = [texts._decode(plain(7)), texts._decode(plain(70)), texts._decode(plain(9))]
    assert list(texts.of(raw, rows, [0, 1, 2], "ticket", 3)) == [plain(7), plain(70), None]
    assert list(texts.of(b"[]", rows[:1], [0], "ticket", 1)) == [None]
    uneven = [plain(n, comment="x" * (600 if n > 103 else 0)) for n in range(100, 108)]
    wanted = [0, 3, 7]
    found = texts.of(listed(*uneven), [texts._decode(uneven[place]) for place in wanted], wanted, "ticket", 8)
    assert list(found) == [uneven[place] for place in wanted]
    assert list(texts.of(raw, [texts._decode(plain(7, volume=3))], [0], "ticket", 3)) == [None]


# -- heads that contradict themselves ----------------------------------------------------------------------


@pytest.mark.parametrize("errors", [["no connection"], "no connection", {"code": 5}, [0], [{}]])
@pytest.mark.parametrize("status", ["SUCCESS", "ok"])
def test_l48_a_list_of_errors_beside_a_success_is_a_failed_answer(errors: Any, status: str) -> None:
    answer = read(reply(row(type=0), status=status, errors=errors))
    assert (answer.completeness, dict(answer.positions), "an error at once" in answer.why) == ("failed", {}, True)


def test_l48_an_empty_list_of_errors_is_none() -> None:
    assert read(reply(row(), errors=[])).completeness == "complete"


# -- deals in MetaTrader's own words -----------------------------------------------------------------------


def test_deals_bear_metatraders_own_names_too() -> None:
    (execution,) = read_deals(METATRADERS_DEAL).executions
    assert (execution.execution_id, execution.ticket, execution.order_id) == ("9001", "123456", "7001")
    assert (str(execution.signed_quantity), str(execution.fee)) == ("-0.5", "1.75")
    answer = read_deals(METATRADERS_DEAL | {"deal": 9002}, METATRADERS_DEAL | {"position": 5}, {"type": 1})
    assert [(r.row, r.why) for r in answer.refused] == [
        (1, "its deal and ticket differ: 9002, 9001"),
        (2, "deal 9001: its position and position_id differ: 5, 123456"),
        (3, "it has no number: nobody can say which deal it is"),
    ]


def test_a_deal_that_cannot_be_read_is_of_its_position_and_not_of_its_own_number() -> None:
    (refusal,) = read_deals(METATRADERS_DEAL | {"volume": "0,5"}).refused
    assert isinstance(refusal, Refusal)
    assert (refusal.ticket, refusal.symbol, refusal.why.startswith("deal 9001: ")) == ("123456", "EURUSD", True)


@pytest.mark.parametrize("entry", [0, 1, 2, 3, "DEAL_ENTRY_INOUT", None])
def test_l15_a_deal_moves_by_its_volume_whichever_entry_it_is(entry: object) -> None:
    """A deal that turns a position round (`inout`) has both parts in its volume: 1 long, sold 3, is 2 short."""
    answer = read_deals(deal(entry=0, volume=1), deal(deal=2, type="sell", volume=3, entry=entry))
    assert [str(one.signed_quantity) for one in answer.executions] == ["1", "-3"]


# -- over real sockets, by our own gateway ------------------------------------------------------------------


@pytest.mark.parametrize("surface", ["positions", "open_orders", "fills"])
@pytest.mark.parametrize("dialect", [1, 2])
def test_what_a_gateway_contradicts_itself_in_is_nobodys(surface: Surface, dialect: Literal[1, 2]) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        control.open("EURUSD", "buy", 1)
        control.open("GBPUSD", "buy", 2)
        for symbol in ("EURUSD", "GBPUSD"):
            control.place(symbol, "buy", "limit", 1, 1)
        question = Question(surface=surface)
        assert (await broker.ask(question)).completeness == "complete"
        control.misbehave("errors", text="terminal is gone")
        answer = await broker.ask(question)
        assert (answer.completeness, stated(answer), "terminal is gone" in answer.why) == ("failed", [], True)
        control.misbehave("doubled")
        answer = await broker.ask(question)
        assert (answer.completeness, [one.symbol for one in stated(answer)]) == ("partial", ["GBPUSD"])
        assert [(one.row, "is there twice" in one.why) for one in answer.refused] == [(1, True)]

    with mt5(dialect=dialect) as harness:
        play(harness, scenario)


def test_l24_errors_beside_an_acknowledgement_leave_an_action_unknown() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        placed = control.place("EURUSD", "buy", "limit", 1, 1, client_id="c1")
        control.misbehave("errors", action="CANCEL_ORDER")
        cancel = Action(kind="cancel", client_id="x1", symbol="EURUSD", order_id=str(placed))
        outcome = await broker.act(cancel)
        assert (outcome.state, "no connection to the server" in outcome.why) == ("unknown", True)

    with mt5() as harness:
        play(harness, scenario)
