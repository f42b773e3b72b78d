"""How does the demo's trading process send an order, and learn of its fill?

Orders go through the gateway's control socket, as if the terminal's own desk had placed them. The fill is read from
the account's deals: its id, price and ticket are the broker's own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec
import zmq

from trueup import Fill
from trueup_adapters.demo.lines import Trade
from trueup_adapters.gateway import Control

MAGIC: Final = 7
"""By this mark in the broker's rows the demo's strategy recognises its own positions."""
STRATEGY: Final = "trend"
REPLY_MS_MAX: Final = 5_000
_REPLY: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class Desk:
    """Sends market orders, and looks their fills up."""

    def __init__(self, url: str, control_url: str) -> None:
        self._control = Control(control_url)
        self._context = zmq.Context()
        self._url = url

    def send(self, order: Trade, client_id: str) -> str:
        """Trade at the market; the ticket of the position. Raises ControlError."""
        ticket = self._control.open(
            order.symbol, order.side, order.volume, order.price, magic=MAGIC, client_id=client_id
        )
        return str(ticket)

    def fill_of(self, client_id: str) -> Fill:
        """The fill of an order, as the account's deals state it. Raises LookupError, zmq.ZMQError."""
        with self._context.socket(zmq.REQ) as socket:
            socket.linger = 0
            socket.rcvtimeo = socket.sndtimeo = REPLY_MS_MAX
            socket.connect(self._url)
            socket.send(msgspec.json.encode({"action": "GET_DEALS", "symbol": "*"}))
            reply = _REPLY.decode(socket.recv())
        deal = next((row for row in reply["deals"] if row["client_id"] == client_id), None)
        if deal is None:
            raise LookupError(f"the account's deals know no order {client_id}")
        return Fill(
            execution_id=str(deal["deal"]),
            symbol=deal["symbol"],
            side=deal["type"],
            quantity=deal["volume"],
            price=deal["price"],
            client_order_id=client_id,
            order_id=str(deal["order"]),
            ticket=str(deal["position"]),
            strategy=STRATEGY,
        )

    def close(self) -> None:
        """Let go of both connections."""
        self._control.close()
        self._context.destroy(linger=0)
