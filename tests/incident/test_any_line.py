"""Whatever stands in a line: is it either meant, or refused with one sentence?"""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from incident.told import brought, pos, sees, when
from trueup import Policy
from trueup.incident import LineRefused, Rules, line_of
from trueup.incident.cells import shown
from trueup.incident.lines import hint_of
from trueup.journal import open_writer, verify

_names = count()

RULES = [Rules("netting", Policy.adopt()), Rules("hedging", Policy.adopt())]
WORDS = [
    "at",
    "kind",
    "surface",
    "complete",
    "positions",
    "orders",
    "fills",
    "why",
    "local",
    "fill",
    "order",
    "position",
    "command",
    "name",
    "who",
    "arguments",
    "account",
    "symbol",
    "side",
    "quantity",
    "ticket",
    "price",
    "stop",
    "strategy",
    "opened_at",
    "execution_id",
    "order_id",
    "client_order_id",
    "type",
    "status",
    "filled",
    "limit",
    "reduce_only",
    "fee",
    "fee_asset",
    "average_price",
    "parent",
    "scheduled_for",
]
TEXTS = [
    "snapshot",
    "failure",
    "local",
    "command",
    "open_orders",
    "long",
    "short",
    "buy",
    "sell",
    "pending",
    "filled",
    "ack",
    "limit",
    "0",
    "1",
    "-1",
    "0.5",
    "1e400",
    "NaN",
    "EURUSD",
]

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([*TEXTS, when(1), when(2.5), "2026-01-15T09:30:00", "\ud800", "\u2028", "x" * 5000]),
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=8),
    max_leaves=20,
)
rows = st.lists(st.dictionaries(st.sampled_from(WORDS), values, max_size=8) | values, max_size=3)
lines = st.fixed_dictionaries(
    {"at": st.just(when(1)) | values, "kind": st.sampled_from(["snapshot", "failure", "local", "command"]) | values},
    optional={
        "surface": st.sampled_from(["positions", "open_orders", "order", "fills"]) | values,
        "complete": st.booleans() | values,
        **dict.fromkeys(("positions", "orders", "fills"), rows | values),
        **{name: st.dictionaries(st.sampled_from(WORDS), values, max_size=8) for name in ("fill", "order", "position")},
        **dict.fromkeys(("why", "name", "who", "arguments", "account", "command", "order_id"), values),
    },
)


def judged(raw: bytes) -> str:
    """'' where it is meant, else the one bounded sentence that refuses it; under both modes alike refused or not."""
    why = ""
    for rules in RULES:
        try:
            assert line_of(raw, rules, account="mt5:1").at_ns > 0
        except LineRefused as refused:
            why = str(refused)
    hint_of(raw)
    return why


def is_sentence(why: str) -> bool:
    return why.isprintable() and len(why) < 1_000


@settings(max_examples=150, deadline=None)
@given(lines | values)
def test_l42_any_object(value: Any) -> None:
    assert is_sentence(judged(json.dumps(value).encode()))


@settings(max_examples=60, deadline=None)
@given(st.lists(lines, max_size=6))
@example([{"at": when(1), "kind": "failure", "surface": "positions", "why": "\ud800"}])
@example([{"at": when(1), "kind": "command", "name": "x", "arguments": {"a": "\ud800"}}])
@example([{"at": when(1), "kind": "command", "name": "x", "arguments": {"\ud800": "a"}}])
def test_any_recording_is_taken_or_refused_line_by_line(given: list[Any]) -> None:
    """What is meant can also be stored, and decided on."""
    url = f"memory://any-{next(_names)}"
    with open_writer(url, "mt5:keeper"):  # the store lives while it is open
        done = brought(url, [sees(0, pos("A")), *given])
        assert done.account.startswith(("import:", "mt5:1"))
        assert done.taken + done.refused_count == len(given) + 1
        assert verify(url, done.account).ok


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
@example(b"")
@example(b"\xef\xbb\xbf{}")
@example(b'{"at": 1e999999999}')
@example(b'{"at": "2026-01-15T09:30:00.1234567890123Z", "kind": "failure", "surface": "positions"}')
def test_any_bytes(raw: bytes) -> None:
    assert is_sentence(judged(raw))


@given(values)
def test_a_cell_is_shown_in_one_bounded_line(value: Any) -> None:
    assert shown(value).isprintable()
    assert len(shown(value)) <= 60
