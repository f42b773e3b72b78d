"""Is a memory the same however it came about: name by name, or many at once?"""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from trueup.reconciliation import memory
from trueup.reconciliation.memory import DraftMemory, Generation, Memory

LIMIT = 12
NAMES = st.integers(0, 40).map(lambda n: f"k{n}")
BATCHES = st.lists(st.lists(st.one_of(NAMES, st.just("turn")), max_size=30), max_size=12)


class Oracle:
    """Two dictionaries, and nothing that would make it quick."""

    def __init__(self) -> None:
        self.young: dict[str, int] = {}
        self.old: dict[str, int] = {}

    def put(self, name: str, value: int) -> None:
        if len(self.young) >= LIMIT:
            self.turn()
        self.young = {**self.young, name: value}

    def turn(self) -> None:
        self.young, self.old = {}, self.young


@given(batches=BATCHES, many=st.sampled_from([1, 3, 6, 100]), share=st.sampled_from([1, 2, 8]))
def test_it_holds_what_two_dictionaries_would(batches: list[list[str]], many: int, share: int) -> None:
    """However it is kept; and what was sealed before is not touched by what comes after."""
    kept: Memory[int] = Memory()
    oracle, sealed = Oracle(), [(kept, Oracle())]
    value = 0
    with mock.patch.multiple(memory, MANY=many, MANY_SHARE=share):
        for batch in batches:
            draft = DraftMemory(kept, LIMIT)
            for name in batch:
                value += 1
                if name == "turn":
                    draft.turn()
                    oracle.turn()
                    continue
                draft.put(name, value)
                oracle.put(name, value)
                assert draft.get(name) == value
            for name in ("k0", "k1", "k40", "nobody"):
                assert draft.get(name) == oracle.young.get(name, oracle.old.get(name))
            kept = draft.sealed()
            then = Oracle()
            then.young, then.old = oracle.young, oracle.old
            sealed.append((kept, then))
    for found, expected in sealed:
        same(found, expected)


def same(found: Memory[int], expected: Oracle) -> None:
    for generation, names in ((found.young, expected.young), (found.old, expected.old)):
        assert dict(generation) == dict(generation.items()) == names
        assert len(generation) == len(list(generation)) == len(names)
        assert all(name in generation for name in names)
        assert "nobody" not in generation
        assert all(layer for layer in generation.layers)
    for number in range(41):
        name = f"k{number}"
        assert found.get(name) == expected.young.get(name, expected.old.get(name))


@given(batches=BATCHES)
def test_one_by_one_is_equal_to_all_at_once(batches: list[list[str]]) -> None:
    one: Memory[int] = Memory()
    draft: DraftMemory[int] = DraftMemory(Memory(), LIMIT)
    with mock.patch.object(memory, "MANY", 4):
        for value, name in enumerate([name for batch in batches for name in batch], 1):
            single = DraftMemory(one, LIMIT)
            for opened in (single, draft):
                if name == "turn":
                    opened.turn()
                else:
                    opened.put(name, value)
            one = single.sealed()
        all_at_once = draft.sealed()
    assert one == all_at_once
    assert repr(all_at_once).startswith("Memory(young={")
    assert one != Memory(old=Generation({"else": 1}, Map(), 1))
    assert (one == 1) is False


def test_many_at_once_are_not_copied_again_for_one_more() -> None:
    """What makes it quick: one more name touches a small map, and few among many do not copy the many."""
    draft: DraftMemory[int] = DraftMemory(Memory(), 10_000)
    for number in range(memory.MANY * 4):
        draft.put(f"k{number}", number)
    (many,) = draft.sealed().young.layers
    after = DraftMemory(draft.sealed(), 10_000)
    after.put("one more", 1)
    later, still = after.sealed().young.layers
    assert still is many
    assert dict(later) == {"one more": 1}
    more = DraftMemory(after.sealed(), 10_000)
    for number in range(memory.MANY):
        more.put(f"m{number}", number)
    (joined,) = more.sealed().young.layers
    assert len(joined) == memory.MANY * 5 + 1


def test_a_name_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Generation({"a": 1}, Map({"b": 2}), 2)["c"]
