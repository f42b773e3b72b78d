"""What do we know of one key: is it there, provably not there, or can we not tell?

A *verdict* is `Present`, `Absent` with its proof, or `Unknown` with its reason (law 4): not being listed becomes
absence only when enough complete, independent answers agree, which `Sightings` counts. They are three types, so
that a failure can never pass for an empty list (L01, L06, L44).
"""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

import msgspec

from trueup.model import Moment, elapsed_ns

T = TypeVar("T")


class Present(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """The broker states it: what the broker says exists, exists."""

    value: T


class Absent(msgspec.Struct, frozen=True, gc=False):
    """It provably is not there."""

    proof: tuple[int, ...]
    """Journal positions of the complete, independent answers that do not list it."""


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """Nothing may be concluded: never a ghost, never a drift."""

    why: str


Verdict: TypeAlias = Present[T] | Absent | Unknown


class Sightings(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How often one and the same claim was seen by independent answers."""

    count: int
    first_asked: Moment
    last_received: Moment
    proof: tuple[int, ...]
    """Journal positions of the answers that counted, ascending; the first and the last few are kept."""


PROOF_MAX = 8
"""How many positions a proof names (law 12): the first and the latest ones."""


def independent(seen: Sightings, asked: Moment, *, spacing_ns: int) -> bool:
    """Whether an answer asked for at `asked` is a new witness: asked after the last one that counted had
    arrived, at least `spacing_ns` later, so that no cache or lag can have fed both."""
    return elapsed_ns(seen.last_received, asked) >= spacing_ns


def once(position: int, asked: Moment, received: Moment) -> Sightings:
    """The first sighting."""
    return Sightings(1, asked, received, (position,))


def again(seen: Sightings, position: int, received: Moment) -> Sightings:
    """One more sighting of the same claim."""
    proof = (*seen.proof, position)
    if len(proof) > PROOF_MAX:
        proof = (proof[0], *proof[2:])
    return Sightings(seen.count + 1, seen.first_asked, received, proof)
