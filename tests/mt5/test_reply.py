"""Is a reply an answer at all, and in which dialect?"""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from mt5.samples import DIALECT_1, DIALECT_2, deal, read, read_deals, reply, row
from trueup.model import BrokerPosition, Stop
from trueup.ports import Question
from trueup_adapters.mt5.heads import REPLY_BYTES_MAX
from trueup_adapters.mt5.requests import request
from trueup_adapters.mt5.wire import echoed, refusal_of

SUCCESS_WITHOUT_LIST = b'{"status": "SUCCESS"}'


def test_l47_the_first_dialect_is_read() -> None:
    answer = read(DIALECT_1)
    assert (answer.completeness, answer.why, answer.dialect) == ("complete", "", "mt5/1")
    assert dict(answer.positions) == {
        "#123456": BrokerPosition(
            symbol="EURUSD",
            signed_quantity=Decimal("0.01"),
            ticket="123456",
            price=Decimal("1.0543"),
            stop=None,
            opened_at="1704153600",
        )
    }
    assert answer.raw == DIALECT_1


def test_l47_the_second_dialect_is_read() -> None:
    answer = read(DIALECT_2, strategies={"12345": "breakout"})
    assert (answer.completeness, answer.why, answer.dialect) == ("complete", "", "mt5/2")
    assert dict(answer.positions) == {
        "#12345678": BrokerPosition(
            symbol="EURUSD",
            signed_quantity=Decimal("0.01"),
            ticket="12345678",
            price=Decimal("1.0523"),
            stop=Stop(Decimal("1.05")),
            strategy="breakout",
            opened_at="2026-01-15T02:08:34.234567Z",
        )
    }


@pytest.mark.parametrize(
    "status",
    ["success", "Success", "OK", "Ok", "SUCCESS ", "", "done", None, True, 0, 1, 200, ["SUCCESS"], {"ok": True}],
)
def test_l47_a_status_of_no_known_dialect_is_a_failed_answer(status: object) -> None:
    answer = read(reply(row(), status=status))
    assert answer.completeness == "failed"
    assert "dialect" in answer.why
    assert not answer.positions


@pytest.mark.parametrize("kind", ["BUY", "SELL", "Buy", "long", "0", "1", "", 2, 7, -1])
def test_l47_the_words_of_another_dialect_are_not_guessed_at(kind: object) -> None:
    answer = read(reply(row(type=kind)))
    assert answer.completeness == "partial"
    assert not answer.positions
    assert "type" in answer.refused[0].why


@pytest.mark.parametrize("kind", ["buy", "sell", "Buy", "0"])
def test_l47_nor_in_the_second_dialect(kind: object) -> None:
    answer = read(reply(row(type=kind), status="ok"))
    assert (answer.completeness, len(answer.positions)) == ("partial", 0)


@pytest.mark.parametrize(("kind", "quantity"), [(0, "0.01"), (1, "-0.01")])
@pytest.mark.parametrize("status", ["SUCCESS", "ok"])
def test_l47_metatraders_own_numbers_are_known_in_both(kind: int, quantity: str, status: str) -> None:
    (position,) = read(reply(row(type=kind), status=status)).positions.values()
    assert position.signed_quantity == Decimal(quantity)


def test_l28_a_sale_is_negative() -> None:
    (position,) = read(reply(row(type="sell", volume=2.5))).positions.values()
    assert position.signed_quantity == Decimal("-2.5")


# -- failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["FAILED", "ERROR", "error"])
@pytest.mark.parametrize("rows", [(), (row(),)])
def test_l48_the_status_is_read_before_the_list(status: str, rows: tuple[object, ...]) -> None:
    answer = read(reply(*rows, status=status, error="terminal is not connected"))
    assert answer.completeness == "failed"
    assert "terminal is not connected" in answer.why
    assert not answer.positions
    assert not answer.refused


def test_l48_nor_does_an_unreadable_list_hide_the_failure() -> None:
    answer = read(b'{"status": "FAILED", "error": "no terminal", "positions": 7}')
    assert answer.completeness == "failed"
    assert "no terminal" in answer.why


def test_l48_success_and_an_error_at_once_is_a_failed_answer() -> None:
    answer = read(reply(error="timeout while reading positions"))
    assert answer.completeness == "failed"
    assert "timeout while reading positions" in answer.why


@pytest.mark.parametrize("error", [None, "", 0, False])
def test_an_empty_error_is_none(error: object) -> None:
    assert read(reply(row(), error=error)).completeness == "complete"


def test_the_second_dialects_failure_is_told_in_its_own_words() -> None:
    raw = b'{"status": "error", "error_code": "NO_CONNECTION", "error_msg": "terminal offline"}'
    answer = read(raw)
    assert answer.completeness == "failed"
    assert "NO_CONNECTION" in answer.why
    assert "terminal offline" in answer.why


def test_l60_the_gateways_words_are_bounded_and_harmless() -> None:
    answer = read(reply(status="FAILED", error="bad\x1b[2J\n" + "x" * 10_000))
    assert answer.completeness == "failed"
    assert answer.why.isprintable()
    assert len(answer.why) < 400


@pytest.mark.parametrize("error", [{"code": 5}, ["a", "b"], 17, True])
def test_a_failure_in_no_words_is_still_one(error: object) -> None:
    assert read(reply(status="FAILED", error=error)).completeness == "failed"


@pytest.mark.parametrize(
    "raw",
    [
        SUCCESS_WITHOUT_LIST,
        b'{"status": "ok"}',
        b'{"status": "SUCCESS", "positions": null}',
        b'{"status": "SUCCESS", "positions": {}}',
        b'{"status": "SUCCESS", "positions": ""}',
        b'{"status": "SUCCESS", "positions": 0}',
        b'{"status": "SUCCESS", "deals": []}',
        b'{"status": "SUCCESS", "Positions": []}',
        b'{"status": "SUCCESS", "data": {"positions": []}}',
    ],
)
def test_l01_success_without_a_list_is_a_failed_answer(raw: bytes) -> None:
    answer = read(raw)
    assert answer.completeness == "failed"
    assert "positions" in answer.why


def test_l44_null_is_not_an_empty_list() -> None:
    assert read(b"null").completeness == "failed"
    assert read(b'{"status": "SUCCESS", "positions": null}').completeness == "failed"
    empty = read(b'{"status": "SUCCESS", "positions": []}')
    assert (empty.completeness, dict(empty.positions)) == ("complete", {})


@pytest.mark.parametrize("cut", range(0, len(DIALECT_1), 7))
def test_l03_a_reply_that_breaks_off_anywhere_is_a_failed_answer(cut: int) -> None:
    answer = read(DIALECT_1[:cut])
    assert answer.completeness == "failed"
    assert answer.why


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"\x00",
        b"[]",
        b'[{"status": "SUCCESS", "positions": []}]',
        b'"SUCCESS"',
        b"17",
        b"true",
        b"<html>502 Bad Gateway</html>",
        b'\xef\xbb\xbf{"status": "SUCCESS", "positions": []}',
        '{"status": "SUCCESS", "positions": []}'.encode("utf-16"),
        b'{"status": "SUCCESS", "positions": [], "comment": "\xff"}',
        b'{"status": "SUCCESS", "positions": [], "comment": "\\ud800"}',
        b'{"status": "SUCCESS", "positions": []} {}',
        b'{"status": "SUCCESS", "positions": []',
        b"{'status': 'SUCCESS', 'positions': []}",
        b'{"status": "SUCCESS", "positions": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_l06_what_is_no_json_object_is_a_failed_answer(raw: bytes) -> None:
    answer = read(raw)
    assert answer.completeness == "failed"
    assert answer.why
    assert answer.why.isprintable()
    assert not answer.positions


def test_l48_a_status_that_is_there_twice_is_no_status() -> None:
    raw = b'{"status": "FAILED", "positions": [], "status": "SUCCESS"}'
    assert read(raw).completeness == "failed"


def test_law_13_a_list_that_is_named_again_behind_an_escape_is_named_twice() -> None:
    raw = reply(row())[:-1] + b', "\\u0070ositions": []}'
    answer = read(raw)
    assert (answer.completeness, "names `positions` twice" in answer.why) == ("failed", True)


def test_a_reply_has_a_longest_length() -> None:
    tight = refusal_of(b"x" * 11, 10)
    assert tight is not None
    assert tight.completeness == "failed"
    assert refusal_of(b"x" * 10, 10) is None
    assert REPLY_BYTES_MAX == 64 * 1024 * 1024


# -- surfaces that a gateway does not know -----------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        {"status": "FAILED", "error": "Unknown action: GET_DEALS"},
        {"status": "ERROR", "error": "unknown action"},
        {"status": "error", "error_code": "UNKNOWN_ACTION", "error_msg": "no such thing"},
        {"status": "FAILED", "error_code": "UNKNOWN_ACTION"},
        {"error": "UNKNOWN ACTION GET_DEALS"},
    ],
)
def test_an_unknown_action_is_an_unsupported_surface(cells: dict[str, object]) -> None:
    answer = read(json.dumps(cells).encode())
    assert answer.completeness == "unsupported"
    assert answer.why


def test_another_failure_is_not() -> None:
    for error in ("the action is unknown", "action GET_DEALS failed: unknown action", "unknown symbol"):
        assert read(reply(status="FAILED", error=error)).completeness == "failed"


# -- questions ---------------------------------------------------------------------------------------------


def test_a_question_is_put_in_the_gateways_words() -> None:
    asked = json.loads(request(Question(surface="positions"), req_id="a-1"))
    assert asked == {"action": "GET_POSITIONS", "symbol": "*", "req_id": "a-1"}


def test_l46_deals_are_asked_for_from_earlier_because_the_gateways_clock_is_not_utc() -> None:
    since_s = 1_704_153_600
    asked = json.loads(request(Question(surface="fills", since_ns=since_s * 10**9), req_id="a-2"))
    assert asked == {"action": "GET_DEALS", "symbol": "*", "req_id": "a-2", "since": since_s - 86_400}
    assert "since" not in json.loads(request(Question(surface="fills"), req_id="a-3"))


@pytest.mark.parametrize(
    ("raw", "req_id"),
    [
        (b'{"status": "SUCCESS", "positions": [], "req_id": "a-1"}', "a-1"),
        (b'{"req_id": "a-1", "status": "SUCCESS", "positions": []}\n', "a-1"),
        (b'{"status": "SUCCESS", "req_id" : "a-1" , "positions": [' + b"1," * 500 + b"1]}", "a-1"),
        (b'{"status": "SUCCESS", "positions": [{"req_id": "inner"}]}', None),
        (b'{"status": "SUCCESS", "positions": [], "last": {"req_id": "inner"}}', None),
        (b'{"status": "SUCCESS", "req_id": null}', None),
        (b'{"status": "SUCCESS", "req_id": 7}', "7"),
        (b'{"status": "SUCCESS", "x": "\\"req_id\\": \\"no\\"}"}', None),
        (b'{"status": "SUCCESS", "req_id": "a\\u002d1"}', "a-1"),
        (b'{"status": "SUCC', None),
        (b"", None),
        (b"\xff\xfe", None),
    ],
)
def test_whose_reply_it_is_stands_at_its_top_level(raw: bytes, req_id: str | None) -> None:
    assert echoed(raw) == req_id


# -- deals have the same head ------------------------------------------------------------------------------


def test_l48_deals_too_are_read_after_the_status() -> None:
    assert read_deals(deal(), status="FAILED").completeness == "failed"
    assert read_deals(deal(), status="success").completeness == "failed"
    assert read_deals(deal()).completeness == "complete"


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_l43_a_bare_word_for_no_number_costs_its_row_or_nothing_where_it_is_not_read(word: str) -> None:
    good = '{"ticket": 2, "symbol": "Y", "type": "buy", "volume": 1, "profit": ?, "comment": "NaN \\" Infinity"}'
    good = good.replace("?", word)
    bad = f'{{"ticket": 1, "symbol": "X", "type": "buy", "volume": {word}}}'
    answer = read(f'{{"status": "SUCCESS", "positions": [{bad}, {good}, {word}]}}'.encode())
    assert answer.completeness == "partial"
    assert [(one.row, one.ticket) for one in answer.refused] == [(1, "1"), (3, None)]
    assert list(answer.positions) == ["#2"]
    whole = read(f'{{"status": "SUCCESS", "positions": [{good}]}}'.encode())
    assert whole.completeness == "complete"
