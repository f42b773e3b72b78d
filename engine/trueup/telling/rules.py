"""Which rules were in force, with which values, and who had said so?

Only those that bear on the kind of break in question. A value's source is found by holding the policy against its
preset and against the default policy: what equals neither was set by somebody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from trueup.decisions import BreakOf
from trueup.model import Surface, plain
from trueup.policy import Policy
from trueup.reconciliation.state import State
from trueup.telling.told import RuleSource, RuleTold

_PRESETS: Final = {"observe": Policy.observe(), "adopt": Policy.adopt(), "guarded": Policy.guarded()}
_GHOST: Final = (
    ("confirmations", "complete, independent answers that must lack it"),
    ("mass_absence_fraction_max", "more of the book than that missing at once, and nothing is closed"),
    ("mass_absence_count_min", "the size of book from which that rule holds"),
    ("mass_absence_window_s", "closings within that time count as missing"),
    ("confirmations_total", "answers that must lack it where a smaller book is gone whole"),
    ("total_absence_s", "the time that those answers must span"),
)
_ATTEMPTS: Final = (
    ("correction_attempts_max", "corrections of one key that did not hold, then a human decides"),
    ("correction_window_s", "the time within which those corrections are counted"),
)
_FILLS: Final = (
    ("inferred_s_max", "how long a correction's inference waits for its fill"),
    ("fill_window_days_max", "older fills are refused"),
)
_PER_SYMBOL: Final = (
    ("quantity_tolerance", "quantities this far apart agree"),
    ("price_tolerance", "prices this far apart agree; otherwise they compare at the coarser reported scale"),
    ("dust", "a position of at most this size counts as none"),
)


def rules_of(state: State, of: BreakOf, kind: str, symbol: str) -> tuple[RuleTold, ...]:
    """The rules that bear on a break of a kind, in the order in which they are applied."""
    return tuple(_order_rules(state, kind) if of == "order" else _rules(state, kind, symbol))


def _order_rules(state: State, kind: str) -> Iterator[RuleTold]:
    policy = state.policy
    if kind == "recovery":
        yield _knob(policy, "on_orphan_order", "what is done about an order at the broker that the book lacks")
    else:
        yield _knob(policy, f"on_{kind}", f"what is done about a confirmed {kind}")
    if kind == "ghost":
        yield _knob(policy, "confirmations", "independent look-ups that must not find it")
        yield _knob(policy, "action_queue_s_max", "how long the broker may still execute what was sent")
    else:
        yield _rule("witnesses", "2", "fixed", "one settled answer and a second, independent one")
    yield _knob(policy, "confirm_interval_ms", "between one answer and the asking of the next that counts, at least")
    yield _lag(state, "open_orders")


def _rules(state: State, kind: str, symbol: str) -> Iterator[RuleTold]:
    policy = state.policy
    if kind == "missed-fill":
        yield from (_knob(policy, name, meaning) for name, meaning in _FILLS)
        return
    yield _knob(policy, f"on_{kind}", f"what is done about a confirmed {kind}")
    if kind != "ghost":
        yield _rule("witnesses", "2", "fixed", "one settled observation and a second, independent one")
    yield from (_knob(policy, name, meaning) for name, meaning in (_GHOST if kind == "ghost" else ()))
    yield _knob(policy, "confirm_interval_ms", "between one answer and the asking of the next that counts, at least")
    yield _lag(state, "positions")
    settle_ms = state.settle_ns("positions") // 1_000_000
    source: RuleSource = "default" if policy.settle_ms is None else "changed"
    yield _rule("settle_ms", str(settle_ms), source, "between the book's last change and the asking, at least")
    yield _knob(policy, "in_flight_s_max", "how long an order that was sent may be moving its symbol")
    for name, meaning in _PER_SYMBOL:
        yield from _per_symbol(policy, name, symbol, meaning)
    yield from (_knob(policy, name, meaning) for name, meaning in _ATTEMPTS)


def _rule(name: str, value: str, source: RuleSource, meaning: str) -> RuleTold:
    return RuleTold(name=name, value=value, source=source, meaning=meaning)


def _knob(policy: Policy, name: str, meaning: str) -> RuleTold:
    value = getattr(policy, name)
    if value == getattr(_PRESETS["adopt"], name):
        source: RuleSource = "default"
    elif value == getattr(_PRESETS[policy.preset], name):
        source = "preset"
    else:
        source = "changed"
    return _rule(name, str(value), source, meaning)


def _lag(state: State, surface: Surface) -> RuleTold:
    own, declared = state.policy.lag_ms_max.get(surface), dict(state.lag_ms).get(surface)
    source: RuleSource = "changed" if own is not None else "default" if declared is None else "adapter"
    value = str(state.lag_ns(surface) // 1_000_000)
    meaning = f"how stale an answer about {surface.replace('_', ' ')} may be"
    return _rule(f"lag_ms_max.{surface}", value, source, meaning)


def _per_symbol(policy: Policy, name: str, symbol: str, meaning: str) -> Iterator[RuleTold]:
    """A knob with one value a symbol: told only where somebody set one for this symbol, or for the rest."""
    values: Mapping[str, object] = getattr(policy, name)
    for entry in (symbol, "*"):
        if entry in values:
            yield _rule(f"{name}.{entry}", plain(getattr(policy, name)[entry]), "changed", meaning)
            return
