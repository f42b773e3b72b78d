"""What does the book hold right now?

A `Book` is an immutable look at one moment: take it once and everything in it belongs together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from trueup.model import BookOrder, Holding, Key
from trueup.reconciliation.state import State


class Book:
    """The positions and orders of one account as the process believes them."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def account(self) -> str:
        """`broker:id`."""
        return self._state.account

    @property
    def position(self) -> int:
        """The journal position that this is the book of."""
        return self._state.position

    @cached_property
    def by_key(self) -> Mapping[Key, Holding]:
        """Held positions by key, in key order."""
        book = self._state.book
        return {key: holding for key in sorted(book) if (holding := book[key].holding) is not None}

    @property
    def positions(self) -> tuple[Holding, ...]:
        """Held positions, in key order."""
        return tuple(self.by_key.values())

    def by_ticket(self, ticket: str) -> Holding | None:
        """The position with that ticket; None when the book holds none."""
        direct = self._state.held("#" + ticket)
        if direct is not None and direct.ticket == ticket:
            return direct
        return next((one for one in self.positions if one.ticket == ticket), None)

    def by_symbol(self, symbol: str) -> tuple[Holding, ...]:
        """Every position in a symbol: several when hedging."""
        name = self._state.policy.canonical(symbol)
        return tuple(one for one in self.positions if one.symbol == name)

    @cached_property
    def orders(self) -> tuple[BookOrder, ...]:
        """Working orders, by client order id."""
        orders = self._state.orders
        return tuple(orders[name].order for name in sorted(orders))

    def order(self, client_order_id: str) -> BookOrder | None:
        """An order of ours, working or lately ended; None when the book never had it, or has forgotten it."""
        slot = self._state.order(client_order_id)
        return None if slot is None else slot.order

    def __len__(self) -> int:
        return len(self._state.book)
