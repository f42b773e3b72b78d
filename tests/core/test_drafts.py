"""Does all that is changed in a draft stand in the state that it is sealed into, and nothing in the one before?"""

from __future__ import annotations

import pytest
from immutables import Map

from trueup.reconciliation.draft import _RARE_MAPS, _RARE_MEMORIES, Draft, _Rare
from trueup.reconciliation.memory import Memory
from trueup.reconciliation.state import State


def test_what_few_events_change_is_a_map_or_a_memory() -> None:
    assert {*_RARE_MAPS, *_RARE_MEMORIES} == set(_Rare.__struct_fields__)


@pytest.mark.parametrize("name", [*_RARE_MAPS, "book", "orders", "dirty"])
def test_a_map_that_is_changed(name: str) -> None:
    before = State()
    draft = Draft.of(before)
    getattr(draft, name)["k"] = "v"
    assert getattr(draft, name)["k"] == "v"
    after = draft.sealed()
    assert getattr(after, name) == Map({"k": "v"})
    assert getattr(before, name) == Map()
    again = Draft.of(after)
    del getattr(again, name)["k"]
    assert again.sealed() == before


@pytest.mark.parametrize("name", [*_RARE_MEMORIES, "closed", "executions", "ended_orders"])
def test_a_memory_that_is_added_to(name: str) -> None:
    before = State()
    draft = Draft.of(before)
    getattr(draft, name).put("k", "v")
    assert getattr(draft, name).get("k") == "v"
    after = draft.sealed()
    assert dict(getattr(after, name).young) == {"k": "v"}
    assert getattr(before, name) == Memory()
    others = [one for one in State.__struct_fields__ if one != name]
    assert [getattr(after, one) for one in others] == [getattr(before, one) for one in others]


def test_a_draft_of_which_nothing_is_changed_is_the_state_again() -> None:
    before = State(account="a:b", position=7)
    after = Draft.of(before).sealed()
    assert after == before
    assert all(getattr(after, name) is getattr(before, name) for name in ("closed", "executions", "views", "tally"))
