"""Which broker can be told exactly what to do? `SimulatedBroker`, in this process, without a network.

Deterministic: the same calls in the same order give the same tickets and answers. It is the smallest thing that
passes `trueup.testing.broker_contract`, and so a model to write an adapter by.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.errors import InputError
from trueup.model import (
    BrokerPosition,
    Execution,
    Key,
    PositionMode,
    Refusal,
    Side,
    Stop,
    Surface,
    add,
    exact,
    name_of,
    plain,
    side_of,
    signed,
    symbol_key,
    ticket_key,
)
from trueup.ports import Answer, Capabilities, Question, failed, unsupported

Trouble: TypeAlias = Literal[
    "silence",
    "empty",
    "failure",
    "garbage",
    "truncated",
    "bad_row",
    "bad_number",
    "twin",
    "contradiction",
    "stale",
    "unsupported",
]
"""What one answer can be troubled by:

silence        no answer ever comes: whoever asked must give up
empty          a successful answer that lists nothing, whatever there is (L02)
failure        a failure that carries an empty list (L48)
garbage        bytes that are no answer at all
truncated      an answer that breaks off
bad_row        the first row is of a kind that nobody knows (L41, L42)
bad_number     the first row's quantity is NaN (L43)
twin           the first row is there twice, in the same words (L29)
contradiction  the first row is there twice, with different quantities (L29)
stale          the answer of one change ago
unsupported    the broker does not know the question
"""

TICKET_FIRST: Final = 1
_Row: TypeAlias = BrokerPosition | str
"""A row as it would be on a wire: a position, or what is wrong with it."""


class SimulatedBroker:
    """One account at a broker that does as it is told. A `trueup.ports.Broker`.

    `open`, `close_position`, `resize` and `set_stop` change what truly exists; `trouble` lets coming answers go
    wrong; `truth` is what truly exists, for a test to compare with.
    """

    def __init__(
        self,
        *,
        position_mode: PositionMode = "hedging",
        surfaces: frozenset[Surface] = frozenset({"positions", "fills"}),
        lag_ms_max: int = 0,
        source: str = "simulated",
    ) -> None:
        """An account without positions. `lag_ms_max` is declared for each of `surfaces`, in ms."""
        self._capabilities = Capabilities(
            source=source,
            position_mode=position_mode,
            surfaces=surfaces,
            lag_ms_max=dict.fromkeys(sorted(surfaces), lag_ms_max),
        )
        self._rows: dict[Key, BrokerPosition] = {}
        self._before: dict[Key, BrokerPosition] = {}
        self._executions: list[Execution] = []
        self._next_ticket = TICKET_FIRST
        self._troubles: deque[Trouble] = deque()
        self._handed: Mapping[Key, BrokerPosition] = {}
        self._connections = 0
        self._connected = False
        self._closed = False
        self.asked: list[Question] = []
        """Every question that has come in."""

    # -- as a broker ---------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """Known without asking anybody; never changes."""
        return self._capabilities

    @property
    def connections(self) -> int:
        """How many times a connection has come about (L10)."""
        return self._connections

    async def ask(self, question: Question) -> Answer:
        """One attempt at `question`."""
        if self._closed:
            return failed("this broker was closed")
        self.asked.append(question)
        if not self._connected:
            self._connected = True
            self._connections += 1
        if question.surface not in self._capabilities.surfaces:
            return unsupported(f"this broker does not offer {question.surface}")
        trouble = self._troubles.popleft() if self._troubles else None
        if trouble == "silence":
            await asyncio.Event().wait()  # until whoever asked gives up
        if trouble == "failure":
            return failed("the broker says FAILED: terminal is not connected", raw=b"FAILED []")
        if trouble == "garbage":
            return failed("the answer is not text", raw=b"\xff\xfe")
        if trouble == "truncated":
            return failed("the answer breaks off", raw=b"[")
        if trouble == "unsupported":
            return unsupported("the broker does not know this question", raw=b"unknown action")
        if question.surface == "fills":
            return self._fills(trouble)
        if question.surface == "positions":
            return self._positions(trouble)
        return unsupported(f"a simulated broker cannot answer for {question.surface}")

    async def close(self) -> None:
        """Let go. Afterwards every question fails."""
        self._closed = True

    # -- as an account -------------------------------------------------------------------------------------

    @property
    def truth(self) -> dict[Key, BrokerPosition]:
        """What truly exists, by key."""
        return dict(self._rows)

    def open(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal | str | int,
        *,
        price: Decimal | str | int | None = None,
        stop: Decimal | str | int | None = None,
    ) -> str:
        """Trade: a new position when hedging, a change of the symbol's one when netting. Returns the ticket.

        Raises BadNumber and InputError for what no broker would take.
        """
        size = _size(quantity)
        move = signed(side, size)
        key, held = self._netted(symbol)
        ticket = str(self._next_ticket) if held is None or held.ticket is None else held.ticket
        self._next_ticket += 1
        paid = None if price is None else exact(price, what="price")
        self._execute(symbol, ticket, move, paid)
        total = move if held is None else add(held.signed_quantity, move)
        if not total:
            del self._rows[key or ticket_key(ticket)]
        else:
            self._rows[key or ticket_key(ticket)] = BrokerPosition(
                symbol=name_of(symbol, what="symbol"),
                signed_quantity=total,
                ticket=ticket,
                price=paid,
                stop=Stop(None if stop is None else exact(stop, what="stop")),
            )
        return ticket

    def close_position(self, which: str) -> None:
        """Close what a ticket (or, when netting, a symbol) names, with an execution."""
        key = self._key(which)
        held = self._rows[key]
        self._execute(held.symbol, held.ticket, held.signed_quantity.copy_negate(), held.price)
        del self._rows[key]

    def resize(self, which: str, quantity: Decimal | str | int) -> None:
        """Give a position another size without any execution."""
        key, size = self._key(which), _size(quantity)
        self._note()
        held = self._rows[key]
        moved = signed(side_of(held.signed_quantity), size)
        self._rows[key] = msgspec.structs.replace(held, signed_quantity=moved)

    def set_stop(self, which: str, price: Decimal | str | int | None) -> None:
        """Move a position's stop; None removes it."""
        key = self._key(which)
        self._note()
        stop = Stop(None if price is None else exact(price, what="stop"))
        self._rows[key] = msgspec.structs.replace(self._rows[key], stop=stop)

    def vanish(self, which: str) -> None:
        """Lose a position, without any execution (L02)."""
        key = self._key(which)
        self._note()
        del self._rows[key]

    def trouble(self, *troubles: Trouble) -> None:
        """Let the coming answers go wrong, one each, in this order."""
        self._troubles.extend(troubles)

    def reconnect(self) -> None:
        """Lose the connection; the next question makes another one (L10)."""
        self._connected = False

    # -- inner parts ---------------------------------------------------------------------------------------

    def _netted(self, symbol: str) -> tuple[Key | None, BrokerPosition | None]:
        """When netting: the symbol's key and what is held there."""
        if self._capabilities.position_mode == "hedging":
            return None, None
        return symbol_key(symbol), self._rows.get(symbol_key(symbol))

    def _key(self, which: str) -> Key:
        for key in (which, ticket_key(which)):
            if key in self._rows:
                return key
        raise InputError(f"nothing is held as {which!r}")

    def _note(self) -> None:
        self._before = dict(self._rows)

    def _execute(self, symbol: str, ticket: str | None, move: Decimal, price: Decimal | None) -> None:
        self._note()
        execution_id = f"x{len(self._executions) + 1}"
        self._executions.append(
            Execution(execution_id=execution_id, symbol=symbol, signed_quantity=move, price=price, ticket=ticket)
        )

    def _fills(self, trouble: Trouble | None) -> Answer:
        executions = tuple(self._executions) if trouble != "empty" else ()
        raw = "\n".join(execution.execution_id for execution in executions)
        return Answer(completeness="complete", dialect="simulated", executions=executions, raw=raw.encode())

    def _positions(self, trouble: Trouble | None) -> Answer:
        source = {} if trouble == "empty" else self._before if trouble == "stale" else self._rows
        rows: list[_Row] = list(source.values())
        if rows:
            _troubled(rows, trouble)
        positions, refused = self._judged(rows)
        if positions == self._handed:
            positions = self._handed  # the very same object says that nothing changed
        self._handed = positions
        return Answer(
            completeness="partial" if refused else "complete",
            why=f"{len(refused)} of {len(rows)} rows could not be used" if refused else "",
            dialect="simulated",
            positions=positions,
            refused=refused,
            raw="\n".join(_text(row) for row in rows).encode(),
        )

    def _judged(self, rows: list[_Row]) -> tuple[Mapping[Key, BrokerPosition], tuple[Refusal, ...]]:
        """Rows judged one by one (L42), and none of two that contradict each other believed (L29)."""
        netting = self._capabilities.position_mode == "netting"
        positions: dict[Key, BrokerPosition] = {}
        refused: list[Refusal] = []
        for number, row in enumerate(rows, 1):
            if isinstance(row, str):
                refused.append(Refusal(number, row))
                continue
            key = symbol_key(row.symbol) if netting else ticket_key(row.ticket or "")
            twin = next((r for r in rows if r is not row and isinstance(r, BrokerPosition) and r == row), None)
            other = [r for r in rows if isinstance(r, BrokerPosition) and r.ticket == row.ticket and r != row]
            if other or (twin is not None and key in positions):
                refused.append(Refusal(number, "its ticket is listed twice", row.symbol, row.ticket))
            else:
                positions[key] = row
        return positions, tuple(refused)


def _troubled(rows: list[_Row], trouble: Trouble | None) -> None:
    """Spoil the first row, or add a second one to it."""
    first = rows[0]
    assert isinstance(first, BrokerPosition)
    if trouble == "bad_row":
        rows[0] = "its kind is unknown"
    elif trouble == "bad_number":
        rows[0] = "its quantity is NaN"
    elif trouble == "twin":
        rows.append(msgspec.structs.replace(first))
    elif trouble == "contradiction":
        twice = add(first.signed_quantity, first.signed_quantity)
        rows.append(msgspec.structs.replace(first, signed_quantity=twice))


def _text(row: _Row) -> str:
    if isinstance(row, str):
        return row
    price = "" if row.price is None else plain(row.price)
    stop = "" if row.stop is None or row.stop.price is None else plain(row.stop.price)
    return " ".join((row.ticket or "", row.symbol, plain(row.signed_quantity), price, stop))


def _size(quantity: Decimal | str | int) -> Decimal:
    size = exact(quantity, what="quantity")
    if size <= 0:
        raise InputError(f"quantity is {plain(size)}; it must be greater than 0")
    return size
