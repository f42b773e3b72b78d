"""Both ends of each broker, for the contract: the simulated one, and MT5 with a gateway over real sockets."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, get_args

from trueup.model import PositionMode, Side
from trueup.testing.broker import SimulatedBroker, Trouble
from trueup_adapters.gateway import Control, Gateway, Ports
from trueup_adapters.gateway.replies import Dialect
from trueup_adapters.mt5 import CurveKeys, Mt5Broker


class SimulatedHarness:
    """A simulated broker is both ends in one."""

    def __init__(self, mode: PositionMode) -> None:
        self.broker = SimulatedBroker(position_mode=mode)
        self.troubles: frozenset[Trouble] = frozenset(get_args(Trouble))

    def open(self, symbol: str, side: Side, quantity: str, *, price: str, stop: str | None = None) -> str:
        return self.broker.open(symbol, side, quantity, price=price, stop=stop)

    def close(self, ticket: str) -> None:
        self.broker.close_position(key_in(self.broker, ticket))

    def trouble(self, *troubles: Trouble) -> None:
        self.broker.trouble(*troubles)

    def reconnect(self) -> None:
        self.broker.reconnect()


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


class GatewayHarness:
    """An Mt5Broker, and the strings of the gateway that it asks."""

    def __init__(self, broker: Mt5Broker, control: Control, ports: Ports) -> None:
        self.broker = broker
        self.control = control
        self.ports = ports
        self.troubles: frozenset[Trouble] = frozenset(FAULT_OF)

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
