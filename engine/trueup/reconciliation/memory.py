"""How are a great many things remembered by name: one at a time as they come, and all at once when a journal is folded?

A persistent map shares what it does not change, and makes each of a hundred thousand names pay for that. So what comes
in great numbers at once is kept in a plain dictionary that is never changed again, and what comes after it in a
persistent map, which is asked first. How a memory came about shows in its speed and nowhere else: memories that hold
the same are equal, and are saved as the same bytes.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from typing import Final, Generic, TypeVar

import msgspec
from immutables import Map

MANY: Final = 256
"""New names from which it pays to make a dictionary of them."""
MANY_SHARE: Final = 8
"""And at least one in that many of all, because all the others are copied into it."""

V = TypeVar("V")


class Generation(Mapping[str, V]):
    """Things by name, never changed: `joined` makes another one."""

    __slots__ = ("_later", "_many", "_size", "layers")

    def __init__(self, many: dict[str, V], later: Map[str, V], size: int) -> None:
        """
        many    its own from now on
        later   what goes before that under the same name
        size    how many names that are together
        """
        self._many = many
        self._later = later
        self._size = size
        self.layers: tuple[Mapping[str, V], ...] = (later, many) if later and many else (later or many,) if size else ()
        """What is to be asked for a name, in order: nothing that is empty."""

    def joined(self, new: dict[str, V], size: int) -> Generation[V]:
        """With what is new, which goes before what is here under the same name; `size` is then its size."""
        if len(new) >= MANY and len(new) * MANY_SHARE >= size:
            return Generation({**self._many, **self._later, **new} if self._size else new, Map(), size)
        return Generation(self._many, self._later.update(new), size)

    def __getitem__(self, name: str) -> V:
        return self._later[name] if name in self._later else self._many[name]

    def __contains__(self, name: object) -> bool:
        return name in self._later or name in self._many

    def __iter__(self) -> Iterator[str]:
        return iter({**self._many, **self._later})

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return repr(dict(self))

    def items(self) -> ItemsView[str, V]:
        """Everything with its name, in no order."""
        return {**self._many, **self._later}.items()


class Memory(msgspec.Struct, Generic[V], frozen=True):
    """The latest things by name, at least `limit` of them and at most twice that many (law 12)."""

    young: Generation[V] = Generation({}, Map(), 0)
    old: Generation[V] = Generation({}, Map(), 0)

    @property
    def layers(self) -> tuple[Mapping[str, V], ...]:
        """What is to be asked for a name, in order."""
        return (*self.young.layers, *self.old.layers)

    def get(self, name: str) -> V | None:
        """What is remembered under `name`."""
        for generation in (self.young, self.old):
            for layer in generation.layers:
                found = layer.get(name)
                if found is not None:
                    return found
        return None


class DraftMemory(Generic[V]):
    """A `Memory` that may be added to; until it is, it costs nothing."""

    __slots__ = ("_beside", "_layers", "_limit", "_memory", "_new")

    def __init__(self, memory: Memory[V], limit: int) -> None:
        self._memory = memory
        self._layers = memory.layers
        self._limit = limit
        self._new: dict[str, V] = {}
        self._beside = len(memory.young)
        """How many names of the young generation are not among the new ones."""

    def get(self, name: str) -> V | None:
        """What is remembered under `name`."""
        found = self._new.get(name)
        if found is None:
            for layer in self._layers:
                found = layer.get(name)
                if found is not None:
                    break
        return found

    def put(self, name: str, value: V) -> None:
        """Remember `value`; beyond the limit a new generation begins."""
        new = self._new
        if len(new) + self._beside >= self._limit:
            self.turn()
            new = self._new
        elif self._beside and name not in new and name in self._memory.young:
            self._beside -= 1
        new[name] = value

    def turn(self) -> None:
        """Begin a new generation: what is only in the older one is forgotten."""
        self._memory = Memory(old=self.sealed().young)
        self._layers = self._memory.layers
        self._new = {}
        self._beside = 0

    def sealed(self) -> Memory[V]:
        """The memory as it stands. The draft is spent."""
        if not self._new:
            return self._memory
        memory = self._memory
        return Memory(memory.young.joined(self._new, len(self._new) + self._beside), memory.old)
