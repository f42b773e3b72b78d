"""What does the account behind the gateway hold, and how does it change?

A state machine without I/O: the same calls in the same order give the same tickets and deals. Its clock is an
argument. Quantities are exact; a hedging terminal holds one position per ticket, a netting one per symbol.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.model import EXACT, ZERO, PositionMode, TradeSide, exact, name_of

Ticket: TypeAlias = int
TICKET_FIRST: Final = 100_001
DEALS_MAX: Final = 100_000
PAST_MAX: Final = 64
"""How many earlier states are kept, for a terminal whose answers are stale."""


class TerminalError(Exception):
    """The terminal refuses: the text says why, as a gateway would pass it on."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One position as the terminal holds it."""

    ticket: Ticket
    symbol: str
    side: TradeSide
    volume: Decimal
    """In lots, > 0: the sign is in `side`."""
    price: Decimal
    sl: Decimal | None = None
    """None: there is none."""
    tp: Decimal | None = None
    magic: int = 0
    comment: str = ""
    time_s: int = 0


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the account's ledger."""

    deal: int
    kind: Literal["buy", "sell", "balance"]
    symbol: str = ""
    volume: Decimal = ZERO
    price: Decimal = ZERO
    order: int = 0
    position: Ticket = 0
    entry: Literal["in", "out", "inout"] = "in"
    commission: Decimal = ZERO
    magic: int = 0
    comment: str = ""
    client_id: str | None = None
    time_s: int = 0


class State(msgspec.Struct, kw_only=True):
    """All that a terminal is; what is written to its state file."""

    position_mode: PositionMode
    positions: dict[Ticket, Position] = {}
    deals: list[Deal] = []
    next_ticket: Ticket = TICKET_FIRST
    next_deal: int = 1
    changes: int = 0


class Terminal:
    """One account: positions and deals, and the few things that can be done to them."""

    def __init__(
        self,
        position_mode: PositionMode = "hedging",
        *,
        now_s: Callable[[], int] = lambda: 1_704_153_600,
        state: State | None = None,
    ) -> None:
        self.state = state or State(position_mode=position_mode, positions={}, deals=[])
        self._now_s = now_s
        self._past: deque[dict[Ticket, Position]] = deque(maxlen=PAST_MAX)

    @property
    def position_mode(self) -> PositionMode:
        return self.state.position_mode

    @property
    def positions(self) -> tuple[Position, ...]:
        """What is held now, oldest ticket first."""
        return tuple(self.state.positions.values())

    def positions_before(self, changes: int) -> tuple[Position, ...]:
        """What was held that many changes ago, as far back as is remembered."""
        if changes < 1 or not self._past:
            return self.positions
        return tuple(self._past[-min(changes, len(self._past))].values())

    def deals_since(self, since_s: int | None) -> tuple[Deal, ...]:
        """The ledger from that moment on, by the terminal's clock."""
        return tuple(deal for deal in self.state.deals if since_s is None or deal.time_s >= since_s)

    # -- changes -------------------------------------------------------------------------------------------

    def open(
        self,
        symbol: str,
        side: TradeSide,
        volume: Decimal | str | int,
        price: Decimal | str | int = "1",
        *,
        sl: Decimal | str | int | None = None,
        magic: int = 0,
        comment: str = "",
        client_id: str | None = None,
    ) -> Ticket:
        """A deal at the market: a new position when hedging, a change of the symbol's one when netting.

        Returns the ticket of the position it belongs to. Raises TerminalError or BadNumber.
        """
        name_of(symbol, what="symbol")
        size, paid = _positive(volume, "volume"), exact(price, what="price")
        if side not in ("buy", "sell"):
            raise TerminalError(f"side is {side!r}; it is 'buy' or 'sell'")
        held = self._held(symbol) if self.position_mode == "netting" else None
        if held is None:
            self._remember()
            opened = Position(
                ticket=self._next_ticket(),
                symbol=symbol,
                side=side,
                volume=size,
                price=paid,
                sl=None if sl is None else exact(sl, what="sl") or None,
                magic=magic,
                comment=comment,
                time_s=self._now_s(),
            )
            self.state.positions[opened.ticket] = opened
            self._deal(opened, side, size, paid, "in", client_id)
            return opened.ticket
        self._remember()
        self._net(held, side, size, paid, client_id)
        return held.ticket

    def close(
        self,
        which: Ticket | str,
        volume: Decimal | str | int | None = None,
        price: Decimal | str | int | None = None,
        *,
        client_id: str | None = None,
    ) -> Ticket:
        """Close a position, or `volume` of it, with a deal. `which` is a ticket or, of a single one, a symbol."""
        held = self.find(which)
        size = held.volume if volume is None else _positive(volume, "volume")
        if size > held.volume:
            raise TerminalError(f"position {held.ticket} holds {held.volume}, less than {size}")
        paid = held.price if price is None else exact(price, what="price")
        self._remember()
        self._deal(held, "sell" if held.side == "buy" else "buy", size, paid, "out", client_id)
        self._keep(held, EXACT.subtract(held.volume, size))
        return held.ticket

    def resize(self, which: Ticket | str, volume: Decimal | str | int) -> Ticket:
        """Give a position another volume without any deal: what a lost message or a split looks like."""
        held = self.find(which)
        size = _positive(volume, "volume")
        self._remember()
        self._keep(held, size)
        return held.ticket

    def set_stop(self, which: Ticket | str, sl: Decimal | str | int | None) -> Ticket:
        """Move a position's stop; None or 0 removes it."""
        held = self.find(which)
        self._remember()
        stop = None if sl is None else exact(sl, what="sl") or None
        self.state.positions[held.ticket] = msgspec.structs.replace(held, sl=stop)
        return held.ticket

    def vanish(self, which: Ticket | str) -> Ticket:
        """Lose a position without any deal: what no broker should do, and some did (L02)."""
        held = self.find(which)
        self._remember()
        del self.state.positions[held.ticket]
        return held.ticket

    def deposit(self, amount: Decimal | str | int) -> int:
        """A balance entry of the ledger, with an empty symbol (L45). Returns its number."""
        exact(amount, what="amount")
        self._remember()
        return self._append(Deal(deal=self.state.next_deal, kind="balance", time_s=self._now_s()))

    # -- looking up ----------------------------------------------------------------------------------------

    def find(self, which: Ticket | str) -> Position:
        """The position of a ticket, or the only one of a symbol. Raises TerminalError."""
        if isinstance(which, str) and not which.isdigit():
            of_symbol = [position for position in self.positions if position.symbol == which]
            if len(of_symbol) == 1:
                return of_symbol[0]
            raise TerminalError(f"{which} has {len(of_symbol)} positions; name one by its ticket")
        held = self.state.positions.get(int(which))
        if held is None:
            raise TerminalError(f"no position has the ticket {which}")
        return held

    def _held(self, symbol: str) -> Position | None:
        return next((position for position in self.positions if position.symbol == symbol), None)

    # -- inner parts ---------------------------------------------------------------------------------------

    def _net(self, held: Position, side: TradeSide, size: Decimal, paid: Decimal, client_id: str | None) -> None:
        """Add to, reduce, or turn the one position of a symbol."""
        if side == held.side:
            total = EXACT.add(held.volume, size)
            worth = EXACT.add(EXACT.multiply(held.price, held.volume), EXACT.multiply(paid, size))
            average = EXACT.divide(worth, total).quantize(Decimal("0.00000001"), context=EXACT)
            self._deal(held, side, size, paid, "in", client_id)
            self.state.positions[held.ticket] = msgspec.structs.replace(
                held, volume=total, price=EXACT.normalize(average)
            )
            return
        rest = EXACT.subtract(held.volume, size)
        self._deal(held, side, size, paid, "out" if rest >= 0 else "inout", client_id)
        if rest >= 0:
            self._keep(held, rest)
        else:
            self.state.positions[held.ticket] = msgspec.structs.replace(
                held, side=side, volume=rest.copy_abs(), price=paid
            )

    def _keep(self, held: Position, volume: Decimal) -> None:
        if volume:
            self.state.positions[held.ticket] = msgspec.structs.replace(held, volume=volume)
        else:
            del self.state.positions[held.ticket]

    def _deal(
        self,
        of: Position,
        side: TradeSide,
        size: Decimal,
        paid: Decimal,
        entry: Literal["in", "out", "inout"],
        client_id: str | None,
    ) -> None:
        self._append(
            Deal(
                deal=self.state.next_deal,
                kind=side,
                symbol=of.symbol,
                volume=size,
                price=paid,
                order=self._next_ticket(),
                position=of.ticket,
                entry=entry,
                magic=of.magic,
                comment=of.comment,
                client_id=client_id,
                time_s=self._now_s(),
            )
        )

    def _append(self, deal: Deal) -> int:
        if len(self.state.deals) >= DEALS_MAX:
            raise TerminalError(f"the ledger is full: {DEALS_MAX} deals")
        self.state.deals.append(deal)
        self.state.next_deal += 1
        return deal.deal

    def _next_ticket(self) -> Ticket:
        ticket = self.state.next_ticket
        self.state.next_ticket += 1
        return ticket

    def _remember(self) -> None:
        """Note the state before a change."""
        self._past.append(dict(self.state.positions))
        self.state.changes += 1


def _positive(value: Decimal | str | int, what: str) -> Decimal:
    number = exact(value, what=what)
    if number <= ZERO:
        raise TerminalError(f"{what} is {number}; it must be greater than 0")
    return number
