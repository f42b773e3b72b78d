"""What exactly did the exchange answer, while ccxt made something else of it?

ccxt hands on what it understood. The bodies themselves tell whether that was an answer at all (a body that breaks off
may end as an empty list, L03), what was left out, and what to keep as the raw reply. Each question hears its own
bodies, also while others are under way.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, Final

from trueup_adapters.ccxt.rows import list_in, printable, row_in, word

BODIES_MAX: Final = 200
"""Bodies of one question that are kept (law 12)."""
RAW_BYTES_MAX: Final = 8_000_000
"""Bytes of one question's bodies that are kept (law 12)."""

TOO_MANY: Final = frozenset({418, 429})
"""HTTP's ways of saying "too many requests", whatever the body says, and whatever ccxt makes of that."""


class Heard(list[str]):
    """The bodies of one question."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: set[int] = set()
        """The HTTP status of each."""


_heard: ContextVar[Heard | None] = ContextVar("trueup_ccxt_heard", default=None)


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
        if bodies is not None and arguments and isinstance(arguments[0], int):
            bodies.codes.add(arguments[0])
        return body

    heard.trueup_hears = True  # type: ignore[attr-defined]
    exchange.on_rest_response = heard
    exchange.on_json_response = functools.partial(json.loads, parse_float=str)


@contextmanager
def hearing() -> Generator[Heard]:
    """The bodies that come while this is entered, in this task and those that it starts."""
    bodies = Heard()
    outer = _heard.get()
    token = _heard.set(bodies)
    try:
        yield bodies
    finally:
        _heard.reset(token)
        if outer is not None:
            outer.extend(bodies)
            outer.codes |= bodies.codes


def raw_of(bodies: Sequence[str]) -> bytes:
    """The bodies as one raw reply, a line each."""
    return "\n".join(bodies).encode()[:RAW_BYTES_MAX]


def decoded(bodies: Sequence[str], *, empty: bool) -> list[object]:
    """Each body as JSON. Raises NoAnswer for one that is none. Where ccxt found nothing (`empty`), also when none of
    them lists anything (an object without any list, object or null in it cannot have said "none"), and when one of
    them complains: an empty list beside an error means nothing (L48), and ccxt does not know every error."""
    found: list[object] = []
    for body in bodies:
        try:
            found.append(json.loads(body, parse_float=Decimal))
        except (ValueError, RecursionError) as error:
            raise NoAnswer(f"a reply of {len(body)} characters is no JSON: nothing may be concluded from it") from error
    if empty and found and not any(_lists_something(one) for one in found):
        raise NoAnswer("ccxt found no rows, and the reply holds no list that could have been empty (L03)")
    complaint = next((said for one in found if (said := _complaint(one)) is not None), None) if empty else None
    if complaint is not None:
        raise NoAnswer(f"ccxt found no rows, and the reply complains: {printable(complaint)} (L48)")
    return found


def is_quoted(bodies: Sequence[str], error: BaseException) -> bool:
    """Whether an exception repeats what the exchange said, so that it is the exchange's and no conclusion of ccxt's."""
    said = str(error)
    for body in bodies:
        try:
            row = row_in(json.loads(body)) or {}
        except (ValueError, RecursionError):
            row = {}
        texts = [body, *(cell for cell in row.values() if isinstance(cell, str))]
        if any(len(text) > 3 and text in said for text in texts):
            return True
    return not bodies  # nothing was heard: whoever answered, it was not over HTTP


_FAILED: Final = frozenset({"error", "err", "fail", "failed", "failure", "nok"})
_NOTHING: Final = frozenset({"", "0", "none", "null", "ok", "success", "noerror"})
_COMPLAINS: Final = re.compile(
    r"error|fail|unavailable|maintenance|time[sd]? ?out|too (many|frequent)|denied|invalid|expired|busy|forbidden"
    r"|suspend|overload|limit exceeded|rate limit|not allowed|unauthori[sz]ed|signature|try again"
)


def _complaint(body: object) -> str | None:
    """What a decoded body says went wrong, by its outermost cells; None where it says no such thing."""
    cells = {word(name): cell for name, cell in (row_in(body) or {}).items()}
    for name in ("success", "ok"):
        if cells.get(name) is False or word(cells.get(name)) == "false":
            return f"{name} is false"
    for name in ("status", "result", "state"):
        if word(cells.get(name)) in _FAILED:
            return f"{name} is {cells[name]}"
    for name in ("error", "errors", "err", "errormsg", "errmsg", "errormessage", "exception"):
        cell = cells.get(name)
        if cell and word(cell if isinstance(cell, str | int) else "x") not in _NOTHING:
            return f"{name} is {str(cell)[:100]}"
    for name in ("msg", "message", "retmsg"):
        text = cells.get(name)
        if isinstance(text, str) and word(text) not in _NOTHING and _COMPLAINS.search(text.lower()):
            return text
    return None


def _lists_something(body: object) -> bool:
    if list_in(body) is not None:
        return True
    row: Mapping[str, object] = row_in(body) or {}
    return any(cell is None or list_in(cell) is not None or row_in(cell) is not None for cell in row.values())
