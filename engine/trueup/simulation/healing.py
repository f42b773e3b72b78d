"""For how long were the two sides of a history apart, and what brought them together again?

From the exchange's own past and from the journal, not from what trueup says of its breaks: sizes only, key by key, by
virtual time. A position that our bot itself opened is apart, too, until the message of its fill was written down; what
ends such a stretch tells the two kinds from each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from trueup.decisions import BaselineTaken
from trueup.model import Key, add
from trueup.simulation.history import History, Turn, quantities, true_key
from trueup.simulation.loop import MS

if TYPE_CHECKING:
    from trueup.simulation.world import World

Sizes: TypeAlias = dict[Key, Decimal]
By: TypeAlias = Literal["message", "missed-fill", "recovery", "ghost", "drift", "baseline", "broker", "nothing"]
BY: Final[tuple[By, ...]] = (
    "message", "missed-fill", "recovery", "ghost", "drift", "baseline", "broker", "nothing",
)  # fmt: skip
"""What ends a difference: our own process recorded what it was told; a correction, by its kind; the first answer; the
broker came back to what the book held; or nothing did before the history ended."""


class Heal(msgspec.Struct, frozen=True):
    """One stretch of time in which one key was apart."""

    key: Key
    since_ms: int
    """When it began, in virtual milliseconds."""
    ms: int
    by: By


class Healing(msgspec.Struct, frozen=True, kw_only=True):
    """How one history came together."""

    heals: tuple[Heal, ...] = ()
    """By their ends."""
    after_ms: int | None = None
    """From when faults stopped until the two sides were never apart again; None: they are in the end, as under a policy
    that leaves corrections to people."""
    allowed_ms: int = 0
    """How long that may have taken: until then law 2 demands nothing."""


def healing(world: World, history: History) -> Healing:
    """Every stretch in which a key's two sides held different sizes."""
    held: Sizes = {}
    true: Sizes = {}
    since: dict[Key, int] = {}
    heals: list[Heal] = []
    last_ns = 0
    for now_ns, by, state in _moments(world, history):
        before = true if by is None else held
        changed = {key for key in {*before, *state} if before.get(key) != state.get(key)}
        if by is None:
            true = state
        else:
            held = state
        for key in sorted(changed):
            if held.get(key) != true.get(key):
                since.setdefault(key, now_ns)
            elif key in since:
                began_ns = since.pop(key)
                if now_ns > began_ns:
                    ended: By = "broker" if by is None else by.get(key, "message")
                    heals.append(Heal(key, began_ns // MS, (now_ns - began_ns) // MS, ended))
                    last_ns = now_ns
    end_ns = world.loop.now_ns
    heals += [Heal(key, began // MS, (end_ns - began) // MS, "nothing") for key, began in sorted(since.items())]
    after_ms = None if since else max(0, last_ns - world.quiet_ns) // MS
    return Healing(heals=tuple(heals), after_ms=after_ms, allowed_ms=(end_ns - world.quiet_ns) // MS)


def _moments(world: World, history: History) -> Iterator[tuple[int, Mapping[Key, By] | None, Sizes]]:
    """(virtual ns, what brought it about by key, all that a side holds from then on), in order. None: it is the side of
    the broker, which comes first where both changed at once."""
    found: list[tuple[int, Mapping[Key, By] | None, Sizes]] = []
    for at_ns, rows in world.exchange.past:
        found.append((at_ns, None, {key: row.signed_quantity for key, row in rows.items()}))
    now_ns = 0
    for turn in history.turns:
        now_ns = max(now_ns, world.written_ns.get(turn.position, now_ns))
        if turn.after.book is not turn.before.book:
            found.append((now_ns, _by(turn), _sizes(turn)))
    found.sort(key=lambda one: (one[0], one[1] is not None))
    return iter(found)


def _sizes(turn: Turn) -> Sizes:
    found: Sizes = {}
    for key, quantity in quantities(turn.after).items():
        name = true_key(key)
        found[name] = add(found[name], quantity) if name in found else quantity
    return {key: quantity for key, quantity in found.items() if quantity}


def _by(turn: Turn) -> dict[Key, By]:
    """What each key that a turn's decisions changed was changed by."""
    found: dict[Key, By] = {}
    for one in turn.decisions:
        if isinstance(one, BaselineTaken):
            found |= dict.fromkeys(map(true_key, turn.after.book), "baseline")
        made = getattr(one, "correction", None)
        if made is not None:
            found[true_key(getattr(one, "key", ""))] = made.kind
    return found
