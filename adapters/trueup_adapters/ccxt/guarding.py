"""How is one row that ccxt cannot read kept from taking the whole list with it?

ccxt reads a list row by row and lets the first exception end it all: one `NaN` makes a hundred good positions
unreadable (L42). Its readers of single rows are wrapped, so that a row which it cannot read comes out as what it is.
Where ccxt reckons with numbers that were left as text, it is given floats for that row: their digits are taken from the
exchange's own row afterwards (L35).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from trueup_adapters.ccxt.rows import UNREAD, row_in

_READERS: Final = ("parse_position", "parse_position_risk", "parse_account_position", "parse_order", "parse_trade")
_FAR_MS: Final = 4_000_000_000_000
"""Later than any moment that is asked for: ccxt's filters by time let an unread row pass."""


def guard(exchange: Any) -> None:
    """From now on a row that `exchange` cannot read is handed on, with `UNREAD`; once for each exchange object."""
    for name in _READERS:
        reader: Callable[..., Any] | None = getattr(exchange, name, None)
        if reader is not None and not getattr(reader, "trueup_guards", False):
            setattr(exchange, name, _guarded(exchange, reader))


def _guarded(exchange: Any, reader: Callable[..., Any]) -> Callable[..., Any]:
    def with_floats(*arguments: Any, **named: Any) -> Any:
        number, exchange.number = exchange.number, float
        try:
            return reader(*arguments, **named)
        finally:
            exchange.number = number

    def guarded(given: Any, market: Any = None, *more: Any, **named: Any) -> Any:
        try:
            try:
                return reader(given, market, *more, **named)
            except Exception:  # noqa: BLE001 - ccxt reckons with what it took for numbers
                return with_floats(given, market, *more, **named)
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over, the other rows are to be read
            symbol = (row_in(market) or {}).get("symbol")
            why = f"{type(error).__name__}: {error}"
            return {"id": None, "symbol": symbol, "timestamp": _FAR_MS, "info": given, UNREAD: why}

    guarded.trueup_guards = True  # type: ignore[attr-defined]
    return guarded
