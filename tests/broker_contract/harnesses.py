"""Both ends of each broker, for the contract: the simulated one, and MT5 with a gateway over real sockets."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final, Literal, get_args

from trueup.model import PositionMode, Side, TradeSide
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, ActionTrouble, SimulatedBroker, Trouble
from trueup_adapters.gateway import Control, Gateway, Ports
from trueup_adapters.gateway.replies import Dialect
from trueup_adapters.gateway.vocabulary import ACTING
from trueup_adapters.mt5 import CurveKeys, Mt5Broker


class SimulatedHarness:
    """A simulated broker is both ends in one."""

    def __init__(self, mode: PositionMode) -> None:
        self.broker = SimulatedBroker(position_mode=mode, surfaces=ALL_SURFACES, actions=ALL_ACTIONS)
        self.troubles: frozenset[Trouble] = frozenset(get_args(Trouble))
        self.action_troubles: frozenset[ActionTrouble] = frozenset(get_args(ActionTrouble))

    def open(self, symbol: str, side: Side, quantity: str, *, price: str, stop: str | None = None) -> str:
        return self.broker.open(symbol, side, quantity, price=price, stop=stop)

    def close(self, ticket: str) -> None:
        self.broker.close_position(key_in(self.broker, ticket))

    def trouble(self, *troubles: Trouble) -> None:
        self.broker.trouble(*troubles)

    def reconnect(self) -> None:
        self.broker.reconnect()

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
        return self.broker.place(symbol, side, type, quantity, price, client_id=client_id)

    def fill(self, order_id: str, quantity: str, *, price: str) -> str:
        return self.broker.fill(order_id, quantity, price)

    def cancel(self, order_id: str) -> None:
        self.broker.cancel(order_id)

    def reject(self, order_id: str) -> None:
        self.broker.reject(order_id)

    def say(self, order_id: str, word: str) -> None:
        self.broker.say(order_id, word)

    def forget(self, order_id: str, times: int) -> None:
        self.broker.forget(order_id, times)

    def trouble_actions(self, *troubles: ActionTrouble) -> None:
        self.broker.trouble_actions(*troubles)

    def held(self, ticket: str) -> Decimal:
        held = [position for position in self.broker.truth.values() if position.ticket == ticket]
        return held[0].signed_quantity if held else Decimal(0)

    def orders_of(self, client_id: str) -> int:
        return [order.client_order_id for order in self.broker.orders.values()].count(client_id)


def key_in(broker: SimulatedBroker, ticket: str) -> str:
    """The key under which a ticket stands, whatever the mode."""
    return next(key for key, position in broker.truth.items() if position.ticket == ticket)


FAULT_OF: Final[dict[Trouble, tuple[str, dict[str, object]]]] = {
    "silence": ("silence", {}),
    "empty": ("empty", {}),
    "failure": ("failure", {}),
    "garbage": ("garbage", {}),
    "truncated": ("truncated", {}),
    "bad_row": ("unknown_type", {}),
    "bad_number": ("nan_volume", {}),
    "twin": ("twin", {"differs": False}),
    "contradiction": ("twin", {"differs": True}),
    "stale": ("stale", {"changes": 1}),
    "unsupported": ("unknown_action", {}),
}


ACTION_FAULT_OF: Final[dict[ActionTrouble, str]] = {
    "silence": "silence",
    "lost_ack": "lost_ack",
    "refusal": "reject",
    "garbage": "garbage",
}


class GatewayHarness:
    """An Mt5Broker, and the strings of the gateway that it asks."""

    def __init__(self, broker: Mt5Broker, control: Control, ports: Ports) -> None:
        self.broker = broker
        self.control = control
        self.ports = ports
        self.troubles: frozenset[Trouble] = frozenset(FAULT_OF)
        self.action_troubles: frozenset[ActionTrouble] = frozenset(ACTION_FAULT_OF)

    def open(self, symbol: str, side: Side, quantity: str, *, price: str, stop: str | None = None) -> str:
        return str(self.control.open(symbol, "buy" if side == "long" else "sell", quantity, price, sl=stop))

    def close(self, ticket: str) -> None:
        self.control.close_position(ticket)

    def trouble(self, *troubles: Trouble) -> None:
        for trouble in troubles:
            kind, arguments = FAULT_OF[trouble]
            self.control.misbehave(kind, **arguments)

    def reconnect(self) -> None:
        self.control.misbehave("restart")

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
        return str(self.control.place(symbol, side, type, quantity, price, client_id=client_id))

    def fill(self, order_id: str, quantity: str, *, price: str) -> str:
        return str(self.control.fill(order_id, quantity, price))

    def cancel(self, order_id: str) -> None:
        self.control.cancel(order_id)

    def reject(self, order_id: str) -> None:
        self.control.reject(order_id)

    def say(self, order_id: str, word: str) -> None:
        self.control.set_state(order_id, word)

    def forget(self, order_id: str, times: int) -> None:
        self.control.misbehave("forget_orders", order=int(order_id), times=times)

    def trouble_actions(self, *troubles: ActionTrouble) -> None:
        for trouble in troubles:
            for action in sorted(ACTING):
                self.control.misbehave(ACTION_FAULT_OF[trouble], action=action)

    def held(self, ticket: str) -> Decimal:
        held = [row for row in self.control.state()["positions"] if str(row["ticket"]) == ticket]
        volume = Decimal(held[0]["volume"]) if held else Decimal(0)
        return volume if not held or held[0]["type"] == "buy" else -volume

    def orders_of(self, client_id: str) -> int:
        return [row["client_id"] for row in self.control.state()["orders"]].count(client_id)


@contextmanager
def simulated(mode: PositionMode = "hedging") -> Generator[SimulatedHarness]:
    yield SimulatedHarness(mode)


@contextmanager
def gateway(
    *,
    mode: PositionMode = "hedging",
    dialect: Dialect = 1,
    echo: bool = True,
    curve: tuple[str, str] | None = None,
) -> Generator[tuple[Control, Ports]]:
    """A gateway in a thread, on ports of its own choice."""
    ready: queue.SimpleQueue[Ports] = queue.SimpleQueue()
    served = Gateway(mode=mode, dialect=dialect, echo=echo, curve=curve)
    thread = threading.Thread(target=served.run, args=(ready.put,), daemon=True)
    thread.start()
    ports = ready.get(timeout=10)
    with Control(ports.control_url) as control:
        try:
            yield control, ports
        finally:
            control.stop()
            thread.join(timeout=10)
            assert not thread.is_alive()


@contextmanager
def mt5(
    *,
    mode: PositionMode = "hedging",
    dialect: Dialect = 1,
    echo: bool = True,
    timeout_ms: int | None = None,
    server_keys: tuple[str, str] | None = None,
    client_keys: CurveKeys | None = None,
) -> Generator[GatewayHarness]:
    """A gateway, and a broker that asks it. Whoever uses it closes the broker in its own loop."""
    with gateway(mode=mode, dialect=dialect, echo=echo, curve=server_keys) as (control, ports):
        broker = Mt5Broker(ports.url, position_mode=mode, timeout_ms=timeout_ms, curve=client_keys)
        yield GatewayHarness(broker, control, ports)
