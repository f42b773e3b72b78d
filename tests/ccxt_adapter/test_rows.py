"""What does one row of ccxt's state, cell by cell, and which cell is to blame when it states nothing?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ccxt_adapter.fakes import position
from trueup.model import BrokerPosition, PositionMode, Stop
from trueup_adapters.ccxt.guarding import guard
from trueup_adapters.ccxt.holdings import judge_balances
from trueup_adapters.ccxt.left_out import coins_left_out, positions_left_out
from trueup_adapters.ccxt.markets import Reading, leg_named, leg_of, unit_of
from trueup_adapters.ccxt.numbers import Stated, number_cell
from trueup_adapters.ccxt.positions import judge_positions
from trueup_adapters.ccxt.rows import UNREAD, BadRow, judge, printable, readable, word

NETTING, HEDGING = Reading(position_mode="netting"), Reading(position_mode="hedging")


def held(reading: Reading = NETTING, **cells: Any) -> BrokerPosition:
    judged = judge_positions([position(**cells)], reading)
    assert not judged.refused, judged.refused[0].why
    return judged.read[0]


def not_held(**cells: Any) -> str:
    judged = judge_positions([position(**cells)], NETTING)
    assert (len(judged.read), len(judged.set_aside)) == (0, 0)
    return judged.refused[0].why


# -- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "info", "number"),
    [
        ("0.10", {}, "0.10"),
        (7, {}, "7"),
        (Decimal("1e-8"), {}, "0.00000001"),
        (0.1, {}, "0.1"),
        (0.1, {"size": "0.100000000000000005"}, "0.100000000000000005"),
        (-0.1, {"size": "0.100000000000000005"}, "-0.100000000000000005"),
        (1.1274155340929999, {"fee": "1.127415534092999815"}, "1.127415534092999815"),
        (60827.69508964485, {"amount": "60827695089644845053717"}, "60827.695089644845053717"),
        (0.30000000000000004, {"deep": [{"down": '{"here": 0.30000000000000004}'}]}, "0.30000000000000004"),
        (0.0, {"size": "0"}, "0"),
        ("1.00000000000000000000", {}, "1"),
        (Decimal("0.00010000000000000000"), {}, "0.0001"),
        (Decimal("0E-54"), {}, "0"),
        (Decimal("1200.0000000000000000000"), {}, "1200"),
        (None, {}, None),
        ("", {}, None),
    ],
)
def test_l35_a_number_is_exact_wherever_its_digits_stand(value: Any, info: Any, number: str | None) -> None:
    told = number_cell(value, Stated(info), what="size")
    assert told == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("value", "info"),
    [
        (0.30000000000000004, {}),
        (0.1, {"a": "0.100000000000000005", "b": "0.1"}),
        (float("nan"), {}),
        (float("inf"), {}),
        ("NaN", {}),
        ("1e400", {}),
        (Decimal("1e-400"), {}),
        ("0.0000000000000000001", {}),
        ("ten", {}),
        (True, {}),
        ([], {}),
        (Decimal("sNaN"), {}),
    ],
)
def test_l43_what_is_no_certain_number_is_refused(value: Any, info: Any) -> None:
    with pytest.raises(BadRow):
        number_cell(value, Stated(info), what="size")


def test_law_12_a_raw_row_is_searched_within_bounds() -> None:
    deep: Any = "1"
    for _ in range(5000):
        deep = [deep]
    assert Stated(deep).cells == []
    assert len(Stated(["1"] * 10_000).cells) == 2000


# -- positions ---------------------------------------------------------------------------------------------


def test_a_position_states_what_it_is() -> None:
    assert held(side="short", stopLossPrice=Decimal("75.5")) == BrokerPosition(
        symbol="LTC/USDT:USDT",
        signed_quantity=Decimal("-1.5"),
        price=Decimal("70.1"),
        stop=Stop(Decimal("75.5")),
        opened_at="2026-01-02T03:04:05.000Z",
        unit="coins",
    )


def test_l33_its_symbol_is_the_canonical_one_and_ccxts_is_kept() -> None:
    reading = Reading(position_mode="netting", canonical=lambda spelled: spelled.partition("/")[0])
    assert (held(reading).symbol, held(reading).spelling) == ("LTC", "LTC/USDT:USDT")


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"symbol": "LTCUSDT"}, "not of the form"),
        ({"symbol": None}, "no symbol"),
        ({"side": None}, "neither long nor short"),
        ({"side": "both"}, "neither long nor short"),
        ({"contracts": None}, "how many contracts"),
        ({"contracts": Decimal("-1.5")}, "below 0"),
        ({"contracts": Decimal("-1.5"), "side": "short"}, "below 0"),
        ({"contracts": "NaN"}, "not a"),
        ({"contracts": "1e400"}, "beyond"),
        ({"contracts": 0, "notional": Decimal(70)}, "worth something"),
        ({"contracts": 0, "info": {"size": "2.5"}}, "states 2.5"),
        ({"contracts": "1.50", "info": {"size": "2.5"}}, "stand nowhere"),
        ({"info": {"positionAmt": "-1.5"}}, "states -1.5"),
        ({"contractSize": None}, "no unit"),
        ({"contractSize": 0}, "more than nothing"),
        ({"contractSize": Decimal(-8)}, "more than nothing"),
        ({"symbol": "ETH/USD:BTC"}, "neither of its currencies"),
        ({"stopLossPrice": Decimal(-1)}, "below 0"),
    ],
)
def test_l43_a_position_that_cannot_be_meant_is_refused(cells: dict[str, Any], why: str) -> None:
    assert why in not_held(**cells)


def test_l28_a_short_that_is_said_to_be_negative_twice_is_one() -> None:
    """deribit's row, which ccxt hands on with its sign."""
    row = position("BTC/USD:BTC", contracts="-30", side="short", contractSize="10", info={"size": "-30.0"})
    (one,) = judge_positions([row], NETTING).read
    assert one.signed_quantity == -30
    for other in ({"side": "long"}, {"info": {"size": "30"}}, {"info": {"unrealizedPnl": "-30"}}):
        assert "below 0" in judge_positions([{**row, **other}], NETTING).refused[0].why


def test_l34_a_size_in_money_is_refused() -> None:
    info = {"size": "312.79", "size_currency": "0.12"}
    row = position("ETH/USDT:USDT", contracts="312.79", contractSize="0.01", info=info)
    judged = judge_positions([row], Reading(position_mode="netting", exchange="deribit"))
    assert "in money" in judged.refused[0].why
    assert judge_positions([row], NETTING).refused == ()


def test_l28_a_short_whose_own_row_is_negative_is_as_it_should_be() -> None:
    assert held(side="short", info={"positionAmt": "-1.5"}).signed_quantity == Decimal("-1.5")
    assert held(info={"unrealizedPnl": "-1.5"}).signed_quantity == Decimal("1.5")


@pytest.mark.parametrize("info", [{"size": "0.0"}, {"a": [{"positionAmt": 0}]}])
def test_l44_a_missing_size_is_zero_only_where_the_exchange_says_so(info: Any) -> None:
    judged = judge_positions([position(contracts=None, info=info)], NETTING)
    assert (len(judged.read), len(judged.refused), len(judged.set_aside)) == (0, 0, 1)


def test_l36_a_price_of_zero_or_a_doubtful_one_is_not_reported() -> None:
    assert held(entryPrice=0).price is None
    assert held(entryPrice=None).price is None
    assert held(info={"vwap": "70.1", "entry_vwap": "71"}).price is None
    assert held(info={"avgEntryPrice": "70.10"}).price == Decimal("70.1")


@pytest.mark.parametrize(
    ("symbol", "size", "unit"),
    [
        ("LTC/USDT", None, "coins"),
        ("LTC/USDT:USDT", "1", "coins"),
        ("LTC/USDT:USDT", "0.10", "contracts"),
        ("BTC/USD:BTC", "100", "contracts"),
        ("BTC/USD:BTC", "1", "contracts"),
        ("BTC/USD:USDC", "1", "coins"),
        ("BTC/USDT:USDT-260327", "1", "coins"),
        ("BTC/USD:BTC-260327-60000-C", "1", "contracts"),
    ],
)
def test_l34_a_quantity_carries_its_unit(symbol: str, size: str | None, unit: str) -> None:
    assert unit_of(symbol, None if size is None else Decimal(size)) == unit


def test_l34_a_worth_that_is_off_by_the_contract_size_is_a_contradiction() -> None:
    cells: dict[str, Any] = {"contracts": 10, "contractSize": Decimal("0.1"), "markPrice": Decimal(70)}
    assert held(**cells, notional=Decimal("70.5")).signed_quantity == 10
    assert "contracts of 0.1" in not_held(**cells, notional=Decimal(700))
    assert "contracts of 0.1" in not_held(**cells, notional=Decimal(-7))
    assert held(**cells, notional=Decimal(35)).signed_quantity == 10  # whatever it means, it is not that


def test_l29_the_ticket_of_a_leg_names_symbol_and_side() -> None:
    assert held(HEDGING, side="short").ticket == leg_of("LTC/USDT:USDT", "short") == "LTC/USDT:USDT/short"
    assert leg_named("LTC/USDT:USDT/short") == ("LTC/USDT:USDT", "short")
    assert [leg_named(text) for text in ("LTC/USDT:USDT", "/long", "123456")] == [None, None, None]


# -- lists -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["netting", "hedging"])
def test_l42_rows_of_any_kind_are_judged_one_by_one(mode: PositionMode) -> None:
    rows: list[Any] = [None, position(), "text", position("BTC/USDT:USDT", side=None), 7]
    judged = judge_positions(rows, Reading(position_mode=mode))
    assert [one.symbol for one in judged.read] == ["LTC/USDT:USDT"]
    assert [(refusal.row, refusal.symbol) for refusal in judged.refused] == [
        (1, None),
        (3, None),
        (4, "BTC/USDT:USDT"),
        (5, None),
    ]


def test_l33_a_symbol_without_a_canonical_name_is_refused_with_its_scope() -> None:
    def unknown(spelled: str) -> str:
        raise LookupError(spelled)

    judged = judge_positions([position()], Reading(position_mode="netting", canonical=unknown))
    assert judged.refused[0].symbol == "LTC/USDT:USDT"
    assert "no canonical name" in judged.refused[0].why


def test_a_reason_names_the_row_by_its_own_id() -> None:
    judged = judge_positions([position(id="7", side=None)], NETTING)
    assert judged.refused[0].why.startswith("7: ")
    other = judge([{"id": "x"}], lambda row: _refuse(), str, lambda row: None)
    assert other.refused[0].why == "x: no"


def _refuse() -> str:
    raise BadRow("no")


def test_words_are_compared_without_their_punctuation() -> None:
    assert word("REDUCE_ONLY") == word("reduceOnly") == word("reduce-only") == "reduceonly"
    assert (word(None), word(True), word(1), word([])) == ("", "", "1", "")
    assert readable("a b") == "a b"
    assert readable("\n") is None
    assert printable("a\nb") == "a b"


# -- what ccxt leaves out ----------------------------------------------------------------------------------


def test_l03_a_position_that_is_only_in_the_raw_answer_was_lost() -> None:
    raw = [{"symbol": "A", "size": "1"}, {"symbol": "B", "size": "2"}, {"symbol": "C", "size": "0"}]
    rows = [position(info={"symbol": "A", "size": "1", "added": "by ccxt"})]
    left = positions_left_out({"result": {"list": raw}, "other": [{"size": "9"}]}, rows)
    assert len(left.lost) == 1
    assert "symbol B" in left.lost[0]
    assert (left.flat, left.listed) == (1, 3)
    assert positions_left_out({"list": raw}, []).lost == [
        "symbol A is in the exchange's answer and not in what ccxt made of it (L03)",
        "symbol B is in the exchange's answer and not in what ccxt made of it (L03)",
    ]


def test_nothing_is_concluded_where_ccxts_rows_are_not_found_again() -> None:
    left = positions_left_out([{"symbol": "B", "size": "2"}], [position(info={"rebuilt": 1})])
    assert (left.lost, left.flat, left.listed) == ([], 0, 0)


def test_l03_a_coin_that_is_only_in_the_raw_answer_was_lost() -> None:
    answer = {"info": {}, "LTC": {"total": Decimal(1)}, "BTC": {"total": Decimal("0.25")}}
    raw = [{"asset": "ltc", "free": "1"}, {"asset": "XBT", "free": "0.2500"}, {"asset": "DOGE", "free": "5"}]
    (lost,) = coins_left_out({"balances": raw}, answer)
    assert "a row without a name" in lost
    assert coins_left_out({"balances": raw[:2]}, answer) == []
    assert coins_left_out({"balances": [*raw[:2], {"asset": "EOS", "free": "0"}]}, answer) == []


def test_a_total_is_the_sum_of_what_is_free_and_used_where_it_is_missing() -> None:
    judged = judge_balances({"LTC": {"free": Decimal(1), "used": Decimal(2), "total": None}, "info": {}})
    assert judged.read[0].total == 3


class Reckoning:
    """An exchange object whose reader reckons with its numbers, as coinbaseinternational's does."""

    number: Any = str

    def parse_order(self, row: dict[str, Any], market: Any = None) -> dict[str, Any]:
        whole, done = self.number(row["whole"]), self.number(row["done"])
        return {"amount": whole, "remaining": whole - done, "info": row}


def test_l35_a_reader_that_stumbles_over_text_is_given_floats_for_that_row() -> None:
    exchange = Reckoning()
    guard(exchange)
    row = {"whole": "0.100000000000000005", "done": "0.1"}
    read = exchange.parse_order(row)
    assert (read["amount"], exchange.number) == (0.1, str)
    other = {"whole": "0.100000000000000005", "done": "0.05"}
    assert number_cell(read["amount"], Stated(other), what="amount") == Decimal("0.100000000000000005")


def test_l42_a_row_that_cannot_be_read_at_all_is_handed_on() -> None:
    exchange = Reckoning()
    guard(exchange)
    read = exchange.parse_order({"whole": "1"})
    assert "KeyError" in str(read[UNREAD])
    assert exchange.number is str
