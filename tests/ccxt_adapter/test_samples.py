"""Does every recorded answer end in exactly one place, and is everything that was read from it true?"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ccxt_adapter.recorded import FILE, LINES, TEXT, body, dicts, order, parsed, position, raw_with, trade
from trueup.model import BrokerOrder, BrokerPosition, Execution, OrderStatus
from trueup_adapters.ccxt import samples as report
from trueup_adapters.ccxt.holdings import Balance
from trueup_adapters.ccxt.methods import kind_of, not_ours
from trueup_adapters.ccxt.samples import Sample, counted, read_samples

SAMPLES = read_samples(TEXT)
PAIRS = list(zip(SAMPLES, LINES, strict=True))

REFUSED = {
    ("deribit", "fetchPositions"): ["does not say how many contracts"],
    ("vertex", "fetchPositions"): ["does not say how many contracts"],
    ("bitget", "fetchOrder"): ["may be what it was to cost"],
    ("bybit", "fetchOrder"): ["may be what it was to cost"],
    ("htx", "fetchOrder"): ["does not say how much was ordered"],
    ("modetrade", "fetchOrder"): ["was asked for, and the answer is about"],
    ("woofipro", "fetchOrder"): ["was asked for, and the answer is about"],
    ("derive", "fetchOrders"): ["does not say how much was ordered"],
    ("bitget", "fetchClosedOrders"): ["may be what it was to cost"],
    ("kucoin", "fetchBalance"): ["isolated margin"],
    ("vertex", "fetchBalance"): ["not in what ccxt made of it"],
}
"""Every line that is refused, one each, and a part of its reason."""


def case(pair: tuple[Sample, dict[str, Any]]) -> object:
    return pytest.param(*pair, id=f"{pair[0].line}-{pair[0].exchange}-{pair[0].method}")


def close_to(told: Decimal | None, given: Any) -> bool:
    """Whether a number is what ccxt said, as far as its floats can tell."""
    if told is None or given is None:
        return told is None and given is None
    said = abs(Decimal(str(given)))
    return abs(abs(told) - said) <= said * Decimal("1e-15")


# -- none is lost ------------------------------------------------------------------------------------------


def test_every_line_ends_in_exactly_one_place() -> None:
    assert Counter(sample.verdict for sample in SAMPLES) == {"parsed": 99, "refused": 11, "not ours": 2}
    assert sum(counts.total() for counts in counted(SAMPLES).values()) == len(LINES) == 112


def test_what_is_refused_is_refused_for_its_reason() -> None:
    refused = {(s.exchange, s.method): [r.why for r in s.refused] for s in SAMPLES if s.verdict == "refused"}
    assert refused.keys() == REFUSED.keys()
    for which, parts in REFUSED.items():
        assert all(any(part in why for why in refused[which]) for part in parts), (which, refused[which])


def test_what_is_not_ours_is_a_funding_payment_and_the_markets_own_trades() -> None:
    others = [s for s in SAMPLES if s.verdict == "not ours"]
    assert [(s.exchange, s.method) for s in others] == [("bybit", "fetchMyTrades"), ("vertex", "fetchTrades")]
    assert "funding" in others[0].set_aside[0].why
    assert "about the market" in others[1].why


@pytest.mark.parametrize(("sample", "line"), [case(p) for p in PAIRS])
def test_l03_every_row_of_a_line_is_somewhere(sample: Sample, line: dict[str, Any]) -> None:
    if sample.method in ("fetchBalance", "fetchTrades"):
        return  # coins are counted below; the market's trades are no rows of this account
    places = [refusal.row for refusal in sample.refused] + [aside.row for aside in sample.set_aside]
    assert len(sample.read) + len(places) >= len(parsed(line))
    assert len(places) == len(set(places))


@pytest.mark.parametrize(("sample", "line"), [case(p) for p in PAIRS if p[0].method == "fetchBalance"])
def test_l03_every_coin_is_somewhere(sample: Sample, line: dict[str, Any]) -> None:
    given = line["parsedResponse"]
    coins = {c for c in given if c not in ("info", "free", "used", "total", "debt", "timestamp", "datetime")}
    held = {one.coin for one in sample.read if isinstance(one, Balance)}
    assert held == {coin for coin in coins if "/" not in coin and given[coin].get("total")}
    rest = len(sample.set_aside) + sum("not in what ccxt made" not in refusal.why for refusal in sample.refused)
    assert len(held) + rest == len(coins)


# -- nothing is wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sample", "line"), [case(p) for p in PAIRS if p[0].method == "fetchPositions"])
def test_l28_positions_are_what_the_exchange_states(sample: Sample, line: dict[str, Any]) -> None:
    by_symbol = {row["symbol"]: row for row in parsed(line)}
    for one in sample.read:
        assert isinstance(one, BrokerPosition)
        row = by_symbol[one.symbol]
        raws = {position(sample.exchange, d) for d in dicts(body(line)) if _same_market(d, row["info"])}
        assert one.signed_quantity in raws
        assert close_to(one.signed_quantity, row["contracts"])
        assert one.price is None or close_to(one.price, row["entryPrice"])
        assert one.unit == unit(row)


def _same_market(raw: dict[str, Any], info: dict[str, Any]) -> bool:
    names = ("symbol", "market", "instrument_name", "contract_code")
    return any(name in raw and raw[name] == info.get(name) for name in names) and len(raw) > 5


def unit(row: dict[str, Any]) -> str:
    _, quote, settle = row["symbol"].replace(":", "/").split("/")
    size = Decimal(row["contractSize"])
    return "coins" if size == 1 and settle in (quote, "USDC") else "contracts"


@pytest.mark.parametrize(("sample", "line"), [case(p) for p in PAIRS if "Order" in p[0].method])
def test_l28_l35_orders_are_what_the_exchange_states(sample: Sample, line: dict[str, Any]) -> None:
    rows = {row["id"]: row for row in parsed(line)}
    for one in sample.read:
        assert isinstance(one, BrokerOrder)
        row, raw = rows[one.order_id], raw_with(line, str(one.order_id))
        way, quantity, filled = order(sample.exchange, raw)
        assert (one.side, one.quantity) == (way, quantity)
        assert one.filled is None or one.filled == filled
        assert close_to(one.quantity, row["amount"])
        assert close_to(one.filled, row["filled"])
        assert one.client_order_id == (row["clientOrderId"] or None)
        assert one.symbol == row["symbol"]
        assert one.limit is None or close_to(one.limit, row["price"])
        assert (one.limit is None) == (row["type"] != "limit")
        assert one.average_price is None or close_to(one.average_price, row["average"])


@pytest.mark.parametrize(("sample", "line"), [case(p) for p in PAIRS if "Order" in p[0].method])
def test_l41_no_order_is_filled_that_is_not(sample: Sample, line: dict[str, Any]) -> None:
    words = {
        "open": (OrderStatus.ACCEPTED,),
        "canceled": (OrderStatus.CANCELED,),
        "closed": (OrderStatus.FILLED, OrderStatus.CANCELED),
        None: (OrderStatus.UNKNOWN,),
    }
    rows = {row["id"]: row for row in parsed(line)}
    for one in sample.read:
        assert isinstance(one, BrokerOrder)
        assert one.status in words[rows[one.order_id]["status"]]
        if one.status is OrderStatus.FILLED and sample.exchange != "wavesexchange":  # it says Filled, but for dust
            assert one.filled == one.quantity


@pytest.mark.parametrize(("sample", "line"), [case(p) for p in PAIRS if p[0].method == "fetchMyTrades"])
def test_l28_l35_executions_are_what_the_exchange_states(sample: Sample, line: dict[str, Any]) -> None:
    rows = {row["id"]: row for row in parsed(line)}
    for one in sample.read:
        assert isinstance(one, Execution)
        row = rows[one.execution_id]
        quantity, price, fee = trade(sample.exchange, raw_with(line, one.execution_id))
        assert (one.signed_quantity, one.price) == (quantity, price)
        assert one.fee == fee
        assert one.fee is None or close_to(one.fee, row["fee"]["cost"])
        assert one.fee_asset == (None if fee is None else row["fee"]["currency"])
        assert one.order_id == row["order"]


@pytest.mark.parametrize(("sample", "line"), [case(p) for p in PAIRS if p[0].method == "fetchBalance"])
def test_l35_coins_are_what_ccxt_states(sample: Sample, line: dict[str, Any]) -> None:
    for one in sample.read:
        assert isinstance(one, Balance)
        row = line["parsedResponse"][one.coin]
        assert close_to(one.total, row["total"])
        assert close_to(one.free, row["free"])
        assert close_to(one.used, row["used"])


def test_l35_digits_that_ccxt_lost_are_the_exchanges_own() -> None:
    (derive,) = [s for s in SAMPLES if (s.exchange, s.method) == ("derive", "fetchMyTrades")]
    assert isinstance(derive.read[0], Execution)
    assert derive.read[0].fee == Decimal("1.127415534092999815")  # ccxt: 1.1274155340929999
    (vertex,) = [s for s in SAMPLES if (s.exchange, s.method) == ("vertex", "fetchBalance")]
    totals = {one.coin: one.total for one in vertex.read if isinstance(one, Balance)}
    assert totals == {  # stated in units of 1e-18; ccxt: 60827.69508964485 and 1080.0000000001205
        "USDC": Decimal("60827.695089644845053717"),
        "USDT": Decimal("1080.000000000120456918"),
    }


def test_l28_a_closing_trade_of_a_hedged_bitget_account_is_not_turned_round() -> None:
    """ccxt calls both legs of it `buy`; the order that it belongs to is a sell."""
    orders = {o.order_id: o for s in SAMPLES for o in s.read if isinstance(o, BrokerOrder) and s.exchange == "bitget"}
    trades = [e for s in SAMPLES for e in s.read if isinstance(e, Execution) and s.exchange == "bitget"]
    (closing,) = [one for one in trades if one.symbol == "LTC/USDT:USDT"]
    assert closing.signed_quantity == Decimal("-0.1")
    assert orders[str(closing.order_id)].side == "sell"
    assert closing.ticket == orders[str(closing.order_id)].ticket == "LTC/USDT:USDT/long"


# -- the report --------------------------------------------------------------------------------------------


def test_the_report_counts_by_exchange_and_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(FILE)]) == 0
    out = capsys.readouterr().out
    assert "| binance | fetchPositions | 4 | 4 | 0 | 0 |" in out
    assert "| bitget | fetchOrder | 4 | 3 | 1 | 0 |" in out
    assert out.rstrip().endswith("| all | | 112 | 99 | 11 | 2 |")


def test_the_report_is_the_one_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(FILE)]) == 0
    page = Path(__file__).parents[2] / "docs" / "reference" / "ccxt.md"
    assert capsys.readouterr().out in page.read_text(encoding="utf-8")


def test_the_report_tells_each_line_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["--json", str(FILE)]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["line"] for one in told] == list(range(1, 113))
    assert all(one["read"] or one["why"] or one["not_ours"] for one in told)
    assert told[0]["read"][0]["signed_quantity"] == "0.009"


@pytest.mark.parametrize(
    ("line", "verdict", "why"),
    [
        ("{", "refused", "no JSON"),
        ("[]", "refused", "no JSON object"),
        ('{"exchange": "x", "method": "fetchTicker"}', "not ours", "about the market"),
        ('{"exchange": "x", "method": "fetchPositionsHistory"}', "not ours", "states no positions"),
        ('{"exchange": "x", "method": "setLeverage"}', "not ours", "states no positions"),
        ('{"exchange": "x", "method": "fetchPositions"}', "refused", "no parsedResponse"),
        ('{"exchange": "x", "method": "createOrder", "parsedResponse": {"info": {}}}', "refused", "names no order"),
        ('{"exchange": "x", "method": "cancelOrder", "parsedResponse": {"id": "7"}}', "parsed", ""),
        ('{"exchange": "x", "method": "cancelAllOrders", "parsedResponse": []}', "not ours", "empty"),
        ('{"exchange": "x", "method": "fetchPositions", "parsedResponse": [1]}', "refused", "not a row"),
        ('{"exchange": "x", "method": "fetchPositions", "parsedResponse": 1}', "refused", "not rows"),
        ('{"exchange": "x", "method": "fetchBalance", "parsedResponse": []}', "refused", "not a balance"),
        ('{"exchange": "x", "method": "fetchMoon", "parsedResponse": []}', "refused", "not a method"),
        ('{"exchange": "x", "method": "fetchPositions", "parsedResponse": []}', "not ours", "empty"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_with_a_reason(line: str, verdict: str, why: str) -> None:
    (sample,) = read_samples(line)
    assert sample.verdict == verdict
    assert why in "; ".join([sample.why, *(refusal.why for refusal in sample.refused)])


def test_an_order_that_says_enough_and_is_wrong_is_no_acknowledgement() -> None:
    row = {"id": "7", "symbol": "LTC/USDT:USDT", "side": "buy", "amount": "NaN", "type": "limit"}
    line = {"exchange": "x", "method": "createOrder", "parsedResponse": row}
    (sample,) = read_samples(json.dumps(line))
    assert sample.verdict == "refused"
    assert "its amount is 'NaN', which is not a decimal number" in sample.refused[0].why


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("fetchPosition", "positions"),
        ("fetchPositionsForSymbol", "positions"),
        ("fetchOpenOrdersWs", "orders"),
        ("fetchCanceledAndClosedOrders", "orders"),
        ("fetchOrdersByStatus", "orders"),
        ("fetchOrderTrades", "trades"),
        ("createOrderWithTakeProfitAndStopLoss", "actions"),
        ("cancelOrdersForSymbols", "actions"),
        ("closePosition", "actions"),
        ("fetchOrderBook", None),
        ("fetchOrderBooks", None),
        ("fetchL2OrderBook", None),
        ("fetchPositionMode", None),
        ("fetchMoon", None),
    ],
)
def test_a_method_is_known_by_its_name(method: str, kind: str | None) -> None:
    assert kind_of(method) == kind
    assert (not_ours(method) is None) == (kind is not None or method == "fetchMoon")


def test_a_file_that_cannot_be_read_is_said_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert report.main([str(tmp_path / "none.jsonl")]) == 3
    assert report.main([]) == 2
    assert report.main(["--what", str(FILE)]) == 2
    assert "cannot be read" in capsys.readouterr().err
