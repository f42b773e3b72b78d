"""What does one row of an order or an execution state, cell by cell, and when is it refused?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ccxt_adapter.fakes import order, trade
from trueup.model import BrokerOrder, Execution, OrderStatus
from trueup_adapters.ccxt.markets import Reading
from trueup_adapters.ccxt.orders import judge_orders
from trueup_adapters.ccxt.trades import judge_trades

NETTING, HEDGING = Reading(position_mode="netting"), Reading(position_mode="hedging")


def placed(reading: Reading = NETTING, **cells: Any) -> BrokerOrder:
    judged = judge_orders([order(**cells)], reading)
    assert not judged.refused, judged.refused[0].why
    return judged.read[0]


def not_placed(**cells: Any) -> str:
    judged = judge_orders([order(**cells)], NETTING)
    assert not judged.read
    return judged.refused[0].why


def executed(reading: Reading = NETTING, **cells: Any) -> Execution:
    judged = judge_trades([trade(**cells)], reading)
    assert not judged.refused, judged.refused[0].why
    return judged.read[0]


def not_executed(exchange: str = "", **cells: Any) -> str:
    judged = judge_trades([trade(**cells)], Reading(position_mode="netting", exchange=exchange))
    assert (len(judged.read), len(judged.set_aside)) == (0, 0)
    return judged.refused[0].why


# -- orders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "kind", "limit", "stop"),
    [
        ({}, "limit", "70", None),
        ({"type": "market"}, "market", None, None),
        ({"type": "LIMIT_MAKER"}, "limit", "70", None),
        ({"type": "market", "triggerPrice": "65"}, "stop", None, "65"),
        ({"type": "market", "stopPrice": "65"}, "stop", None, "65"),
        ({"type": "limit", "triggerPrice": "65"}, "stop_limit", "70", "65"),
        ({"type": "stop_market", "triggerPrice": "65"}, "stop", None, "65"),
        ({"type": "market", "triggerPrice": "75", "takeProfitPrice": "75"}, "take_profit", None, None),
        ({"type": "limit", "triggerPrice": "75", "info": {"type": "TAKE_PROFIT"}}, "take_profit_limit", "70", None),
        ({"type": "limit", "triggerPrice": 0}, "limit", "70", None),
        ({"type": "market", "stopLossPrice": "65"}, "stop", None, "65"),
        ({"type": "market", "takeProfitPrice": "75"}, "take_profit", None, None),
        ({"type": "market", "status": "closed", "filled": "2", "stopLossPrice": "65"}, "market", None, None),
        ({"stopLossPrice": "65", "takeProfitPrice": "75"}, "limit", "70", None),
        ({"stopLossPrice": "65", "info": {"descr": {"ordertype": "stop-loss-limit"}}}, "stop_limit", "70", "65"),
        ({"type": None}, "unknown", None, None),
        ({"type": "Iceberg"}, "iceberg", None, None),
    ],
)
def test_a_type_says_which_prices_count(cells: dict[str, Any], kind: str, limit: str | None, stop: str | None) -> None:
    told = placed(**cells)
    assert told.type == kind
    assert told.limit == (None if limit is None else Decimal(limit))
    assert told.stop == (None if stop is None else Decimal(stop))


@pytest.mark.parametrize(
    ("cells", "status", "raw"),
    [
        ({"status": "open"}, OrderStatus.ACCEPTED, ""),
        ({"status": "open", "filled": None}, OrderStatus.ACCEPTED, ""),
        ({"status": "open", "filled": Decimal(1)}, OrderStatus.PARTIALLY_FILLED, ""),
        ({"status": "closed", "filled": Decimal(2)}, OrderStatus.FILLED, ""),
        ({"status": "closed", "filled": Decimal(3)}, OrderStatus.FILLED, ""),
        ({"status": "closed", "filled": Decimal(1)}, OrderStatus.UNKNOWN, "closed"),
        ({"status": "closed", "filled": None}, OrderStatus.UNKNOWN, "closed"),
        ({"status": "closed", "filled": Decimal(1), "info": {"status": "Filled"}}, OrderStatus.FILLED, ""),
        ({"status": "closed", "filled": Decimal(0), "info": {"status": "Filled"}}, OrderStatus.UNKNOWN, "Filled"),
        ({"status": "closed", "info": {"state": "partial-canceled"}}, OrderStatus.CANCELED, ""),
        ({"status": "closed", "info": {"orderStatus": "Odd"}}, OrderStatus.UNKNOWN, "Odd"),
        ({"status": "canceled", "filled": Decimal(1)}, OrderStatus.CANCELED, ""),
        ({"status": "canceling"}, OrderStatus.PENDING_CANCEL, ""),
        ({"status": "expired"}, OrderStatus.EXPIRED, ""),
        ({"status": "rejected"}, OrderStatus.REJECTED, ""),
        ({"status": "On_Hold"}, OrderStatus.UNKNOWN, "On_Hold"),
        ({"status": None}, OrderStatus.UNKNOWN, ""),
        ({"status": None, "info": {"ordStatus": "Weird"}}, OrderStatus.UNKNOWN, "Weird"),
        ({"status": 0}, OrderStatus.UNKNOWN, "0"),
    ],
)
def test_l41_a_status_that_is_not_certain_is_unknown_in_its_own_word(
    cells: dict[str, Any], status: OrderStatus, raw: str
) -> None:
    told = placed(**cells)
    assert (told.status, told.raw_status) == (status, raw)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"id": None, "clientOrderId": None}, "neither an id nor a client id"),
        ({"id": "a\nb"}, "printable"),
        ({"symbol": "LTCUSDT"}, "not of the form"),
        ({"side": None}, "neither buy nor sell"),
        ({"side": None, "info": {"side": "buy", "direction": "sell"}}, "neither buy nor sell"),
        ({"amount": None}, "how much was ordered"),
        ({"amount": 0}, "greater than 0"),
        ({"amount": Decimal(-2)}, "greater than 0"),
        ({"filled": Decimal(-1)}, "less than nothing"),
        ({"price": Decimal(-1)}, "below 0"),
    ],
)
def test_l43_an_order_that_cannot_be_meant_is_refused(cells: dict[str, Any], why: str) -> None:
    assert why in not_placed(**cells)


@pytest.mark.parametrize(
    ("cells", "fine"),
    [
        ({}, False),
        ({"filled": Decimal(2)}, True),
        ({"side": "sell"}, True),
        ({"type": "limit"}, True),
        ({"symbol": "LTC/USDT:USDT"}, True),
        ({"info": {"marketUnit": "baseCoin"}}, True),
        ({"info": {"size_in_quote": False}}, True),
        ({"info": {"origQuoteOrderQty": "0.00"}}, True),
        ({"info": {"origQuoteOrderQty": "50"}}, False),
        ({"info": {"tgtCcy": "quote_ccy"}}, False),
        ({"info": {"size_in_quote": True}, "side": "sell"}, False),
        ({"type": None}, False),
        ({"type": None, "info": {"price": "70.00"}}, True),
        ({"type": "stop", "triggerPrice": Decimal(60)}, False),
        ({"info": {"ccy": "LTC", "market_type": "SPOT", "amount": "2"}}, True),
        ({"info": {"ccy": "USDT", "market_type": "SPOT", "amount": "2"}, "side": "sell"}, False),
        ({"info": {"ccy": "LTC", "amount": "2"}}, False),
    ],
)
def test_l34_what_a_market_order_was_to_cost_is_no_quantity(cells: dict[str, Any], fine: bool) -> None:
    row = {"symbol": "LTC/USDT", "type": "market", "filled": Decimal("0.03"), "status": "closed", **cells}
    judged = judge_orders([order(**row)], NETTING)
    assert (len(judged.read), len(judged.refused)) == ((1, 0) if fine else (0, 1))


@pytest.mark.parametrize(
    ("info", "average"),
    [
        ({"avgPrice": "69.50"}, "69.5"),
        ({"price_avg_ep": "695000000"}, "69.5"),
        ({"cumQuote": "139.0"}, "69.5"),
        ({"limitPrice": "69.5"}, None),
        ({}, None),
        ({"cumQuote": "140"}, None),
    ],
)
def test_law_13_an_average_that_nobody_states_is_not_reported(info: Any, average: str | None) -> None:
    told = placed(average=Decimal("69.5"), cost=Decimal(139), filled=Decimal(2), info=info)
    assert told.average_price == (None if average is None else Decimal(average))
    assert placed(average=Decimal("69.5"), filled=Decimal(0), info=info).average_price is None


@pytest.mark.parametrize(
    ("cells", "reduces"),
    [
        ({}, None),
        ({"reduceOnly": True}, True),
        ({"reduceOnly": False, "info": {"reduce_only": None}}, None),
        ({"reduceOnly": False, "info": {"reduceOnly": "YES"}}, True),
        ({"info": {"reduce_only": "0"}}, False),
        ({"info": {"reduceOnly": True}}, True),
    ],
)
def test_reduce_only_is_what_the_exchange_says(cells: dict[str, Any], reduces: bool | None) -> None:
    assert placed(**cells).reduce_only is reduces


def test_l21_a_client_id_is_ccxts_or_else_the_exchanges_own() -> None:
    assert placed().client_order_id == "c1"
    assert placed(clientOrderId="", info={"clientOid": "own"}).client_order_id is None
    row = order(info={"clOrdID": "own"})
    del row["clientOrderId"]
    assert judge_orders([row], NETTING).read[0].client_order_id == "own"


@pytest.mark.parametrize("none", ["0", "-", "api", "web", "app", 0])
def test_l21_what_every_order_bears_is_no_client_id(none: Any) -> None:
    assert placed(clientOrderId=none).client_order_id is None
    row = order(info={"clOrdID": none})
    del row["clientOrderId"]
    assert judge_orders([row], NETTING).read[0].client_order_id is None


def test_l21_two_orders_of_one_client_id_are_two() -> None:
    judged = judge_orders([order("1", clientOrderId="c"), order("2", clientOrderId="c")], NETTING)
    assert len(judged.read) == 2


@pytest.mark.parametrize(
    ("cells", "leg"),
    [
        ({"info": {"positionSide": "LONG"}}, "long"),
        ({"info": {"posSide": "short"}}, "short"),
        ({"info": {"positionIdx": 2}}, "short"),
        ({"info": {"positionIdx": "1"}}, "long"),
        ({"reduceOnly": True}, "short"),
        ({"reduceOnly": False}, "long"),
        ({"side": "sell", "info": {"tradeSide": "close"}}, "long"),
        ({}, None),
        ({"info": {"positionSide": "BOTH"}}, None),
    ],
)
def test_l30_an_order_belongs_to_the_leg_that_it_names(cells: dict[str, Any], leg: str | None) -> None:
    assert placed(HEDGING, **cells).ticket == (None if leg is None else f"LTC/USDT:USDT/{leg}")
    assert placed(NETTING, **cells).ticket is None


# -- executions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"id": None}, "no id"),
        ({"amount": 0}, "greater than 0"),
        ({"amount": None}, "missing"),
        ({"side": "hold"}, "neither buy nor sell"),
        ({"symbol": ""}, "no symbol"),
        ({"info": {"trade_type": "REVERSAL"}}, "by hand"),
        ({"info": {"execType": "Settle"}}, "by hand"),
        ({"info": {"is_transfer": True}}, "transfer"),
        ({"price": "nan"}, "not a decimal"),
    ],
)
def test_l43_an_execution_that_cannot_be_meant_is_refused(cells: dict[str, Any], why: str) -> None:
    assert why in not_executed(**cells)


@pytest.mark.parametrize(
    ("exchange", "info"),
    [("bybit", {"execType": "Funding"}), ("bitmex", {"execType": "Funding"}), ("phemex", {"tradeType": "4"})],
)
def test_l45_a_funding_payment_is_no_execution(exchange: str, info: Any) -> None:
    judged = judge_trades([trade(info=info)], Reading(position_mode="netting", exchange=exchange))
    assert (len(judged.read), len(judged.refused), len(judged.set_aside)) == (0, 0, 1)


@pytest.mark.parametrize("info", [{"execType": "AdlTrade"}, {"execType": "BustTrade"}, {"fillType": "liquidation"}])
def test_l40_a_liquidation_is_an_execution(info: Any) -> None:
    assert executed(info=info).signed_quantity == 1


@pytest.mark.parametrize(
    ("fee", "info", "told"),
    [
        ({"cost": Decimal("0.5"), "currency": "USDT"}, {"commission": "0.50"}, ("0.5", "USDT")),
        ({"cost": Decimal("-0.5"), "currency": "USDT"}, {"fees": [{"fee": "0.5"}]}, ("-0.5", "USDT")),
        ({"cost": Decimal("0.5"), "currency": "USDT"}, {"feeRate": "0.5"}, None),
        ({"cost": Decimal("0.5"), "currency": "USDT"}, {}, None),
        ({"cost": Decimal("0.5"), "currency": None}, {"fee": "0.5"}, None),
        ({"cost": None, "currency": "USDT"}, {"fee": "0.5"}, None),
        (None, {"fee": "0.5"}, None),
    ],
)
def test_law_13_a_fee_that_nobody_states_is_not_reported(fee: Any, info: Any, told: tuple[str, str] | None) -> None:
    one = executed(fee=fee, info=info)
    assert (one.fee, one.fee_asset) == ((None, None) if told is None else (Decimal(told[0]), told[1]))


@pytest.mark.parametrize(("cost", "quantity", "fee"), [("0.4", "0.6", "0.4"), ("0.5", "1", None), ("40", "1", None)])
def test_l37_a_fee_that_would_be_half_of_the_trade_is_in_another_coin(
    cost: str, quantity: str, fee: str | None
) -> None:
    reading = Reading(position_mode="netting", net_of_base_fees=True)
    cells = {"symbol": "LTC/USDT", "fee": {"cost": Decimal(cost), "currency": "LTC"}, "info": {"fee": cost}}
    one = executed(reading, **cells)
    assert one.signed_quantity == Decimal(quantity)
    assert one.fee == (None if fee is None else Decimal(fee))
    assert executed(NETTING, **cells).signed_quantity == 1


def test_l28_bitgets_closing_trades_are_turned_round_once() -> None:
    reading = Reading(position_mode="hedging", exchange="bitget")
    info = {"posMode": "hedge_mode", "tradeSide": "close", "side": "buy"}
    assert executed(reading, info=info).signed_quantity == -1
    assert executed(reading, info=info).ticket == "LTC/USDT:USDT/long"
    assert executed(reading, info=info, side="sell").signed_quantity == -1  # ccxt did it itself
    assert executed(reading, info={**info, "tradeSide": "open"}).signed_quantity == 1
    assert executed(Reading(position_mode="hedging", exchange="okx"), info=info).signed_quantity == 1


@pytest.mark.parametrize(
    ("exchange", "side", "own", "told"),
    [
        ("bybit", None, {"side": "Buy"}, "buy"),
        ("bitget", None, {"side": "buy", "tradeSide": "close", "posMode": "hedge_mode"}, None),
        ("bitget", "buy", {"side": "buy", "tradeSide": "close", "posMode": "hedge_mode"}, "sell"),
        ("bitget", "sell", {"side": "buy", "tradeSide": "close", "posMode": "hedge_mode"}, "sell"),
        ("bitget", "buy", {"side": "buy", "tradeSide": "open", "posMode": "hedge_mode"}, "buy"),
        ("bitget", "buy", {"side": "buy", "tradeSide": "burst_close_long", "posMode": "hedge_mode"}, "sell"),
        ("bitget", "buy", {"side": "buy", "posMode": "hedge_mode"}, None),
        ("bitget", "buy", {"tradeSide": "close", "posMode": "hedge_mode"}, None),
        ("bitget", "buy", {"side": "buy", "tradeId": "1", "baseVolume": "2", "tradeSide": "close"}, None),
        ("bitget", "buy", {"tradeId": "1", "baseVolume": "2", "posMode": "one_way_mode"}, "buy"),
        ("toobit", "sell", {"side": "BUY_OPEN"}, None),
        ("bitteam", "buy", {"side": "sell"}, "buy"),
        ("digifinex", "open short", {}, "sell"),
        ("latoken", "ASK", {}, "sell"),
        ("any", "long", {}, None),
    ],
)
def test_l28_a_side_is_what_nobody_contradicts(exchange: str, side: Any, own: dict[str, Any], told: str | None) -> None:
    """bitget's own row names the position's side; that order was a sell."""
    judged = judge_orders([order(side=side, info=own)], Reading(position_mode="netting", exchange=exchange))
    assert [one.side for one in judged.read] == ([] if told is None else [told])
    assert all("side" in one.why for one in judged.refused)


@pytest.mark.parametrize(
    ("exchange", "info", "reason"),
    [
        ("bybit", {"execType": "BustTrade"}, "liquidation"),
        ("bybit", {"execType": "AdlTrade"}, "liquidation"),
        ("bybit", {"execType": "Trade", "stopOrderType": "StopLoss"}, "stop"),
        ("bybit", {"execType": "Trade", "createType": "CreateByTakeProfit"}, "take_profit"),
        ("bybit", {"execType": "Trade", "createType": "CreateByUser", "stopOrderType": "UNKNOWN"}, None),
        ("bitget", {"tradeSide": "burst_close_long"}, "liquidation"),
        ("bitget", {"tradeSide": "close"}, None),
        ("krakenfutures", {"fillType": "liquidation"}, "liquidation"),
        ("krakenfutures", {"fillType": "maker"}, None),
        ("hyperliquid", {"dir": "Liquidated Cross Long"}, "liquidation"),
        ("hyperliquid", {"dir": "Close Long", "liquidation": {"liquidatedUser": "0x1"}}, None),
        ("okx", {"subType": "104"}, "liquidation"),
        ("okx", {"subType": "1"}, None),
        ("kucoin", {"subType": "104"}, None),
        ("deribit", {"liquidity": "T", "liquidation": "T"}, "liquidation"),
        ("deribit", {"liquidity": "M", "liquidation": "T"}, None),
        ("deribit", {"liquidity": "M"}, None),
    ],
)
def test_l40_a_liquidation_is_its_own_cause(exchange: str, info: dict[str, Any], reason: str | None) -> None:
    """Whoever traded with somebody who was liquidated was not."""
    judged = judge_trades([trade(info=info)], Reading(position_mode="netting", exchange=exchange))
    assert [one.reason for one in judged.read] == [reason]
