"""Does `trueup check` find in two lists of orders what the file format promises, rule by rule?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.order_files import BAD, ORDER, Check, checker, order, ours, theirs
from cli.shell import Shell

Case = tuple[list[Any], list[Any], list[tuple[Any, ...]], list[tuple[str, int]]]
"""book's orders, broker's orders, (kind, ticket, field, book, broker) expected, (side, row) refused."""


def drift(field: str, book: str, broker: str, name: str = "c1") -> tuple[Any, ...]:
    return ("drift", name, field, book, broker)


def ghost(name: str = "c1", said: str = "buy 1 limit at 1.05") -> tuple[Any, ...]:
    return ("ghost", name, None, said, None)


def recovery(name: str = "c1", said: str = "buy 1 limit at 1.05") -> tuple[Any, ...]:
    return ("recovery", name, None, None, said)


ONE = [("book", 1)]

CASES: dict[str, Case] = {
    # -- what is there and what is not
    "both empty": ([], [], [], []),
    "the same order": ([ORDER], [ORDER], [], []),
    "only in the book": ([ORDER], [], [ghost()], []),
    "only at the broker": ([], [ORDER], [recovery()], []),
    "without client order id the order id names it": ([], [theirs()], [recovery("91")], []),
    "another order": ([ORDER], [order(client_order_id="c2", order_id="92")], [ghost(), recovery("c2")], []),
    "every status that is open": (
        [order(client_order_id=word, order_id=..., status=word) for word in ("accepted", "partially_filled", "pending",
                                                                             "pending_cancel", "pending_replace")],
        [], [ghost(word) for word in ("accepted", "partially_filled", "pending", "pending_cancel", "pending_replace")],
        [],
    ),
    "what ended is no ghost": (
        [order(client_order_id=word, order_id=..., status=word)
         for word in ("filled", "canceled", "rejected", "expired", "failed", "replaced")], [], [], [],
    ),
    "what was not sent is no ghost": ([order(status="scheduled")], [], [], []),
    "what ended in the book and works at the broker": (
        [order(status="canceled")], [ORDER], [drift("status", "canceled", "accepted")], [],
    ),
    "what was not sent and works at the broker": (
        [order(status="scheduled")], [ORDER], [drift("status", "scheduled", "accepted")], [],
    ),
    # -- which is which
    "one client order id under two order ids": (
        [order(order_id="1")], [order(order_id="2")], [("drift", "c1", "order_id", "1", "2")], [],
    ),
    "by client order id where the book has no order id": ([ours()], [ORDER], [], []),
    "by order id where the broker has no client order id": (
        [ORDER], [theirs(limit="1.06")], [drift("limit", "1.05", "1.06")], [],
    ),
    "by order id where the book has no client order id": ([theirs()], [order(quantity="2")],
                                                          [drift("quantity", "1", "2")], []),
    "by order id alone": ([theirs()], [theirs(quantity="2")], [drift("quantity", "1", "2", "91")], []),
    "client order ids that differ are two orders": ([ORDER], [order(client_order_id="c2")],
                                                    [ghost(), recovery("c2")], []),
    "the client order id goes first": (
        [theirs(), order(order_id="5")], [order(order_id="91"), theirs(order_id="5")],
        [recovery("5"), ghost("91"), ("drift", "c1", "order_id", "5", "91")], [],
    ),
    "no id in common": ([ours()], [theirs()], [recovery("91"), ghost()], []),
    "one id under two symbols": ([ORDER], [order(symbol="GBPUSD")], [ghost(), recovery()], []),
    "one order id under two symbols": ([theirs()], [theirs(symbol="GBPUSD")], [ghost("91"), recovery("91")], []),
    "ids may be numbers": ([order(order_id=2**70)], [theirs(order_id=str(2**70))], [], []),
    # -- drifts, one row a field
    "side": ([ORDER], [order(side="sell")], [drift("side", "buy", "sell")], []),
    "quantity": ([ORDER], [order(quantity="1.5")], [drift("quantity", "1", "1.5")], []),
    "filled": ([ORDER], [order(filled="0.5")], [drift("filled", "0", "0.5")], []),
    "filled beyond what was ordered": ([ORDER], [order(filled="2")], [drift("filled", "0", "2")], []),
    "limit": ([ORDER], [order(limit="1.06")], [drift("limit", "1.05", "1.06")], []),
    "stop": ([order(stop="1.1")], [order(stop="1.2")], [drift("stop", "1.1", "1.2")], []),
    "status": ([ORDER], [order(status="partially_filled")], [drift("status", "accepted", "partially_filled")], []),
    "all fields, in order": (
        [order(stop="1")],
        [order(side="sell", quantity="2", filled="1", limit="2", stop="2", status="partially_filled", type="stop")],
        [drift("filled", "0", "1"), drift("limit", "1.05", "2"), drift("quantity", "1", "2"),
         drift("side", "buy", "sell"), drift("status", "accepted", "partially_filled"), drift("stop", "1", "2"),
         drift("type", "limit", "stop")], [],
    ),
    "zeros at the end are no difference": ([ORDER], [order(quantity="1.00", limit=1.05, filled="0.0")], [], []),
    "a limit at the coarser scale": ([order(limit="1.0543")], [order(limit="1.05432")], [], []),
    "a tenth is a tenth": ([order(quantity=0.1)], [order(quantity="0.10000000000000001")],
                           [drift("quantity", "0.1", "0.10000000000000001")], []),
    # -- what is not reported is not compared
    "a filled that the broker leaves out": ([order(filled="1")], [order(filled=...)], [], []),
    "a filled that the book leaves out is no 0": ([order(filled=...)], [order(filled="1")], [], []),
    "a filled of null": ([order(filled=None)], [order(filled="1")], [], []),
    "a limit left out": ([ORDER], [order(limit=...)], [], []),
    "a limit of null": ([order(limit=None)], [ORDER], [], []),
    "l36 a limit of 0 is none": ([order(limit="0")], [ORDER], [], []),
    "a stop of 0 is none": ([order(stop=0)], [order(stop="1")], [], []),
    "a type in a word of somebody's own": ([order(type="LIMIT")], [order(type="buy limit")], [], []),
    "whether it only reduces": ([order(reduce_only=True)], [order(reduce_only=False)],
                                [drift("reduce_only", "yes", "no")], []),
    "reduce_only that one side leaves out": ([order(reduce_only=True)], [order(reduce_only=None)], [], []),
    "columns of others": ([order(comment=[1], tp=1e9)], [ORDER], [], []),
    "l23 what is under way decides nothing": ([order(status="pending_cancel")], [ORDER], [], []),
    # -- rows that cannot be meant
    "neither id": ([ours(client_order_id=...)], [], [], ONE),
    "empty ids": ([order(client_order_id="", order_id=None)], [], [], ONE),
    "an id of 0": ([ours(client_order_id=...) | {"order_id": 0}], [], [], ONE),
    "an id that is a fraction": ([order(order_id=1.5)], [], [], ONE),
    "an id that is a list": ([order(client_order_id=["c1"])], [], [], ONE),
    "no symbol": ([order(symbol=...)], [], [], ONE),
    "an unknown side": ([order(side="long")], [], [], ONE),
    "a side in capitals": ([order(side="BUY")], [], [], ONE),
    "no side": ([order(side=...)], [], [], ONE),
    "no type": ([order(type=...)], [], [], ONE),
    "no status": ([order(status=...)], [], [], ONE),
    "a status that is no word": ([order(status=True)], [], [], ONE),
    "no quantity": ([order(quantity=None)], [], [], ONE),
    "an order of nothing": ([order(quantity="0")], [], [], ONE),
    "negative": ([order(quantity="-1")], [], [], ONE),
    "NaN": ([], [order(quantity=float("nan"))], [], [("broker", 1)]),
    "1e400": ([order(quantity="1e400")], [], [], ONE),
    "filled by less than nothing": ([order(filled="-1")], [], [], ONE),
    "filled by a word": ([order(filled="all")], [], [], ONE),
    "a bad limit": ([order(limit="cheap")], [], [], ONE),
    "a negative stop": ([order(stop="-1")], [], [], ONE),
    "a bad reduce_only": ([order(reduce_only="yes")], [], [], ONE),
    "no object at all": ([None, "x", 5, [ORDER]], [], [], [("book", n) for n in (1, 2, 3, 4)]),
    # -- a refused row makes its side partial
    "only the bad row goes": ([BAD, ORDER], [ORDER], [], ONE),
    "no ghost beside a refused row of the broker": ([ORDER], [BAD], [], [("broker", 1)]),
    "no recovery beside a refused row of the book": ([BAD], [ORDER], [], ONE),
    "a ghost beside a refused row of the book": ([BAD, ORDER], [], [ghost()], ONE),
    "a recovery beside a refused row of the broker": ([], [BAD, ORDER], [recovery()], [("broker", 1)]),
    "drifts stay": (
        [BAD, ORDER], [order(quantity="2"), BAD], [drift("quantity", "1", "2")], [("book", 1), ("broker", 2)],
    ),
    # -- rows of one file against each other
    "the same order in the same words": ([ORDER, order(quantity=1.0)], [ORDER], [], [("book", 2)]),
    "one client order id in other words": ([ORDER, order(quantity="2")], [ORDER], [], [("book", 1), ("book", 2)]),
    "one order id in other words": (
        [ORDER, theirs(quantity="2"), order(client_order_id="c9", order_id="99")],
        [order(client_order_id="c9", order_id="99")], [], [("book", 1), ("book", 2)],
    ),
    "one order id of two client order ids": (
        [], [ORDER, order(client_order_id="c2")], [], [("broker", 1), ("broker", 2)],
    ),
    "l21 one client order id, two orders": ([ours()], [ORDER, order(order_id="92")], [],
                                            [("broker", 1), ("broker", 2)]),
}  # fmt: skip


@pytest.fixture
def check(shell: Shell, tmp_path: Path) -> Check:
    """`trueup check --json` of two lists of orders."""
    return checker(shell, tmp_path)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_orders_of_two_files(case: Case, check: Check) -> None:
    book, broker, expected, refused = case
    ended = check(book, broker)
    found = ended.json
    shown = [tuple(one[name] for name in ("kind", "ticket", "field", "book", "broker")) for one in found["breaks"]]
    assert shown == expected
    assert {one["of"] for one in found["breaks"]} <= {"order"}
    assert [(one["side"], one["row"]) for one in found["refused"]] == refused
    assert all(one["why"].startswith("order") for one in found["refused"])
    assert found["agrees"] is (not expected and not refused)
    assert ended.status == (1 if expected or refused else 0)
    assert found["counts"] == {kind: sum(one[0] == kind for one in expected) for kind in ("recovery", "ghost", "drift")}
    assert all(ORDER["symbol"] in one["why"] for one in found["breaks"] if one["symbol"] == ORDER["symbol"])
    assert "notes" not in found
