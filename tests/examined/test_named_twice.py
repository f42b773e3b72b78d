"""May a reply say the same thing twice, and differently? No: neither is taken for what was meant."""

from __future__ import annotations

import pytest

from mt5.samples import read
from trueup.model import PositionMode
from trueup_adapters.mt5.positions import Reading
from trueup_adapters.mt5.wire import deals_answer

ROW = b'{"ticket": 1, "symbol": "EURUSD", "type": "buy", "volume": 0.01, "price_open": 1.05, "time": 1704153600}'
HEDGING: PositionMode = "hedging"


@pytest.mark.parametrize(
    ("key", "reply"),
    [
        ("positions", b'{"status": "SUCCESS", "positions": [' + ROW + b'], "positions": []}'),
        ("positions", b'{"status": "SUCCESS", "positions": [], "positions": [' + ROW + b"]}"),
        ("positions", b'{"status": "SUCCESS", "positions": [], "positions": []}'),
        ("status", b'{"status": "ERROR", "positions": [], "status": "SUCCESS"}'),
        ("status", b'{"status": "SUCCESS", "positions": [' + ROW + b'], "status": "SUCCESS"}'),
    ],
)
def test_l03_a_reply_that_names_its_list_or_its_status_twice_is_a_failed_answer(key: str, reply: bytes) -> None:
    answer = read(reply)
    assert (answer.completeness, dict(answer.positions)) == ("failed", {})
    assert f"names `{key}` twice" in answer.why


def test_deals_named_twice_are_a_failed_answer() -> None:
    raw = b'{"status": "SUCCESS", "deals": [], "deals": []}'
    answer = deals_answer(raw, Reading(position_mode=HEDGING, strategies={}))
    assert (answer.completeness, "names `deals` twice" in answer.why) == ("failed", True)


@pytest.mark.parametrize("comment", [b"positions", b"status", b'a \\"positions\\": [] b'])
def test_the_same_word_inside_a_row_is_no_second_list(comment: bytes) -> None:
    row = ROW[:-1] + b', "status": "open", "comment": "' + comment + b'"}'
    answer = read(b'{"status": "SUCCESS", "positions": [' + row + b"]}")
    assert (answer.completeness, list(answer.positions)) == ("complete", ["#1"])
