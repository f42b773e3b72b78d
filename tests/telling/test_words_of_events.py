"""In which words is one execution told of?"""

from __future__ import annotations

from decimal import Decimal

import pytest

from trueup.model import Execution
from trueup.telling.history import _execution


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
