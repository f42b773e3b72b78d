"""Is each row that once was read wrongly, or refused without need, read as its exchange means it?

Judged by hand against the exchanges' own rows and documentation, one line of `ccxt_examples.jsonl` each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from trueup.model import plain
from trueup_adapters.ccxt.samples import Sample, read_samples

TEXT = (Path(__file__).parent / "data" / "ccxt_examples.jsonl").read_text(encoding="utf-8")
SAMPLES = read_samples(TEXT)

READ: list[tuple[int, str, dict[str, Any]]] = [
    (1, "an average of 29 digits is rounded, not refused", {"price": "3826.888888888888888889"}),
    (2, "a fee that went through floats is rounded", {"signed_quantity": "0.0582", "fee": "0.0000582"}),
    (3, "an order without a type that names a price is no market order", {"quantity": "15", "type": "unknown"}),
    (4, "the same, with nothing filled", {"quantity": "0.235", "filled": "0"}),
    (7, "takes profit at the market", {"type": "take_profit", "status": "rejected"}),
    (8, "`open long` buys", {"side": "buy", "status": "filled", "filled": "1"}),
    (10, "`apiv4` stands on every order of gate", {"client_order_id": None, "order_id": "95282841887"}),
    (11, "taken back, which ccxt calls closed and so filled", {"status": "unknown", "raw_status": "6", "filled": None}),
    (12, "`BID` buys", {"side": "buy", "quantity": "3.21"}),
    (13, "it was triggered, and nobody says filled", {"status": "unknown", "raw_status": "effective", "filled": None}),
    (14, "the same", {"status": "unknown", "filled": None, "type": "stop_limit", "stop": "30000"}),
    (15, "it waits for 50000", {"status": "accepted", "type": "stop_limit", "stop": "50000", "limit": "50000"}),
    (16, "one-way", {"signed_quantity": "0.1", "ticket": None}),
    (17, "one-way, whatever ccxt says", {"signed_quantity": "-0.7", "ticket": None}),
    (18, "the sum of two floats", {"total": "1013.3871289972840006"}),
    (19, "contracts, of which ccxt made coins", {"signed_quantity": "2", "ticket": "SOL/USD:USD/long"}),
    (20, "the same", {"signed_quantity": "13"}),
    (21, "the same, of an order that waits", {"quantity": "1", "type": "stop_limit", "stop": "19000"}),
    (22, "the same, ended", {"quantity": "100", "filled": "0", "status": "canceled"}),
    (23, "an order was taken", {"order_id": "2896576259728695296", "rejected": False}),
    (24, "a stop that protects a short", {"type": "stop", "stop": "100", "limit": None, "reduce_only": False}),
    (26, "0.0001 with twenty decimals", {"quantity": "0.0001", "status": "canceled"}),
    (27, "triggered, and what became of it stands elsewhere", {"status": "unknown", "filled": "0"}),
    (28, "an order without a symbol was taken", {"order_id": "296683658818"}),
    (29, "the same, which repeats what was asked", {"order_id": "OL7LNO-R4SAD-6UINEU"}),
    (30, "takes profit at a limit", {"type": "take_profit_limit", "limit": "36000", "stop": None}),
    (31, "one of two positions was asked for", {"symbol": "SOL/USDC:USDC", "signed_quantity": "-0.5"}),
    (33, "a fee that may be a rebate is not reported", {"signed_quantity": "-2", "fee": None, "fee_asset": None}),
    (34, "`tp` takes profit", {"type": "take_profit", "status": "accepted"}),
    (35, "what is free of a position is not its size", {"signed_quantity": "1", "unit": "contracts"}),
    (36, "nobody says its kind, and it waits for a price", {"type": "unknown", "stop": "20000", "quantity": "1"}),
    (37, "a balance with 21 decimals is rounded", {"coin": "USDT", "total": "10014042.9889584152344307"}),
]
REFUSED = {
    5: "its amount 0.000000220684504963 stands nowhere in the exchange's own row",
    6: "may be what it was to cost",
    9: "its amount 0.83 stands nowhere in the exchange's own row",
    25: "does not state its digits",
    32: "its side is sell, and the exchange's own row says BUY_OPEN",
}


def told(sample: Sample) -> dict[str, Any]:
    (one,) = sample.read
    return {
        name: plain(value) if hasattr(value, "as_tuple") else getattr(value, "value", value)
        for name, value in msgspec.structs.asdict(one).items()
    }


@pytest.mark.parametrize(("line", "cells"), [pytest.param(n, cells, id=f"{n}-{what}") for n, what, cells in READ])
def test_it_is_read_as_the_exchange_means_it(line: int, cells: dict[str, Any]) -> None:
    sample = SAMPLES[line - 1]
    assert (sample.verdict, sample.refused, sample.set_aside) == ("parsed", (), ())
    read = told(sample)
    assert {name: read[name] for name in cells} == cells


@pytest.mark.parametrize(("line", "why"), REFUSED.items())
def test_law_13_what_nobody_but_ccxt_says_is_refused(line: int, why: str) -> None:
    sample = SAMPLES[line - 1]
    assert (sample.verdict, sample.read) == ("refused", ())
    assert why in sample.refused[0].why


def test_every_example_is_judged() -> None:
    assert len(SAMPLES) == len(READ) + len(REFUSED)
    assert sorted([*(line for line, _, _ in READ), *REFUSED]) == list(range(1, len(SAMPLES) + 1))
