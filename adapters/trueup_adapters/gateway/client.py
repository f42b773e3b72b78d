"""How does somebody change what the gateway's terminal holds, or make it misbehave?

`Control` is synchronous: when a call returns, the change is complete, and every later question sees it.
"""

from __future__ import annotations

from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import msgspec
import zmq

from trueup.model import TradeSide

Number: TypeAlias = Decimal | str | int
REPLY_MS_MAX: Final = 10_000
_REPLY = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
"""Volumes and prices come back with the digits they left with (L35)."""


class ControlError(Exception):
    """The gateway did not do it: the text is its own, or says that it cannot be reached."""


class Control:
    """The strings of one gateway. Close it, or use it in a `with`."""

    def __init__(self, url: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REQ)
        self._socket.linger = 0
        self._socket.rcvtimeo = REPLY_MS_MAX
        self._socket.sndtimeo = REPLY_MS_MAX
        self._socket.connect(url)
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; the gateway stays as it is."""
        self._context.destroy(linger=0)

    # -- the terminal --------------------------------------------------------------------------------------

    def open(
        self,
        symbol: str,
        side: TradeSide,
        volume: Number,
        price: Number = "1",
        *,
        sl: Number | None = None,
        magic: int = 0,
        comment: str = "",
        client_id: str | None = None,
    ) -> int:
        """Trade at the market; returns the position's ticket."""
        return int(
            self._do(
                "open",
                symbol=symbol,
                side=side,
                volume=volume,
                price=price,
                sl=sl,
                magic=magic,
                comment=comment,
                client_id=client_id,
            )
        )

    def close_position(self, which: int | str, volume: Number | None = None, price: Number | None = None) -> int:
        """Close a position, or part of it, with a deal; returns its ticket."""
        return int(self._do("close", which=which, volume=volume, price=price))

    def resize(self, which: int | str, volume: Number) -> int:
        """Give a position another volume, without a deal."""
        return int(self._do("resize", which=which, volume=volume))

    def set_stop(self, which: int | str, sl: Number | None) -> int:
        """Move a position's stop; None removes it."""
        return int(self._do("set_stop", which=which, sl=sl))

    def vanish(self, which: int | str) -> int:
        """Lose a position, without a deal (L02)."""
        return int(self._do("vanish", which=which))

    def deposit(self, amount: Number) -> int:
        """Add a balance entry to the ledger (L45)."""
        return int(self._do("deposit", amount=amount))

    # -- its orders ----------------------------------------------------------------------------------------

    def place(
        self,
        symbol: str,
        side: TradeSide,
        type: str,
        volume: Number,
        price: Number | None = None,
        *,
        client_id: str | None = None,
        magic: int = 0,
        comment: str = "",
    ) -> int:
        """Place an order, `limit`, `stop` or `market`; returns its number. A client id is placed once."""
        return int(
            self._do(
                "place",
                symbol=symbol,
                side=side,
                type=type,
                volume=volume,
                price=price,
                client_id=client_id,
                magic=magic,
                comment=comment,
            )
        )

    def fill(self, order: int | str, volume: Number | None = None, price: Number | None = None) -> int:
        """Fill an order, or part of it, with a deal, even one that has ended (L17); its position's ticket."""
        return int(self._do("fill", which=order, volume=volume, price=price))

    def cancel(self, order: int | str) -> int:
        """End a working order, as a person at the terminal does."""
        return int(self._do("cancel", which=order))

    def reject(self, order: int | str) -> int:
        """Refuse an order that had been taken."""
        return int(self._do("reject", which=order))

    def set_state(self, order: int | str, word: str) -> int:
        """Put any word in the place of an order's state (L41)."""
        return int(self._do("set_state", which=order, word=word))

    # -- the gateway ---------------------------------------------------------------------------------------

    def misbehave(self, kind: str, **arguments: object) -> None:
        """From now on: `faults.KINDS` (with `times`, None for ever; `action`), or `restart`, or `down`."""
        self._do("misbehave", kind=kind, **arguments)

    def behave(self) -> None:
        """No faults any more, and listening again."""
        self._do("behave")

    def state(self) -> dict[str, Any]:
        """What the terminal holds, what is still to go wrong, and how many requests have come in.

        Fractions are `Decimal`, exactly as the terminal has them.
        """
        return dict(self._do("state"))

    def stop(self) -> None:
        """End the gateway."""
        self._do("stop")

    def _do(self, what: str, **arguments: object) -> Any:
        given = {name: str(cell) if isinstance(cell, Decimal) else cell for name, cell in arguments.items()}
        try:
            self._socket.send(msgspec.json.encode({"do": what, **given}))
            reply = _REPLY.decode(self._socket.recv())
        except zmq.ZMQError as error:
            raise ControlError(f"{self._url} does not answer: {error}") from error
        if not reply.get("ok"):
            raise ControlError(str(reply.get("error")))
        return reply.get("result")
