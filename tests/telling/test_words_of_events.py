"""In which words is one event told of, and what of the broker's side is taken from it?"""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest

from trueup.causes import Proposal
from trueup.decisions import Correction
from trueup.model import BrokerPosition, Execution, Holding, Stop
from trueup.telling.history import _execution
from trueup.telling.material import _as_row, _broker_side
from trueup.telling.sentences import _observation, cause_said
from trueup.telling.told import ObservationTold


@pytest.mark.parametrize(
    ("quantity", "price", "ticket", "said"),
    [
        ("2", "1.0500", None, "x1: bought 2 EURUSD at 1.05"),
        ("-0.10", "1.05", "7", "x1: sold 0.1 EURUSD #7 at 1.05"),
        ("1", None, "7", "x1: bought 1 EURUSD #7"),
    ],
)
def test_l29_an_execution_is_told_with_its_ticket(
    quantity: str, price: str | None, ticket: str | None, said: str
) -> None:
    exact = None if price is None else Decimal(price)
    assert _execution(Execution("x1", "EURUSD", Decimal(quantity), exact, ticket)) == said


@pytest.mark.parametrize(
    ("raw", "kept"),
    [("present", "the reply is kept"), ("missing", "the reply is not kept any more"), ("none", "nothing came")],
)
def test_an_answer_is_told_in_one_line(raw: str, kept: str) -> None:
    one = ObservationTold(
        position=7, surface="positions", asked_at="12:00", received_at="12:01", took_ms=9, completeness="partial",
        why="one page", says="EURUSD 1", refused=2, raw=raw, raw_digest="",
    )  # fmt: skip
    assert _observation(one) == (
        f"7  positions asked 12:00, answered in 9 ms, partial (one page): EURUSD 1; 2 rows refused; {kept}"
    )


def test_what_a_missed_fill_left_is_taken_for_a_row_whole() -> None:
    held = Holding("EURUSD", Decimal(2), "7", Decimal("1.05"), Stop(Decimal(1)), opened_at="then")
    row = BrokerPosition("EURUSD", Decimal(2), "7", Decimal("1.05"), Stop(Decimal(1)), opened_at="then")
    assert _as_row(held) == row
    stated = msgspec.structs.replace(row, signed_quantity=Decimal(3), price=Decimal(9))
    history = SimpleNamespace(answers=[SimpleNamespace(position=5, mentions=True, row=stated)])
    judged = SimpleNamespace(position=6)
    drift = Correction("c1", "drift", held, held, "why")
    assert _broker_side(history, judged, None) == stated  # type: ignore[arg-type]
    confirmed = msgspec.structs.replace(stated, signed_quantity=Decimal(2))
    assert _broker_side(history, judged, drift) == confirmed, "of the quantity, what was confirmed"  # type: ignore[arg-type]
    missed = msgspec.structs.replace(drift, kind="missed-fill")
    assert _broker_side(history, judged, missed) == row, "no answer has shown it yet"  # type: ignore[arg-type]
    gone = msgspec.structs.replace(drift, after=None)
    assert _broker_side(history, judged, gone) is None  # type: ignore[arg-type]


def test_a_cause_is_told_with_its_evidence() -> None:
    one = Proposal(cause="stop_hit", strength="certain", why="execution 17 says so", positions=(41, 44))
    assert cause_said(one) == "stop hit (certain): execution 17 says so [41, 44]"
