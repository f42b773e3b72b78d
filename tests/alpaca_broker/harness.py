"""Both ends of one Alpaca adapter: the broker to ask, and the strings of the fake that it asks."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, Literal

from trueup.model import Side, TradeSide
from trueup.testing.alpaca import Control, FakeAlpaca
from trueup.testing.broker import ActionTrouble, Trouble
from trueup_adapters.alpaca import AlpacaBroker

FAULT_OF: Final[dict[Trouble, tuple[str, dict[str, Any]]]] = {
    "silence": ("silence", {}),
    "empty": ("empty", {}),
    "failure": ("status", {"status": 500, "text": "[]"}),
    "garbage": ("garbage", {}),
    "truncated": ("truncated", {}),
    "bad_row": ("bad_row", {}),
    "bad_number": ("nan", {}),
    "twin": ("twin", {"differs": False}),
    "contradiction": ("twin", {"differs": True}),
    "stale": ("stale", {"changes": 1}),
}
ACTION_FAULT_OF: Final[dict[ActionTrouble, tuple[str, dict[str, Any]]]] = {
    "silence": ("silence", {}),
    "lost_ack": ("lost_ack", {"how": "silence"}),
    "refusal": ("status", {"status": 403, "text": '{"code": 40310000, "message": "account is not allowed to trade"}'}),
    "garbage": ("garbage", {}),
}


class AlpacaHarness:
    """An AlpacaBroker, and the fake that it asks. What the contract calls a ticket is a symbol here."""

    def __init__(self, broker: AlpacaBroker, control: Control) -> None:
        self.broker = broker
        self.control = control
        self.troubles: frozenset[Trouble] = frozenset(FAULT_OF)
        self.action_troubles: frozenset[ActionTrouble] = frozenset(ACTION_FAULT_OF)

    def open(self, symbol: str, side: Side, quantity: str, *, price: str, stop: str | None = None) -> str:
        self.control.open(symbol, side, quantity, price=price)
        return symbol

    def close(self, ticket: str) -> None:
        self.control.close(ticket)

    def trouble(self, *troubles: Trouble) -> None:
        for trouble in troubles:
            kind, how = FAULT_OF[trouble]
            self.control.misbehave(kind, on=("positions", "orders", "order", "activities"), **how)

    def reconnect(self) -> None:
        self.control.cut()
        self.control.misbehave("cut", on=("positions", "orders", "order", "activities", "submit"))

    def place(
        self,
        symbol: str,
        side: TradeSide,
        type: Literal["limit", "stop"],
        quantity: str,
        *,
        price: str,
        client_id: str | None = None,
    ) -> str:
        return self.control.place(symbol, side, type, quantity, price=price, client_id=client_id)

    def fill(self, order_id: str, quantity: str, *, price: str) -> str:
        return self.control.fill(order_id, quantity, price=price)

    def cancel(self, order_id: str) -> None:
        self.control.cancel(order_id)

    def reject(self, order_id: str) -> None:
        self.control.reject(order_id)

    def say(self, order_id: str, word: str) -> None:
        self.control.say(order_id, word)

    def forget(self, order_id: str, times: int) -> None:
        self.control.forget(order_id, times)

    def trouble_actions(self, *troubles: ActionTrouble) -> None:
        for trouble in troubles:
            kind, how = ACTION_FAULT_OF[trouble]
            self.control.misbehave(kind, on=("submit", "cancel", "close"), **how)

    def held(self, ticket: str) -> Decimal:
        return self.control.held(ticket)

    def orders_of(self, client_id: str) -> int:
        return len(self.control.orders(client_id))


def broker_of(fake: FakeAlpaca, **settings: Any) -> AlpacaBroker:
    """A broker that asks the fake."""
    return AlpacaBroker((fake.key_id, fake.secret), url=fake.url, **settings)


@contextmanager
def alpaca(**settings: Any) -> Generator[AlpacaHarness]:
    """A fake, and a broker that asks it. Whoever uses it closes the broker in its own loop."""
    with FakeAlpaca() as fake:
        yield AlpacaHarness(broker_of(fake, **settings), fake.control)
