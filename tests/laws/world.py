"""What truly happened, and who was told of it when?

A `World` is a broker with its whole history of truth, a trading process whose messages arrive late, twice and in any
order, and a ledger that observes. It is played by small steps (plain tuples), so that a failing history shrinks to
one that can be read. Every oracle is the world's own sum over its own truth; nothing here asks trueup's `compare`.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from msgspec.structs import replace

from laws.stores import MS, FakeClock, ListJournal
from trueup.changes import Command, Fill, OrderUpdate, PositionSet, PushedExecution
from trueup.decisions import BreakMoved, Correction, Decision
from trueup.errors import JournalError
from trueup.ledger import Asking, Claim, Committed, Ledger
from trueup.model import BrokerPosition, Execution, Key, PositionMode, Refusal
from trueup.policy import Policy
from trueup.ports import Answer, failed, unsupported
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State

SYMBOLS = ("AUD", "BTC", "CHF", "DAX")
PRICES = dict(zip(SYMBOLS, map(Decimal, ("1.1", "20000", "0.95", "15000.5")), strict=True))
"""One price each: what a position cost does then not depend on the order in which fills are told."""
LAG_MS = 1_000
Tracked: TypeAlias = Literal["pending", "late", "untracked"]
"""Whether the process records an order before it sends it, when it hears of it, or never."""


@dataclass
class Order:
    """One order of the process's own, as the broker carries it out."""

    client: str
    order_id: str
    tracked: Tracked
    symbol: str
    ticket: str | None


@dataclass
class Asked:
    """A question under way."""

    asking: Asking
    at_ms: int


@dataclass
class Made:
    """A correction, and what the broker held meanwhile."""

    key: Key
    correction: Correction
    asked_ms: int
    received_ms: int


class World:
    """A broker, a process and a ledger, on one clock."""

    def __init__(
        self,
        mode: PositionMode = "netting",
        policy: Policy | None = None,
        *,
        named_by: Literal["ticket", "order"] = "ticket",
        baseline: bool = True,
        priced: bool = True,
        scale: Decimal = Decimal(1),
        context: decimal.Context | None = None,
    ) -> None:
        self.mode: PositionMode = mode
        self.policy = policy or patient()
        self.named_by = named_by
        """How a hedging fill that opens names its position: by ticket, or by the order that became it (MT5)."""
        self.baseline = baseline
        self.priced = priced
        """Whether the broker's rows state a price."""
        self.scale = scale
        """What every quantity is multiplied by: how many digits it has."""
        self.context = context or decimal.Context()
        """The decimal context of the thread that calls the ledger; the world's own sums are never made in it."""
        self.clock = FakeClock()
        self.journal = ListJournal()
        self.truth: dict[Key, BrokerPosition] = {}
        self.history: list[tuple[int, dict[Key, BrokerPosition]]] = [(self.now_ms, {})]
        self.executions: list[tuple[int, Execution]] = []
        self.messages: list[Fill | OrderUpdate] = []
        """Sent by the broker, not heard yet."""
        self.heard: list[Fill | OrderUpdate] = []
        self.lost = 0
        self.made: list[Made] = []
        self.last: tuple[str, Answer, Asking] | None = None
        self.refused_appends = 0
        self._asked: Asked | None = None
        self._count = 0
        self.ledger = self._open()

    # -- time and tenure -----------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        return self.clock.now_ns // MS

    def _open(self) -> Ledger:
        claim = Claim(policy=self.policy, position_mode=self.mode, baseline=self.baseline)
        with decimal.localcontext(self.context):
            return Ledger(self.journal, self.clock, claim)

    def restart(self) -> None:
        """The process dies and starts again; what the broker sends it is sent again."""
        self.journal.troubles.clear()
        self._asked = None
        self.ledger.close()
        self.ledger = self._open()

    # -- the broker ----------------------------------------------------------------------------------------

    def held(self, since_ms: int, until_ms: int) -> list[dict[Key, BrokerPosition]]:
        """Every state of the broker that held at some moment of the span, the oldest first."""
        inside = [state for at, state in self.history if since_ms < at <= until_ms]
        before = [state for at, state in self.history if at <= since_ms]
        return [*before[-1:], *inside]

    def _note(self) -> None:
        self.history.append((self.now_ms, dict(self.truth)))

    def change(self, key: Key, row: BrokerPosition | None) -> None:
        """The truth changes, and nobody is told."""
        if row is None:
            self.truth.pop(key, None)
        else:
            self.truth[key] = row
        self._note()

    def holds(self, rows: Mapping[Key, BrokerPosition]) -> None:
        """From now on the broker holds just this."""
        self.truth = dict(rows)
        self._note()

    def move(self, symbol: str, quantity: Decimal, ticket: str | None) -> Key:
        """A signed quantity is traded: a new row, a change of one, or its end."""
        key = symbol if self.mode == "netting" else f"#{ticket}"
        held = self.truth.get(key)
        total = quantity + (held.signed_quantity if held else 0)
        price = PRICES[symbol] if self.priced else None
        row = held or BrokerPosition(symbol, total, ticket=ticket, price=price)
        self.change(key, replace(row, signed_quantity=total) if total else None)
        return key

    # -- the process ---------------------------------------------------------------------------------------

    def trade(self, symbol: str, parts: Iterable[int], tracked: Tracked, close: int | None = None) -> None:
        """The process sends an order, which the broker carries out in parts; the messages are on their way.

        close   hedging: which held position it reduces, by number; None opens one
        """
        parts = [part * self.scale for part in parts if part]
        ticket = self._closing(close, parts) if self.mode == "hedging" else None
        if self.mode == "hedging" and close is not None and ticket is None:
            return
        self._count += 1
        order_id = str(self._count)
        opens = ticket is None and self.mode == "hedging"
        if ticket is not None:
            symbol = self.truth[f"#{ticket}"].symbol
        order = Order(f"c{order_id}", order_id, tracked, symbol, order_id if opens else ticket)
        if tracked == "pending":
            self.record(self._update(order, sum(parts, Decimal()), "pending"))
        self.clock.advance(1)
        for number, part in enumerate(parts):
            self.move(symbol, part, order.ticket)
            self._tell(order, part, f"{order_id}-{number}", opens)
        if tracked != "untracked":
            self.messages.append(self._update(order, sum(parts, Decimal()), "filled"))

    def _closing(self, close: int | None, parts: list[Decimal]) -> str | None:
        """The ticket to reduce; `parts` take its sign and never exceed it."""
        if close is None or not self.truth:
            return None
        row = self.truth[sorted(self.truth)[close % len(self.truth)]]
        left = abs(row.signed_quantity)
        for place, part in enumerate(parts):
            size = min(abs(part), left)
            left -= size
            parts[place] = -size if row.signed_quantity > 0 else size
        parts[:] = [part for part in parts if part]
        return row.ticket

    def _update(self, order: Order, total: Decimal, status: str) -> OrderUpdate:
        return OrderUpdate(
            client_order_id=order.client,
            symbol=order.symbol,
            side="buy" if total >= 0 else "sell",
            type="market",
            quantity=abs(total) or Decimal(1),
            status=status,
            order_id=None if status == "pending" else order.order_id,
        )

    def _tell(self, order: Order, quantity: Decimal, execution_id: str, opens: bool) -> None:
        by_order = opens and self.named_by == "order"
        fill = Fill(
            execution_id=execution_id,
            symbol=order.symbol,
            side="buy" if quantity > 0 else "sell",
            quantity=abs(quantity),
            price=PRICES[order.symbol],
            client_order_id=None if order.tracked == "untracked" and not by_order else order.client,
            order_id=order.order_id if self.mode == "hedging" else None,
            ticket=None if by_order else order.ticket,
            strategy="mine",
        )
        self.messages.append(fill)
        self.executions.append((self.now_ms, replace(execution_of(fill), ticket=order.ticket)))

    def record(self, change: Fill | OrderUpdate | PositionSet) -> Committed | None:
        """The process records something; None when our own store failed."""
        return self._told(lambda: self.ledger.record(change))

    def _told(self, call: Any) -> Committed | None:
        try:
            with decimal.localcontext(self.context):
                committed: Committed = call()
        except JournalError:
            self.refused_appends += 1
            return None
        return committed

    def hear(self, which: int, times: int = 1, *, pushed: bool = False) -> None:
        """One message arrives, some times over; or the broker pushes its execution, and it stays to be told."""
        if not self.messages:
            return
        place = which % len(self.messages)
        message = self.messages[place]
        if pushed:
            if isinstance(message, Fill):
                self._told(lambda: self.ledger.push(PushedExecution(fill=message)))
            return
        for _ in range(times):
            if self.record(message) is None:
                return  # not recorded: the process will hear of it again
        self.heard.append(self.messages.pop(place))

    def hear_again(self, which: int) -> None:
        """A message that was heard before is repeated."""
        if self.heard:
            self.record(self.heard[which % len(self.heard)])

    def hear_all(self) -> None:
        """Every message arrives at last."""
        while self.messages:
            self.hear(0)

    def lose(self, which: int) -> None:
        """A message never arrives."""
        if self.messages:
            self.messages.pop(which % len(self.messages))
            self.lost += 1

    # -- observing -----------------------------------------------------------------------------------------

    def ask(self) -> None:
        """A question is put."""
        self._asked = Asked(self.ledger.asking(), self.now_ms)

    def answer(self, stale: int = 0, *, rows: int | None = None, identity: str = "") -> Committed | None:
        """The question under way is answered, from any state the broker had within the lag.

        stale   which of them, 0 the newest
        rows    a partial answer: which rows it states, as bits
        """
        asked = self._asked or Asked(self.ledger.asking(), self.now_ms)
        states = self.held(asked.at_ms - LAG_MS, self.now_ms)
        state = states[-1 - stale % len(states)]
        if rows is None:
            return self.give(Answer(completeness="complete", positions=dict(state)), identity=identity)
        some = {key: row for place, (key, row) in enumerate(sorted(state.items())) if rows >> place & 1}
        return self.give(Answer(completeness="partial", why="a page is missing", positions=some), identity=identity)

    def answer_deals(self, stale: int = 0, *, complete: bool = True) -> Committed | None:
        """What the broker lists of its executions."""
        since = max(0, len(self.executions) - stale)
        known = [execution for at, execution in self.executions[:since] if at <= self.now_ms]
        answer = Answer(
            completeness="complete" if complete else "partial", why="" if complete else "a page", executions=known
        )
        return self.give(answer, surface="fills")

    def give(self, answer: Answer, *, surface: Any = "positions", identity: str = "") -> Committed | None:
        """An answer reaches the ledger."""
        asked = self._asked or Asked(self.ledger.asking(), self.now_ms)
        self._asked = None
        self.last = (surface, answer, asked.asking)
        committed = self._told(lambda: self.ledger.observe(surface, answer, asked.asking, identity=identity))
        if committed is not None:
            self._corrected(committed.decisions, asked)
        return committed

    def _corrected(self, decisions: Iterable[Decision], asked: Asked) -> None:
        for one in decisions:
            if isinstance(one, BreakMoved) and one.correction is not None:
                self.made.append(Made(one.key, one.correction, asked.at_ms, self.now_ms))

    def look(self, times: int = 1, *, apart_ms: int = 2 * LAG_MS + 1) -> None:
        """Complete, timely answers, far enough apart to be independent."""
        for _ in range(times):
            self.clock.advance(apart_ms)
            self.ask()
            self.answer()

    def glitch(self, kind: str) -> None:
        """What a broker may say instead of the truth."""
        if kind == "failed":
            self.give(failed("no answer"))
        elif kind == "unsupported":
            self.give(unsupported("unknown action"))
        elif kind == "empty":
            self.give(Answer(completeness="complete", positions={}))
        elif kind == "refused":
            rows = dict(sorted(self.truth.items())[1:])
            why = (Refusal(1, "its quantity is NaN", SYMBOLS[0]),)
            self.give(Answer(completeness="partial", why="1 row refused", positions=rows, refused=why))

    def acknowledge(self) -> None:
        """An operator says that what is missing is gone."""
        command = Command(name="ack", who="ada", why="I looked", arguments={"what": "mass-absence"})
        self._told(lambda: self.ledger.command(command))

    # -- the oracle ----------------------------------------------------------------------------------------

    def book(self) -> dict[Key, Decimal]:
        """What the book holds, by key."""
        slots = self.ledger.state.book
        return {key: slot.holding.signed_quantity for key, slot in slots.items() if slot.holding is not None}

    def meant(self) -> dict[Key, Decimal]:
        """What the book holds, an entry without a ticket under the one it really is."""
        found: dict[Key, Decimal] = {}
        for key, quantity in self.book().items():
            found[self.true_key(key)] = found.get(self.true_key(key), Decimal()) + quantity
        return {key: quantity for key, quantity in found.items() if quantity}

    def owed(self) -> dict[Key, Decimal]:
        """What the broker truly holds, by key."""
        return quantities(self.truth)

    def folded(self, upto: int) -> State:
        """The state at a journal position, from nothing."""
        events = ((one.position, one.event) for one in self.journal.read(upto=upto))
        return fold(State(account=self.journal.account), events)

    def true_key(self, key: Key) -> Key:
        """The ticket that an entry without one really is: the world remembers every order."""
        if not key.startswith("?order/"):
            return key
        return "#" + key.removeprefix("?order/").removeprefix("c")


def quantities(rows: Mapping[Key, BrokerPosition]) -> dict[Key, Decimal]:
    """Signed quantities by key."""
    return {key: row.signed_quantity for key, row in rows.items()}


def execution_of(fill: Fill) -> Execution:
    """The broker's own word on an execution: our strategy it does not know, nor always our client id."""
    quantity = Decimal(fill.quantity)
    return Execution(
        execution_id=fill.execution_id,
        symbol=fill.symbol,
        signed_quantity=quantity if fill.side == "buy" else -quantity,
        price=Decimal(fill.price),
        ticket=fill.ticket,
        order_id=fill.order_id,
    )


def patient(**knobs: object) -> Policy:
    """Broker-true, no holds, and no end to its patience: what the laws on values are tried with."""
    given: dict[str, object] = {
        "lag_ms_max": {"positions": LAG_MS, "fills": LAG_MS},
        "mass_absence_count_min": 1_000,
        "confirmations_total": 2,
        "total_absence_s": 0,
        "correction_attempts_max": 1_000_000,
        "inferred_s_max": 1_000_000,
    }
    return Policy.adopt(**(given | knobs))


def impatient(**knobs: object) -> Policy:
    """With holds, small books and escalations: what the rules on absence are tried with."""
    given: dict[str, object] = {
        "lag_ms_max": {"positions": LAG_MS, "fills": LAG_MS},
        "mass_absence_count_min": 2,
        "confirmations_total": 3,
        "total_absence_s": 5,
        "correction_attempts_max": 3,
    }
    return Policy.adopt(**(given | knobs))
