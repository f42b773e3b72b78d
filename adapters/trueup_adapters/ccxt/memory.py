"""In which symbols does this account trade, as far as the adapter has been told or has seen?

Most exchanges find an order only together with its symbol, and a question names only its ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

ORDERS_MAX: Final = 10_000
"""Orders whose symbols are remembered (law 12); the oldest are forgotten first."""
SYMBOLS_MAX: Final = 200
"""Symbols that were seen, besides those declared (law 12)."""


class Memory:
    """Symbols by order, in ccxt's spelling."""

    def __init__(self, declared: Sequence[str] = ()) -> None:
        """`declared`: the symbols that the account trades, where the user names them."""
        self._declared = tuple(dict.fromkeys(declared))
        self._seen: dict[str, None] = {}
        self._orders: dict[str, str] = {}
        self._variants: dict[str, Mapping[str, object]] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """Declared ones first, then those that were seen."""
        return self._declared + tuple(symbol for symbol in self._seen if symbol not in self._declared)

    @property
    def declared(self) -> bool:
        """Whether the user named the symbols, so that there are no others but those seen."""
        return bool(self._declared)

    def met(self, symbol: str) -> None:
        """A position, order or execution in this symbol was seen."""
        if symbol not in self._seen and len(self._seen) < SYMBOLS_MAX:
            self._seen[symbol] = None

    def placed(self, symbol: str, *ids: str | None) -> None:
        """An order with these ids is, or will be, in this symbol."""
        self.met(symbol)
        for one in ids:
            if one is None:
                continue
            self._orders.pop(one, None)
            self._orders[one] = symbol
            if len(self._orders) > ORDERS_MAX:
                del self._orders[next(iter(self._orders))]

    def stands(self, order_id: str | None, variant: Mapping[str, object]) -> None:
        """In which of the exchange's lists an order stands, by the parameters that ask for it."""
        if order_id is None:
            return
        self._variants.pop(order_id, None)
        self._variants[order_id] = variant
        if len(self._variants) > ORDERS_MAX:
            del self._variants[next(iter(self._variants))]

    def variant_of(self, order_id: str) -> Mapping[str, object] | None:
        """The parameters that ask for the list in which an order stands; None where it is not known."""
        return self._variants.get(order_id)

    def symbol_of(self, one: str | None) -> str | None:
        """The symbol of the order with this id or client id; None where it is not known."""
        return None if one is None else self._orders.get(one)
