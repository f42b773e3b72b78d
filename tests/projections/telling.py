"""What do the read models of a story answer, and are they what its journal makes them?"""

from __future__ import annotations

from typing import Any

from lessons.world import World
from projections.orders_oracle import lives_are_those_of, orders_are_those_of  # noqa: TID251
from projections.tables import dicts, faults  # noqa: TID251
from trueup_projections import Views


def told(w: World, question: str) -> list[dict[str, Any]]:
    """What the read models answer, brought up to date first; and they are what the journal makes them."""
    with Views.open(w.url, page_events=2) as views:
        views.catch_up()
        orders_are_those_of(w.state, views.path)
        lives_are_those_of(w.account, w.journal(), views.path)
        assert faults(views.path) == []
        return dicts(views.path, question)


def only(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(one[column] for column in columns) for one in rows]
