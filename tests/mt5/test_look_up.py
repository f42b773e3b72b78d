"""Are found, not found, and not known three different answers when an order is looked up?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5.samples import looked_up, order, reading
from trueup.model import BrokerOrder
from trueup.ports import Answer, Question
from trueup_adapters.mt5.wire import order_answer, orders_answer


def found(answer: Answer) -> BrokerOrder:
    assert answer.completeness == "complete", answer.why
    (one,) = answer.orders
    return one


@pytest.mark.parametrize("cells", [{"order": order()}, {"orders": [order()]}], ids=["order", "orders"])
def test_l04_an_order_that_is_found_is_told(cells: dict[str, Any]) -> None:
    assert found(looked_up(**cells)).order_id == "7001"


@pytest.mark.parametrize("cells", [{"order": None}, {"orders": []}], ids=repr)
def test_l04_an_order_that_is_not_there_is_a_complete_answer_without_one(cells: dict[str, Any]) -> None:
    answer = looked_up(**cells)
    assert (answer.completeness, answer.why, list(answer.orders)) == ("complete", "", [])


@pytest.mark.parametrize(
    "cells",
    [
        {},
        {"orders": None},
        {"orders": {}},
        {"orders": [order(), order(order=7002)]},
        {"order": None, "orders": []},
        {"order": None, "orders": [order()]},
        {"order": None, "status": "FAILED"},
        {"orders": [], "status": "ERROR", "error": "order not found"},
        {"order": None, "status": "done"},
        {"order": None, "error": "history is not loaded"},
        {"positions": []},
        {"order": order(order=7002)},
        {"order": order(), "orders": 5},
    ],
    ids=repr,
)
def test_l06_whatever_does_not_say_so_never_says_that_there_is_none(cells: dict[str, Any]) -> None:
    answer = looked_up(**cells)
    assert answer.completeness == "failed"
    assert answer.why
    assert not answer.orders


@pytest.mark.parametrize("bad", [{}, [], "order", 0, False, order(volume_initial="NaN"), order(type="?")], ids=repr)
def test_l42_an_order_that_is_there_and_cannot_be_read_is_not_absent(bad: object) -> None:
    answer = looked_up(order=bad)
    assert answer.completeness == "partial"
    assert len(answer.refused) == 1
    assert not answer.orders


def test_l06_an_order_that_was_not_asked_for_is_no_answer() -> None:
    assert looked_up(order=order(client_id="c2"), client_id="c1").completeness == "failed"
    assert looked_up(order=order(client_id="c2"), client_id="c1", order_id=None).completeness == "failed"
    assert looked_up(order=order(order=8), client_id="c1").completeness == "failed"
    unsaid = looked_up(order=order(), client_id="c1", order_id=None)  # a gateway that does not tell client ids
    assert (unsaid.completeness, found(unsaid).client_order_id) == ("complete", None)


def test_l21_several_orders_of_one_client_id_are_no_answer_about_one() -> None:
    twice = [order(order=1, client_id="c"), order(order=2, client_id="c")]
    answer = looked_up(orders=twice, order_id=None, client_id="c")
    assert (answer.completeness, list(answer.orders)) == ("failed", [])
    assert "has 2" in answer.why


def test_a_gateway_without_look_ups_says_so() -> None:
    assert looked_up(status="FAILED", error="Unknown action: GET_ORDER").completeness == "unsupported"


@given(raw=st.binary(max_size=100))
def test_l06_no_bytes_make_a_look_up_raise_or_find_nothing(raw: bytes) -> None:
    question = Question(surface="order", order_id="1")
    assert order_answer(raw, reading(), question).completeness == "failed"
    assert orders_answer(raw, reading()).completeness == "failed"
