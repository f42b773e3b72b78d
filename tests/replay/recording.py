"""What is recorded here, by hand: a broker's answers and a process's words, each at its moment, under one policy."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from laws.stores import MS, FakeClock, ListJournal
from trueup.changes import Change, Command, Fill, OrderUpdate, PositionSet
from trueup.facts import PassKind
from trueup.ledger import Claim, Ledger
from trueup.model import BrokerOrder, BrokerPosition, OrderStatus, PositionMode, Surface
from trueup.policy import Policy
from trueup.ports import Answer, Outcome

LAG_MS = 1_000
LAGS: dict[Surface, int] = dict.fromkeys(("positions", "fills", "open_orders", "order"), LAG_MS)


def adopt(**knobs: object) -> Policy:
    """Broker-true, without holds on small books, on a quick surface."""
    return Policy.adopt(**({"mass_absence_count_min": 100, "confirmations_total": 2, "total_absence_s": 0} | knobs))


class Recording:
    """A ledger on a list, and a clock that moves with every answer."""

    def __init__(self, policy: Policy | None = None, mode: PositionMode = "netting", *, baseline: bool = False) -> None:
        self.clock = FakeClock()
        self.journal = ListJournal()
        self.claim = Claim(
            policy=policy or adopt(),
            position_mode=mode,
            baseline=baseline,
            lag_ms_max=LAGS,
            source="hand",
            surfaces=frozenset(LAGS),
            actions=frozenset({"cancel"}),
        )
        self.ledger = Ledger(self.journal, self.clock, self.claim)
        self.passes = 0

    def says(
        self,
        after_ms: int = 2_000,
        kind: PassKind = "periodic",
        *,
        completeness: Literal["complete", "partial"] = "complete",
        more: bool = False,
        **lots: int,
    ) -> int:
        """The broker's answer on positions, symbol by symbol; returns the input's position.

        after_ms  since the moment before
        more      in the same pass as the answer before
        """
        rows = {symbol: row(symbol, size) for symbol, size in lots.items()}
        return self.answers(rows, after_ms, kind, completeness=completeness, more=more)

    def answers(
        self,
        rows: Mapping[str, BrokerPosition],
        after_ms: int = 2_000,
        kind: PassKind = "periodic",
        *,
        completeness: Literal["complete", "partial"] = "complete",
        more: bool = False,
    ) -> int:
        """The same with whole rows, by key."""
        self.clock.advance(after_ms)
        self.passes += not more
        asking = self.ledger.asking()
        self.clock.advance(1)
        why = "" if completeness == "complete" else "cut short"
        answer = Answer(completeness=completeness, why=why, positions=dict(rows))
        return self.ledger.observe("positions", answer, asking, pass_number=self.passes, pass_kind=kind).first

    def deals(self, *executions: Any, after_ms: int = 10) -> int:
        """The broker's answer on fills."""
        self.clock.advance(after_ms)
        answer = Answer(completeness="complete", executions=executions)
        return self.ledger.observe("fills", answer, self.ledger.asking(), pass_number=self.passes).first

    def record(self, *changes: Change, after_ms: int = 10) -> int:
        """The process's words; returns the first input's position."""
        self.clock.advance(after_ms)
        return self.ledger.record(list(changes)).first

    def orders(self, *rows: BrokerOrder, after_ms: int = 2_000) -> int:
        """The broker's answer on open orders."""
        self.clock.advance(after_ms)
        asking = self.ledger.asking()
        self.clock.advance(1)
        answer = Answer(completeness="complete", orders=rows)
        return self.ledger.observe("open_orders", answer, asking, pass_number=self.passes, pass_kind="periodic").first

    def sends(self) -> None:
        """Whatever was decided to be asked of the broker is sent, and acknowledged."""
        for client_id, slot in list(self.ledger.state.outbox.items()):
            if slot.state == "requested":
                self.ledger.sending(client_id)
                self.ledger.acted(client_id, Outcome(state="acknowledged"))

    def command(self, name: str, **arguments: str) -> int:
        """An operator's word."""
        self.clock.advance(10)
        return self.ledger.command(Command(name=name, who="ada", why="I looked", arguments=arguments)).first

    def restart(self, policy: Policy | None = None, *, after_ms: int = 0) -> None:
        """The process ends, and another takes the account."""
        self.ledger.close()
        self.clock.advance(after_ms)
        if policy is not None:
            self.claim = msgspec.structs.replace(self.claim, policy=policy)
        self.ledger = Ledger(self.journal, self.clock, self.claim)

    def jump(self, ms: int) -> None:
        """The wall clock is set."""
        self.clock.wall_offset_ns += ms * MS


def row(symbol: str, lots: int, ticket: str | None = None, **fields: Any) -> BrokerPosition:
    """One of the broker's rows."""
    return BrokerPosition(symbol, Decimal(lots), ticket, **fields)


def fill(name: str, symbol: str, lots: int, **more: Any) -> Fill:
    """An execution that the process records."""
    side: Any = "buy" if lots > 0 else "sell"
    return Fill(execution_id=name, symbol=symbol, side=side, quantity=abs(lots), price="1", **more)


def pending(name: str, symbol: str, lots: int) -> OrderUpdate:
    """An order that the process is about to send."""
    side: Any = "buy" if lots > 0 else "sell"
    return OrderUpdate(
        client_order_id=name, symbol=symbol, side=side, type="market", quantity=abs(lots), status="pending"
    )


def held(symbol: str, lots: int) -> PositionSet:
    """A whole position that the process records."""
    return PositionSet(symbol=symbol, side="long" if lots >= 0 else "short", quantity=abs(lots))


def working(order_id: str, symbol: str, lots: int, **fields: Any) -> BrokerOrder:
    """One of the broker's open orders: to buy at a limit."""
    more: dict[str, Any] = {"order_id": order_id, "limit": Decimal("1.1"), "filled": Decimal(0)} | fields
    return BrokerOrder(symbol, "buy", "limit", Decimal(lots), OrderStatus.ACCEPTED, **more)
