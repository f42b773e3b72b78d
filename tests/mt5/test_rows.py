"""Is every row judged on its own, and none lost?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mt5.samples import deal, read, read_deals, read_rows, reply, row
from trueup.errors import InputError
from trueup.model import PositionMode, Stop
from trueup.policy import Instrument, Policy
from trueup.ports import Answer

GOOD = row(ticket=999, symbol="GBPUSD")


def without_suffix(symbol: str) -> str:
    """A broker's spelling, `EURUSD.m`, as its plain name."""
    return symbol.removesuffix(".m")


def only_refusal(answer: Answer) -> str:
    """The reason for the one refused row; the good one is still there."""
    assert answer.completeness == "partial"
    assert answer.why == "1 of 2 rows could not be used"
    assert set(answer.positions) == {"#999"}
    (refusal,) = answer.refused
    assert refusal.row == 1
    assert refusal.why.isprintable()
    return refusal.why


@pytest.mark.parametrize(
    "bad",
    [
        row(ticket=...),
        row(ticket=None),
        row(ticket=""),
        row(ticket=" 5"),
        row(ticket=0),
        row(ticket="0"),
        row(ticket=-5),
        row(ticket=1.5),
        row(ticket=True),
        row(ticket=[1]),
        row(ticket="x" * 129),
        row(ticket="a\nb"),
        row(symbol=...),
        row(symbol=None),
        row(symbol=""),
        row(symbol="  "),
        row(symbol=5),
        row(symbol="EUR\tUSD"),
        row(symbol="x" * 129),
        row(type=...),
        row(type=None),
        row(type="hedge"),
        row(type=2),
        row(type=True),
        row(type=0.0),
        row(type=["buy"]),
        row(price_open="abc"),
        row(price_open=True),
        row(price_open={}),
        row(price_open="NaN"),
        row(price_open="1e400"),
        row(sl=-1),
        row(sl="none"),
        row(sl=False),
        row(sl="Infinity"),
        None,
        5,
        "row",
        [],
        {},
        [row()],
    ],
    ids=repr,
)
def test_l42_a_bad_row_is_refused_with_its_reason_and_the_rest_is_kept(bad: object) -> None:
    assert only_refusal(read_rows(bad, GOOD))


@pytest.mark.parametrize(
    "volume",
    [
        ...,
        None,
        0,
        "0",
        0.0,
        -0.01,
        "-0.01",
        "NaN",
        "sNaN",
        "nan",
        "Infinity",
        "-Infinity",
        "1e400",
        "1e19",
        "1e-19",
        "string",
        "",
        "0,01",
        "0.01 lots",
        True,
        False,
        [],
        {},
        [0.01],
        "1" * 100,
        10**40,
    ],
    ids=repr,
)
def test_l43_a_volume_out_of_bounds_is_refused(volume: object) -> None:
    assert only_refusal(read_rows(row(volume=volume), GOOD))


@pytest.mark.parametrize("number", [b"1e400", b"1e99999999999999999999999", b"-1e-400", b"0." + b"1" * 5000])
def test_l43_a_number_that_no_market_has_costs_its_row_only(number: bytes) -> None:
    raw = reply(row(volume=12345.678), GOOD).replace(b"12345.678", number)
    assert only_refusal(read(raw))


def test_l43_a_ticket_of_thousands_of_digits_costs_its_row_only() -> None:
    raw = reply(row(ticket=77), GOOD).replace(b"77", b"7" * 10_000)
    assert only_refusal(read(raw))


def test_l42_what_can_be_read_of_a_refused_row_is_told() -> None:
    answer = read_rows(row(volume="x"), row(type=9, ticket=8), {"symbol": "XAUUSD"}, {"ticket": 5}, None)
    told = [(refusal.row, refusal.symbol, refusal.ticket) for refusal in answer.refused]
    assert told == [
        (1, "EURUSD", "123456"),
        (2, "EURUSD", "8"),
        (3, "XAUUSD", None),
        (4, None, "5"),
        (5, None, None),
    ]


def test_l42_a_refused_rows_symbol_is_told_by_its_canonical_name() -> None:
    answer = read_rows(row(symbol="EURUSD.m", volume=0), canonical=without_suffix)
    assert answer.refused[0].symbol == "EURUSD"


# -- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        (b"0.1", "0.1"),
        (b"0.10", "0.10"),
        (b"1", "1"),
        (b"1e2", "100"),
        (b"0.30000000000000004", "0.30000000000000004"),
        (b"123456789012345.678901234567890123", "123456789012345.678901234567890123"),
        (b'"0.01"', "0.01"),
        (b'"1E-8"', "0.00000001"),
        (b"999999999999999999", "999999999999999999"),
    ],
)
def test_l35_numbers_are_read_from_the_text_and_exactly(text: bytes, volume: str) -> None:
    raw = reply(row(volume=12345.678)).replace(b"12345.678", text)
    (position,) = read(raw).positions.values()
    assert isinstance(position.signed_quantity, Decimal)
    assert position.signed_quantity == Decimal(volume)


@pytest.mark.parametrize("cells", [{"price_open": 0}, {"price_open": ...}, {"price_open": None}, {"price_open": "0.0"}])
def test_l36_a_price_that_was_not_reported_stays_unknown(cells: dict[str, Any]) -> None:
    answer = read_rows(row(**cells))
    assert answer.completeness == "complete"
    assert answer.positions["#123456"].price is None


def test_l36_a_negative_price_is_a_price() -> None:
    assert read_rows(row(symbol="WTI", price_open=-37.63)).positions["#123456"].price == Decimal("-37.63")


@pytest.mark.parametrize(
    ("sl", "stop"),
    [(..., None), (None, Stop(None)), (0, Stop(None)), (0.0, Stop(None)), (1.05, Stop(Decimal("1.05")))],
)
def test_a_stop_left_out_is_not_reported_and_a_zero_one_is_none(sl: object, stop: Stop | None) -> None:
    assert read_rows(row(sl=sl)).positions["#123456"].stop == stop


# -- identity ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ticket", [1, 2**31, 2**53 + 1, 2**63, 2**63 + 7, 2**64, 2**64 + 1, 10**30])
def test_l45_a_ticket_of_any_size_is_exact_text(ticket: int) -> None:
    for cell in (ticket, str(ticket)):
        answer = read_rows(row(ticket=cell))
        assert answer.completeness == "complete"
        assert answer.positions[f"#{ticket}"].ticket == str(ticket)


@pytest.mark.parametrize("symbol", ["", None])
def test_l45_a_balance_row_is_told_apart_from_a_position(symbol: object) -> None:
    answer = read_rows({"ticket": 7, "symbol": symbol, "type": 2, "volume": 0, "profit": 1000}, GOOD)
    (refusal,) = answer.refused
    assert set(answer.positions) == {"#999"}
    assert refusal.ticket == "7"
    assert refusal.symbol is None
    if symbol == "":
        assert "no symbol" in refusal.why


def test_l29_two_tickets_of_one_symbol_are_two_positions() -> None:
    rows = [row(ticket=n, type=("buy", "sell")[n % 2]) for n in range(1, 30)]
    answer = read_rows(*rows)
    assert answer.completeness == "complete"
    assert len(answer.positions) == 29


@pytest.mark.parametrize("mode", ["hedging", "netting"])
def test_l29_a_row_repeated_word_for_word_counts_once(mode: PositionMode) -> None:
    answer = read_rows(row(), GOOD, row(profit=99.9), mode=mode)
    assert answer.completeness == "partial"
    assert len(answer.positions) == 2
    assert [refusal.row for refusal in answer.refused] == [3]


@pytest.mark.parametrize(
    "other",
    [row(volume=0.02), row(type="sell"), row(symbol="EURGBP"), row(price_open=1.2), row(volume="x"), row(sl=1)],
    ids=repr,
)
def test_l29_of_rows_that_contradict_each_other_none_is_chosen(other: object) -> None:
    for rows in ([row(), GOOD, other], [other, GOOD, row()]):
        answer = read_rows(*rows)
        assert answer.completeness == "partial"
        assert set(answer.positions) == {"#999"}
        assert [refusal.row for refusal in answer.refused] == [1, 3]


def test_l29_a_ticket_as_number_and_as_text_is_one_ticket() -> None:
    answer = read_rows(row(ticket=5), row(ticket="5", volume=3))
    assert not answer.positions
    assert len(answer.refused) == 2


def test_netting_keys_by_symbol_and_keeps_the_ticket() -> None:
    answer = read_rows(row(), GOOD, mode="netting")
    assert set(answer.positions) == {"EURUSD", "GBPUSD"}
    assert answer.positions["EURUSD"].ticket == "123456"


@pytest.mark.parametrize("second", [row(ticket=2), row(ticket=2, volume="x")], ids=["good", "bad"])
def test_netting_believes_none_of_two_rows_of_one_symbol(second: object) -> None:
    answer = read_rows(row(ticket=1), GOOD, second, mode="netting")
    assert answer.completeness == "partial"
    assert set(answer.positions) == {"GBPUSD"}
    assert [refusal.row for refusal in answer.refused] == [1, 3]


def test_l33_netting_sees_two_spellings_of_one_symbol_as_one() -> None:
    rows = [row(ticket=1, symbol="EURUSD"), row(ticket=2, symbol="EURUSD.m")]
    answer = read_rows(*rows, mode="netting", canonical=without_suffix)
    assert not answer.positions
    assert len(answer.refused) == 2


def test_l33_a_symbol_has_one_name_and_keeps_its_spelling() -> None:
    policy = Policy.adopt(instruments={"EURUSD": Instrument(aliases=("EURUSD.m",))})
    rows = [row(ticket=1, symbol="EURUSD.m"), row(ticket=2)]
    positions = read_rows(*rows, canonical=policy.canonical).positions
    assert (positions["#1"].symbol, positions["#1"].spelling) == ("EURUSD", "EURUSD.m")
    assert (positions["#2"].symbol, positions["#2"].spelling) == ("EURUSD", None)


def test_l33_a_spelling_without_a_name_is_refused() -> None:
    def canonical(symbol: str) -> str:
        raise InputError(f"{symbol} may be two things")

    answer = read_rows(row(), canonical=canonical)
    assert "may be two things" in answer.refused[0].why


@pytest.mark.parametrize(
    ("magic", "strategy"), [(7, "trend"), ("7", "trend"), (8, None), (None, None), ([7], None), (7.5, None)]
)
def test_l53_a_magic_number_names_the_owner_where_it_is_known(magic: object, strategy: str | None) -> None:
    assert read_rows(row(magic=magic), strategies={"7": "trend"}).positions["#123456"].strategy == strategy


@pytest.mark.parametrize(
    ("time", "kept"),
    [
        (1704153600, "1704153600"),
        ("2024.01.02 03:04:05", "2024.01.02 03:04:05"),
        (1704153600.5, "1704153600.5"),
        (-1, "-1"),
        (None, None),
        (..., None),
        (True, None),
        ([], None),
        ("x" * 65, None),
        ("a\nb", None),
        (10**60, None),
    ],
    ids=repr,
)
def test_l46_the_brokers_time_is_evidence_and_never_a_reason_to_refuse(time: object, kept: str | None) -> None:
    answer = read_rows(row(time=time))
    assert answer.completeness == "complete"
    assert answer.positions["#123456"].opened_at == kept


def test_unknown_and_volatile_cells_are_not_looked_at() -> None:
    answer = read_rows(row(profit="?", swap=[], current_price=None, comment={"a": 1}, identifier=True))
    assert answer.completeness == "complete"
    assert answer.positions == read_rows(row()).positions


# -- deals -------------------------------------------------------------------------------------------------


def test_l20_a_deal_is_an_execution_under_the_brokers_own_id() -> None:
    answer = read_deals(deal(client_id="c1", magic=7), deal(deal=2, type="sell"), strategies={"7": "trend"})
    first, second = answer.executions
    assert (first.execution_id, first.order_id, first.ticket) == ("1", "11", "123456")
    assert (first.symbol, first.signed_quantity, first.price) == ("EURUSD", Decimal("0.01"), Decimal("1.0543"))
    assert (first.client_order_id, first.strategy, first.happened_at) == ("c1", "trend", "1704153600")
    assert first.fee == Decimal("0.07")
    assert second.signed_quantity == Decimal("-0.01")


@pytest.mark.parametrize(
    ("cells", "fee"),
    [
        ({"commission": ...}, None),
        ({"commission": None}, None),
        ({"commission": 0}, "0"),
        ({"commission": -0.07, "fee": -0.03}, "0.10"),
        ({"commission": 0.5}, "-0.5"),
    ],
    ids=repr,
)
def test_l37_a_fee_is_what_was_paid_and_unknown_where_nobody_says(cells: dict[str, Any], fee: str | None) -> None:
    (execution,) = read_deals(deal(**cells)).executions
    assert execution.fee == (None if fee is None else Decimal(fee))
    assert fee is None or str(execution.fee) != "-0"


@pytest.mark.parametrize("kind", ["balance", "credit", "BALANCE", "commission", "interest", 2, 3, 12, 15, 17])
def test_l45_ledger_entries_are_set_aside_by_their_kind(kind: object) -> None:
    entry = {"deal": 7, "symbol": "", "type": kind, "volume": 0, "price": 0}
    answer = read_deals(entry, deal(), {"deal": 8, "type": kind})
    assert answer.completeness == "complete"
    assert len(answer.executions) == 1
    assert not answer.refused


@pytest.mark.parametrize("kind", ["swap_free", "FILLED", 18, -1, "", "0"])
def test_l41_a_kind_that_nobody_knows_is_refused_and_never_an_execution(kind: object) -> None:
    answer = read_deals(deal(type=kind), deal(deal=2))
    assert answer.completeness == "partial"
    assert [execution.execution_id for execution in answer.executions] == ["2"]
    assert "L41" in answer.refused[0].why


@pytest.mark.parametrize("kind", [13, 14, "buy_canceled", "SELL_CANCELED"])
def test_a_deal_that_takes_another_back_is_refused(kind: object) -> None:
    answer = read_deals(deal(type=kind))
    assert not answer.executions
    assert "takes an execution back" in answer.refused[0].why


@pytest.mark.parametrize(
    "bad",
    [
        deal(deal=...),
        deal(deal=0),
        deal(deal=None),
        deal(symbol=""),
        deal(symbol=...),
        deal(volume=...),
        deal(volume=0),
        deal(volume="NaN"),
        deal(price="x"),
        deal(commission="1e400"),
        deal(order=-1),
        None,
        "deal",
    ],
    ids=repr,
)
def test_l42_a_bad_deal_is_refused_and_the_rest_is_kept(bad: object) -> None:
    answer = read_deals(bad, deal(deal=2))
    assert answer.completeness == "partial"
    assert [execution.execution_id for execution in answer.executions] == ["2"]
    assert len(answer.refused) == 1


def test_l42_a_refused_deal_names_its_position_and_itself() -> None:
    answer = read_deals(deal(volume="x", position=5), deal(deal=77, volume=0, position=6))
    assert [refusal.ticket for refusal in answer.refused] == ["5", "6"]
    assert "deal 77" in answer.refused[1].why


def test_l20_a_deal_repeated_counts_once_and_one_that_contradicts_itself_not_at_all() -> None:
    twice = read_deals(deal(), deal(), deal(deal=2))
    assert [execution.execution_id for execution in twice.executions] == ["1", "2"]
    assert [refusal.row for refusal in twice.refused] == [2]
    contradicting = read_deals(deal(), deal(volume=5), deal(deal=2))
    assert [execution.execution_id for execution in contradicting.executions] == ["2"]
    assert [refusal.row for refusal in contradicting.refused] == [1, 2]


def test_deals_of_no_order_or_position_say_so() -> None:
    (execution,) = read_deals(deal(order=0, position=...)).executions
    assert (execution.order_id, execution.ticket) == (None, None)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [({"reason": 4}, "stop"), ({"reason": "DEAL_REASON_TP"}, "take_profit"), ({"comment": "[sl 1.0543]"}, "stop"),
     ({"reason": 6, "comment": "so: 49.9%"}, "liquidation"), ({"reason": 99}, None), ({"reason": []}, None),
     ({"comment": "sl too tight"}, None), ({"comment": {}}, None), ({}, None)],
)  # fmt: skip
def test_l40_a_deal_says_what_made_it_where_it_does(cells: dict[str, object], reason: str | None) -> None:
    (execution,) = read_deals(deal(**cells)).executions
    assert execution.reason == reason


def test_deals_of_the_second_dialect_are_in_its_words() -> None:
    assert len(read_deals(deal(type="BUY"), status="ok").executions) == 1
    assert not read_deals(deal(type="buy"), status="ok").executions
