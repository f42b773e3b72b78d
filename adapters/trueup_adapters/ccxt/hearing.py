"""What exactly did the exchange answer, while ccxt made something else of it?

ccxt hands on what it understood. The bodies themselves tell whether that was an answer at all (a body that breaks off
may end as an empty list, L03), what was left out, and what to keep as the raw reply. Each question hears its own
bodies, also while others are under way.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, Final

from trueup_adapters.ccxt.rows import list_in, row_in

BODIES_MAX: Final = 200
"""Bodies of one question that are kept (law 12)."""
RAW_BYTES_MAX: Final = 8_000_000
"""Bytes of one question's bodies that are kept (law 12)."""

_heard: ContextVar[list[str] | None] = ContextVar("trueup_ccxt_heard", default=None)


class NoAnswer(Exception):
    """What came is no answer of the exchange. Never leaves this package."""


def listen(exchange: Any) -> None:
    """Hear every body that comes to `exchange` from now on; once for each exchange object.

    ccxt calls `on_rest_response` with each reply so that it can be overridden. Anything that has none is not heard.
    Numbers of the replies stay the text they are: left to itself, ccxt makes floats of those that are not quoted (L35).
    """
    before: Callable[..., Any] | None = getattr(exchange, "on_rest_response", None)
    if before is None or getattr(before, "trueup_hears", False):
        return

    def heard(*arguments: Any, **named: Any) -> Any:
        body = before(*arguments, **named)
        bodies = _heard.get()
        if bodies is not None and isinstance(body, str) and len(bodies) < BODIES_MAX:
            bodies.append(body)
        return body

    heard.trueup_hears = True  # type: ignore[attr-defined]
    exchange.on_rest_response = heard
    exchange.on_json_response = functools.partial(json.loads, parse_float=str)


@contextmanager
def hearing() -> Generator[list[str]]:
    """The bodies that come while this is entered, in this task and those that it starts."""
    bodies: list[str] = []
    outer = _heard.get()
    token = _heard.set(bodies)
    try:
        yield bodies
    finally:
        _heard.reset(token)
        if outer is not None:
            outer.extend(bodies)


def raw_of(bodies: list[str]) -> bytes:
    """The bodies as one raw reply, a line each."""
    return "\n".join(bodies).encode()[:RAW_BYTES_MAX]


def decoded(bodies: list[str], *, empty: bool) -> list[object]:
    """Each body as JSON. Raises NoAnswer for one that is none, or that lists nothing at all where ccxt found
    nothing (`empty`): an object without any list, object or null in it cannot have said "none"."""
    found: list[object] = []
    for body in bodies:
        try:
            found.append(json.loads(body, parse_float=Decimal))
        except (ValueError, RecursionError) as error:
            raise NoAnswer(f"a reply of {len(body)} characters is no JSON: nothing may be concluded from it") from error
    if empty and found and not any(_lists_something(one) for one in found):
        raise NoAnswer("ccxt found no rows, and the reply holds no list that could have been empty (L03)")
    return found


def _lists_something(body: object) -> bool:
    if list_in(body) is not None:
        return True
    row: Mapping[str, object] = row_in(body) or {}
    return any(cell is None or list_in(cell) is not None or row_in(cell) is not None for cell in row.values())
