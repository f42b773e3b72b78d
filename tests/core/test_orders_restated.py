"""Does what the process says anew of an order of its own replace each field that it states, and no other?"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from lessons.world import World, pending
from trueup.reconciliation.targets import NAMES_MAX, listed

Worlds = Callable[..., World]
FIRST = {
    "type": "stop_limit",
    "limit": "1.1",
    "stop": "1.2",
    "order_id": "b1",
    "strategy": "trend",
    "reduce_only": True,
}


@pytest.mark.parametrize(
    ("field", "value", "exact"),
    [
        ("limit", "1.5", Decimal("1.5")),
        ("stop", "1.6", Decimal("1.6")),
        ("quantity", "3", Decimal(3)),
        ("type", "limit", "limit"),
        ("average_price", "1.7", Decimal("1.7")),
        ("reduce_only", False, False),
    ],
)
def test_a_field_that_is_stated_anew_is_replaced_and_the_rest_stays(
    world: Worlds, field: str, value: object, exact: object
) -> None:
    w = world(orders=True)
    w.record(pending("c1", "EURUSD", "accepted", **FIRST))
    before = w.order("c1")
    w.record(pending("c1", "EURUSD", "accepted", **{"type": FIRST["type"], field: value}))
    after = w.order("c1")
    assert getattr(after, field) == exact != getattr(before, field)
    others = [name for name in before.__struct_fields__ if name != field]
    assert [getattr(after, name) for name in others] == [getattr(before, name) for name in others]


def test_law_12_a_long_list_of_names_says_how_many_more_there_are() -> None:
    names = [f"n{number:03}" for number in range(NAMES_MAX + 2)]
    assert "more" not in listed(names[:NAMES_MAX])
    assert listed(names[: NAMES_MAX + 1]).endswith(" and 1 more")
    assert listed(names).endswith(" and 2 more")
