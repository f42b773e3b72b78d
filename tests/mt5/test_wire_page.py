"""Does the page of the wire say what is understood, word for word, and leave nothing out?"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from house.source import ROOT
from mt5.samples import order, read_orders, reading
from trueup.ports import Action, Question
from trueup_adapters.gateway import Control
from trueup_adapters.gateway.faults import KINDS
from trueup_adapters.mt5.order_words import status_of
from trueup_adapters.mt5.outcomes import outcome_of
from trueup_adapters.mt5.requests import ACTION_OF, QUESTION_OF, action_request, request
from trueup_adapters.mt5.wire import orders_answer, positions_answer

PAGE = (ROOT / "docs" / "reference" / "mt5-wire.md").read_text("utf-8")
DECODER = json.JSONDecoder(parse_float=Decimal)


def examples() -> list[dict[str, Any]]:
    """Every JSON object of the page's blocks."""
    found: list[dict[str, Any]] = []
    for block in re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        rest = block.strip()
        while rest:
            value, end = DECODER.raw_decode(rest)
            found.append(value)
            rest = rest[end:].strip()
    return found


REQUESTS = {example["action"]: example for example in examples() if "action" in example}
REPLIES = [example for example in examples() if "status" in example]
STOP = Action(
    kind="place_stop",
    client_id="s1",
    symbol="EURUSD",
    ticket="123456",
    side="sell",
    quantity=Decimal("0.01"),
    stop=Decimal("1.05"),
)


def test_the_page_shows_everything_that_is_sent() -> None:
    assert set(REQUESTS) == {*QUESTION_OF.values(), *ACTION_OF.values()}
    since_ns = 1_704_153_600 * 10**9
    sent = [
        request(Question(surface="positions"), req_id="a-1"),
        request(Question(surface="fills", since_ns=since_ns), req_id="a-2"),
        request(Question(surface="open_orders"), req_id="a-3"),
        request(Question(surface="order", order_id="7001", client_order_id="c1"), req_id="a-4"),
        action_request(
            Action(kind="cancel", client_id="x1", symbol="EURUSD", order_id="7001", target="c1"),
            req_id="a-5",
            symbol="EURUSD",
        ),
        action_request(STOP, req_id="a-6", symbol="EURUSD"),
        action_request(
            Action(
                kind="close_position",
                client_id="q1",
                symbol="EURUSD",
                ticket="123456",
                side="sell",
                quantity=Decimal("0.01"),
            ),
            req_id="a-7",
            symbol="EURUSD",
        ),
    ]
    for body in sent:
        asked = json.loads(body, parse_float=Decimal)
        assert REQUESTS[asked["action"]] == asked


def test_the_replies_on_the_page_are_understood() -> None:
    positions, orders, done = (json.dumps(reply, default=str).encode() for reply in REPLIES)
    (position,) = positions_answer(positions, reading()).positions.values()
    assert (position.ticket, position.client_order_id) == ("123456", "c1")
    (one,) = orders_answer(orders, reading()).orders
    assert (one.order_id, one.filled) == ("7001", Decimal("0.01"))
    outcome = outcome_of(done, STOP)
    assert (outcome.state, outcome.order_id) == ("acknowledged", "7002")


STATES = re.findall(r"^\| (`[^|]*) \| ?(\d?) \| (\w+) \|$", PAGE, re.MULTILINE)


def test_the_page_lists_every_state_of_an_order() -> None:
    assert [number for _, number, _ in STATES if number] == [str(number) for number in range(10)]
    assert len(STATES) == 11


@pytest.mark.parametrize(("words", "number", "status"), STATES)
def test_a_state_on_the_page_means_what_it_says_there(words: str, number: str, status: str) -> None:
    said: list[object] = [*re.findall(r"`(\w+)`", words), *([int(number)] if number else [])]
    assert {status_of(word)[0].value for word in said} == {status}


def test_the_page_names_every_cell_of_an_order_that_is_read() -> None:
    rows = PAGE[PAGE.index("### GET_ORDERS") : PAGE.index("### GET_ORDER\n")]
    named = set(re.findall(r"`(\w+)`", rows))
    cells = set(type_fields())
    assert cells <= named, cells - named
    assert read_orders(order(unheard_of="?")).completeness == "complete"


def type_fields() -> tuple[str, ...]:
    """The cells that a row of orders may have."""
    from trueup_adapters.mt5.rows import OrderRow

    return tuple(name for name in OrderRow.__struct_fields__ if name != "symbol")


def test_the_page_names_every_fault_and_every_string() -> None:
    named = set(re.findall(r"`(\w+)", PAGE[PAGE.index("## Our own gateway") :]))
    calls = {name for name in vars(Control) if not name.startswith("_") and name not in ("close", "stop")}
    assert set(KINDS) <= named, set(KINDS) - named
    assert calls <= named, calls - named
