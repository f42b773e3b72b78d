"""Which open break, or what of the book and the broker, does an operator mean by a name?

A break's id, a symbol, `#` and a ticket, or an order by either of its ids. What could mean two things is refused with
both: nothing is guessed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from trueup.decisions import BreakOf
from trueup.explain import named
from trueup.model import Key, Surface, elapsed_ns
from trueup.reconciliation.order_lifecycle import order_title
from trueup.reconciliation.state import Break, State

NAMES_MAX: Final = 5
"""Things that a refusal names; it says how many more there are (L60)."""
_SIZE: Final = frozenset({"quantity", "side"})


class Target(msgspec.Struct, frozen=True):
    """Open breaks of one key."""

    of: BreakOf
    key: Key
    breaks: tuple[Break, ...]
    """Those that are meant; by a break's id that one, with side and quantity as one."""

    @property
    def title(self) -> str:
        one = self.breaks[0]
        if self.of == "order":
            return f"order {one.ticket or order_title(self.key)} on {one.symbol}"
        return named(one.symbol, one.ticket)


def target(state: State, name: str) -> Target | str:
    """The open breaks that a name means; or why none, as a sentence with what there is."""
    every = [
        *(Target("position", key, state.breaks[key]) for key in sorted(state.breaks)),
        *(Target("order", key, state.order_breaks[key]) for key in sorted(state.order_breaks)),
    ]
    for one in every:
        for meant in one.breaks:
            if meant.id == name:
                fields = _SIZE if meant.field in _SIZE else {meant.field}
                return Target(one.of, one.key, tuple(b for b in one.breaks if b.field in fields))
    symbol = state.policy.canonical(name)
    keys = _keys(state, name, symbol)
    exact = [one for one in every if one.key in keys or (one.of == "order" and one.breaks[0].ticket == name)]
    found = exact or [one for one in every if one.of == "position" and one.breaks[0].symbol == symbol]
    if len(found) == 1:
        return found[0]
    if found:
        return f"{name} may mean {listed([_told(one) for one in found])}: name one of them by its id"
    what = listed([_told(one) for one in every])
    return f"there is no open break {name}; " + (f"there is {what}" if every else "no break is open")


def _keys(state: State, name: str, symbol: str) -> set[Key]:
    """The keys that a name may be: of a position, of an order of ours, of one that the book lacks."""
    return {name, symbol, f"@{name}", f"@~{name}", state.order_names.get(name) or name}


def _told(one: Target) -> str:
    kinds = ", ".join(f"{b.kind}{f' of {b.field}' if b.field else ''} {b.id}" for b in one.breaks)
    return f"{one.title} ({kinds})"


def listed(names: Sequence[str] | Iterable[str]) -> str:
    """A few names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - NAMES_MAX} more" if len(every) > NAMES_MAX else ""
    return ", ".join(every[:NAMES_MAX]) + more


def not_heard(state: State, surface: Surface) -> str | None:
    """Why the broker's last complete answer on a surface cannot be acted on now; None when it can.

    The newest answer must be that one, and no older than the gate allows a verification to be (law 4, L01).
    """
    view = state.view(surface)
    if not view.complete_received.at_ns:
        return f"the broker has never answered completely on {surface}"
    if not view.complete:
        return f"the broker's last answer on {surface} was not complete: {view.why}"
    age_ns, allowed_ns = elapsed_ns(view.complete_asked, state.at), state.policy.verified_age_ns_max()
    if age_ns > allowed_ns:
        age_s, allowed_s = age_ns // 1_000_000_000, allowed_ns // 1_000_000_000
        return f"the broker was last heard completely on {surface} {age_s} s ago, at most {allowed_s} s will do"
    return None
