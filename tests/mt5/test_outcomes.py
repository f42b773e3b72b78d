"""Is an action put in the gateway's words, and is only a plain yes taken for done and a plain no for refused?"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.ports import Action, Outcome, Question
from trueup_adapters.mt5.outcomes import outcome_of
from trueup_adapters.mt5.requests import action_request, lacking, request

STOP = Action(
    kind="place_stop",
    client_id="s1",
    symbol="EURUSD",
    ticket="123456",
    side="sell",
    quantity=Decimal("0.010"),
    stop=Decimal("1.0543"),
)
CLOSE = Action(
    kind="close_position", client_id="q1", symbol="EURUSD", ticket="123456", side="sell", quantity=Decimal("0.01")
)
CANCEL = Action(kind="cancel", client_id="x1", symbol="EURUSD", order_id="7001", target="c1")


def sent(action: Action) -> dict[str, Any]:
    asked: dict[str, Any] = json.loads(action_request(action, req_id="a-1", symbol="EURUSD.m"), parse_float=Decimal)
    return asked


def came(action: Action = STOP, **cells: object) -> Outcome:
    raw = json.dumps(cells).encode()
    outcome = outcome_of(raw, action)
    assert outcome.raw == raw
    assert (outcome.why == "") == (outcome.state == "acknowledged")
    return outcome


# -- what is sent ------------------------------------------------------------------------------------------


def test_a_stop_is_placed_in_the_gateways_words() -> None:
    assert sent(STOP) == {
        "action": "PLACE_STOP",
        "req_id": "a-1",
        "client_id": "s1",
        "symbol": "EURUSD.m",
        "position": 123456,
        "type": "sell",
        "volume": Decimal("0.010"),
        "stop": Decimal("1.0543"),
        "reduce_only": True,
    }


def test_l22_a_close_is_reduce_only_and_names_its_position() -> None:
    assert sent(CLOSE) == {
        "action": "CLOSE_POSITION",
        "req_id": "a-1",
        "client_id": "q1",
        "symbol": "EURUSD.m",
        "position": 123456,
        "type": "sell",
        "volume": Decimal("0.01"),
        "reduce_only": True,
    }


def test_a_cancel_names_the_order_by_what_is_known_of_it() -> None:
    whole = {"action": "CANCEL_ORDER", "req_id": "a-1", "client_id": "x1", "order": 7001, "target": "c1"}
    assert sent(CANCEL) == whole
    by_number = Action(kind="cancel", client_id="x1", symbol="EURUSD", order_id="O-7")
    assert sent(by_number) == {"action": "CANCEL_ORDER", "req_id": "a-1", "client_id": "x1", "order": "O-7"}
    by_name = Action(kind="cancel", client_id="x1", symbol="EURUSD", target="c1")
    assert sent(by_name) == {"action": "CANCEL_ORDER", "req_id": "a-1", "client_id": "x1", "target": "c1"}


def test_l35_numbers_leave_with_every_digit() -> None:
    exact = Action(
        kind="place_stop",
        client_id="s",
        symbol="X",
        side="buy",
        quantity=Decimal("0.300000000000000001"),
        stop=Decimal("123456789012345.678901"),
    )
    raw = action_request(exact, req_id="a", symbol="X")
    assert b'"volume":0.300000000000000001' in raw
    assert b'"stop":123456789012345.678901' in raw
    assert b"position" not in raw


@pytest.mark.parametrize(("ticket", "cell"), [(str(2**63 + 7), 2**63 + 7), ("007", "007"), ("O-1", "O-1"), ("٣", "٣")])
def test_l45_a_ticket_leaves_as_a_number_only_where_it_is_the_same_number(ticket: str, cell: object) -> None:
    asked = json.loads(request(Question(surface="order", order_id=ticket), req_id="a-1"))
    assert asked == {"action": "GET_ORDER", "req_id": "a-1", "order": cell}


def test_orders_are_asked_for_in_the_gateways_words() -> None:
    listed = json.loads(request(Question(surface="open_orders"), req_id="a-1", symbol="EURUSD"))
    assert listed == {"action": "GET_ORDERS", "req_id": "a-1", "symbol": "EURUSD"}
    both = Question(surface="order", order_id="7", client_order_id="c1")
    looked_up = json.loads(request(both, req_id="a-2", symbol="EURUSD"))
    assert looked_up == {"action": "GET_ORDER", "req_id": "a-2", "order": 7, "client_id": "c1"}


@pytest.mark.parametrize(
    "action",
    [
        Action(kind="cancel", client_id="x", symbol="X"),
        Action(kind="place_stop", client_id="x", symbol="X", side="sell", quantity=Decimal(1)),
        Action(kind="place_stop", client_id="x", symbol="X", side="sell", quantity=Decimal(1), stop=Decimal(0)),
        Action(kind="place_stop", client_id="x", symbol="X", quantity=Decimal(1), stop=Decimal(1)),
        Action(kind="close_position", client_id="x", symbol="X", side="sell"),
        Action(kind="close_position", client_id="x", symbol="X", side="sell", quantity=Decimal(-1)),
        Action(kind="close_position", client_id="x", symbol="X", side="sell", quantity=Decimal("NaN").copy_negate()),
        Action(kind="cancel", client_id="", symbol="X", target="c1"),
        Action(kind="dance", client_id="x", symbol="X"),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_what_lacks_something_is_not_sent(action: Action) -> None:
    assert lacking(action)


@pytest.mark.parametrize("action", [STOP, CLOSE, CANCEL])
def test_what_lacks_nothing_is(action: Action) -> None:
    assert lacking(action) == ""


# -- what comes back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "order_id"),
    [
        ({"status": "SUCCESS", "order": 7001}, "7001"),
        ({"status": "ok", "order": "7001", "client_id": "s1"}, "7001"),
        ({"status": "SUCCESS", "order": {"order": 7001, "state": "placed"}}, "7001"),
        ({"status": "SUCCESS", "order": {"ticket": 2**63 + 7}}, str(2**63 + 7)),
        ({"status": "SUCCESS", "ticket": 7001}, "7001"),
        ({"status": "SUCCESS", "order": 0}, None),
        ({"status": "SUCCESS", "order": None}, None),
        ({"status": "SUCCESS", "order": [7]}, None),
        ({"status": "SUCCESS", "order": {"order": []}}, None),
        ({"status": "SUCCESS"}, None),
        ({"status": "SUCCESS", "order": 7001, "retcode": 10009, "error": None}, "7001"),
    ],
    ids=repr,
)
def test_a_plain_yes_is_an_acknowledgement(cells: dict[str, Any], order_id: str | None) -> None:
    outcome = came(**cells)
    assert (outcome.state, outcome.order_id) == ("acknowledged", order_id)


def test_a_closes_ticket_is_its_positions_and_no_orders() -> None:
    assert came(CLOSE, status="SUCCESS", ticket=123456).order_id is None


@pytest.mark.parametrize(
    "cells",
    [
        {"status": "FAILED", "error": "not enough money"},
        {"status": "ERROR", "error": "invalid stops", "client_id": "s1"},
        {"status": "error", "error_code": "MARKET_CLOSED", "error_msg": "market is closed"},
        {"status": "FAILED"},
        {"status": "FAILED", "error": "terminal is not connected", "retcode": 10018},
    ],
    ids=repr,
)
def test_a_plain_no_is_a_rejection_in_the_gateways_words(cells: dict[str, Any]) -> None:
    outcome = came(**cells)
    assert outcome.state == "rejected"
    assert str(cells.get("error") or cells.get("error_msg") or "nothing more") in outcome.why


@pytest.mark.parametrize(
    "cells",
    [
        {"status": "FAILED", "error": "Unknown action: PLACE_STOP"},
        {"status": "error", "error_code": "UNKNOWN_ACTION"},
        {"error": "unknown action"},
    ],
    ids=repr,
)
def test_an_action_that_the_gateway_does_not_know_is_rejected_with_that_reason(cells: dict[str, Any]) -> None:
    outcome = came(**cells)
    assert outcome.state == "rejected"
    assert "does not know how" in outcome.why


@pytest.mark.parametrize(
    "cells",
    [
        {"status": "FAILED", "error": "Request timed out"},
        {"status": "ERROR", "error": "order_send: timeout"},
        {"status": "FAILED", "error": "time-out waiting for the server"},
        {"status": "error", "error_code": 10012, "error_msg": "?"},
        {"status": "FAILED", "error": "?", "retcode": 10031},
        {"status": "FAILED", "error_code": "10031"},
        {"status": "FAILED", "retcode": "10012"},
        {"status": "FAILED", "result": {"retcode": 10012}},
        {"status": "FAILED", "error": "Connection lost"},
        {"status": "FAILED", "error": "no reply from the server"},
        {"status": "FAILED", "error": "duplicate client_id"},
        {"status": "FAILED", "error": "order already filled"},
    ],
    ids=repr,
)
def test_l24_a_failure_that_does_not_say_that_nothing_was_done_is_unknown(cells: dict[str, Any]) -> None:
    assert came(**cells).state == "unknown"


@pytest.mark.parametrize(
    "cells",
    [
        {},
        {"status": None},
        {"status": "success", "order": 7001},
        {"status": "PENDING"},
        {"status": True, "order": 7001},
        {"status": 0},
        {"status": ["SUCCESS"]},
        {"order": 7001},
        {"status": "SUCCESS", "order": 7001, "error": "slippage"},
        {"status": "SUCCESS", "order": 7001, "retcode": 10004},
        {"status": "SUCCESS", "order": 7001, "retcode": "10009"},
        {"status": "SUCCESS", "order": 7001, "retcode": []},
        {"status": "SUCCESS", "order": 7001, "errors": ["no money"]},
        {"status": "SUCCESS", "result": {"retcode": 10019, "order": 0}},
        {"status": "SUCCESS", "retcode": 10009, "result": {"retcode": 10019}},
        {"status": "SUCCESS", "order": 7001, "client_id": "s2"},
        {"status": "FAILED", "client_id": "s2"},
        {"status": "SUCCESS", "positions": []},
        {"status": "SUCCESS", "deals": []},
        {"status": "ok", "orders": [{"order": 7001}]},
        {"status": "FAILED", "positions": []},
    ],
    ids=repr,
)
def test_l21_whatever_is_no_plain_answer_to_this_action_is_unknown(cells: dict[str, Any]) -> None:
    assert came(**cells).state == "unknown"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SUCCESS",
        b"[]",
        b"null",
        b'{"status": "SUCCESS", "order": 70',
        b'{"status": "SUCCESS", "comment": "\xff"}',
        b"<html>502 Bad Gateway</html>",
        b'{"status": "SUCCESS"} {}',
        b'{"status": "SUCCESS", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_l21_garbage_is_unknown(raw: bytes) -> None:
    outcome = outcome_of(raw, STOP)
    assert outcome.state == "unknown"
    assert outcome.why.isprintable()
    assert outcome.why


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
)
NAMES = ["status", "order", "ticket", "client_id", "retcode", "error", "error_code", "error_msg", "message", "orders"]


@given(raw=st.binary(max_size=100))
def test_l21_no_bytes_are_a_yes_or_a_no(raw: bytes) -> None:
    assert outcome_of(raw, STOP).state == "unknown"


@given(
    cells=st.dictionaries(
        st.sampled_from(NAMES), ANYTHING | st.sampled_from(["SUCCESS", "ok", "FAILED", "error", "s1", 10009])
    )
)
def test_l21_a_yes_and_a_no_say_so_whatever_else_is_there(cells: dict[str, Any]) -> None:
    outcome = outcome_of(json.dumps(cells).encode(), STOP)
    status = cells.get("status")
    if outcome.state == "acknowledged":
        assert status in ("SUCCESS", "ok")
        assert not any(cells.get(name) for name in ("error", "error_code", "error_msg"))
        assert cells.get("client_id") in (None, "", "s1")
    elif outcome.state == "rejected":
        unknown_action = any("unknown action" in str(cell).lower() for cell in cells.values())
        assert status in ("FAILED", "error") or unknown_action
    if status in ("SUCCESS", "ok") and len(cells) == 1:
        assert outcome.state == "acknowledged"


def test_what_metatrader_answered_is_read_where_a_gateway_hands_it_on() -> None:
    outcome = came(status="ok", result={"retcode": 10009, "order": 7003, "deal": 9001, "comment": "done"})
    assert (outcome.state, outcome.order_id) == ("acknowledged", "7003")
    assert came(status="ok", result=[1]).state == came(status="ok", result=None).state == "acknowledged"
