"""What is the smallest world in which a lesson can happen again?

A journal in memory, a clock that only moves when told, a ledger that really decides and appends, and a broker whose
answers the test dictates. Whatever a story does, `World.close` replays it: each decision is derived anew from the
state before its input, must be the recorded one, byte for byte (law 1), and the fold must survive being saved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import count

from trueup import EXTERNAL, Command, Fill, OrderUpdate, Policy, PositionSet
from trueup.changes import Change
from trueup.decisions import (
    ActionRequested,
    AlertRaised,
    BreakMoved,
    Correction,
    Decision,
    FillAdopted,
    OrderCorrection,
)
from trueup.events import Event, encode
from trueup.facts import ActionKind, Fact, Observed, PassKind, PermitGiven
from trueup.journal import Recorded, open_reader, open_writer
from trueup.ledger import Claim, Committed, Ledger
from trueup.model import (
    BookOrder,
    BrokerOrder,
    BrokerPosition,
    Execution,
    Key,
    OrderStatus,
    PositionMode,
    Refusal,
    Stop,
    Surface,
    TradeSide,
    plain,
)
from trueup.ports import Answer, Outcome, Question, failed
from trueup.reconciliation.decide import decide
from trueup.reconciliation.fold import fold
from trueup.reconciliation.keys import key_of_row
from trueup.reconciliation.saved import load, save
from trueup.reconciliation.state import State

ACCOUNT = "mt5:5001"
NEW_YEAR_NS = 1_767_225_600_000_000_000
"""2026-01-01 00:00 UTC, a Thursday: where every clock here begins."""
LAG_MS = 2_000
STEP_MS = 3_000
"""Longer than the lag: two answers that far apart are independent."""
_names = count()


class FakeClock:
    """Time that passes only when told; sleeping passes it at once."""

    def __init__(self) -> None:
        self.wall = NEW_YEAR_NS
        self.monotonic = 7_000_000_000

    def wall_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.monotonic

    async def sleep(self, seconds: float) -> None:
        self.passes(ms=round(seconds * 1000))
        await asyncio.sleep(0)

    def passes(self, *, ms: int) -> None:
        """Both clocks go on."""
        self.wall += ms * 1_000_000
        self.monotonic += ms * 1_000_000


def row(
    symbol: str,
    quantity: str,
    *,
    ticket: str | None = None,
    price: str | None = None,
    stop: str | bool | None = False,
    strategy: str | None = None,
    opened_at: str | None = None,
    unit: str | None = None,
) -> BrokerPosition:
    """A broker's row; `quantity` is signed. A `stop` that is left out is not reported, None is "none"."""
    return BrokerPosition(
        symbol=symbol,
        signed_quantity=Decimal(quantity),
        ticket=ticket,
        price=None if price is None else Decimal(price),
        stop=None if isinstance(stop, bool) else Stop(None if stop is None else Decimal(stop)),
        strategy=strategy,
        opened_at=opened_at,
        unit=unit,
    )


def fill(execution_id: str, symbol: str, quantity: str, price: str = "1", **more: object) -> Fill:
    """An execution of ours; `quantity` is signed."""
    side: TradeSide = "sell" if quantity.startswith("-") else "buy"
    return Fill(
        execution_id=execution_id, symbol=symbol, side=side, quantity=quantity.lstrip("+-"), price=price, **more
    )  # type: ignore[arg-type]


def deal(execution_id: str, symbol: str, quantity: str, price: str | None = "1", **more: object) -> Execution:
    """An execution as the broker lists it; `quantity` is signed."""
    return Execution(execution_id, symbol, Decimal(quantity), None if price is None else Decimal(price), **more)  # type: ignore[arg-type]


def held(symbol: str, quantity: str, **more: object) -> PositionSet:
    """A whole position of ours; `quantity` is signed."""
    side = "short" if quantity.startswith("-") else "long"
    return PositionSet(symbol=symbol, side=side, quantity=quantity.lstrip("+-"), **more)  # type: ignore[arg-type]


def pending(name: str, symbol: str, status: str = "pending", **more: object) -> OrderUpdate:
    """An order of ours, by default about to be sent."""
    given = {"side": "buy", "type": "market", "quantity": 1} | more
    return OrderUpdate(client_order_id=name, symbol=symbol, status=status, **given)  # type: ignore[arg-type]


def order_row(
    symbol: str, status: OrderStatus | str = "accepted", *, name: str | None = None, order_id: str | None = None,
    **more: object,
) -> BrokerOrder:  # fmt: skip
    """A broker's order; a `status` that is none of ours is kept as its raw word."""
    words = {one.value: one for one in OrderStatus}
    known = status if isinstance(status, OrderStatus) else words.get(status, OrderStatus.UNKNOWN)
    raw = "" if known is not OrderStatus.UNKNOWN else str(status)
    numbers = ("quantity", "filled", "average_price", "limit", "stop")
    given = {"side": "buy", "type": "limit", "quantity": 1} | more
    exact = {key: Decimal(str(value)) if key in numbers else value for key, value in given.items()}
    return BrokerOrder(
        symbol=symbol,
        status=known,
        raw_status=raw,
        client_order_id=name,
        order_id=order_id,
        **exact,  # type: ignore[arg-type]
    )


class World:
    """One account, its journal, and a broker that answers as the test says."""

    def __init__(
        self,
        *changes: Change,
        mode: PositionMode = "netting",
        policy: Policy | None = None,
        baseline: bool = True,
        account: str = ACCOUNT,
        url: str | None = None,
        orders: bool = False,
        actions: frozenset[ActionKind] = frozenset({"cancel", "place_stop", "close_position"}),
    ) -> None:
        self.clock = FakeClock()
        self.url = url or f"memory://world-{next(_names)}"
        self.account = account
        self.policy = policy or Policy.adopt()
        self.mode: PositionMode = mode
        self.baseline = baseline
        self.orders = orders
        self.can = actions
        self.restored = False
        self.ledger = self._open()
        self._reader = open_reader(self.url, account)  # keeps the store in memory while nobody writes
        if changes:
            self.record(*changes)

    def _open(self) -> Ledger:
        claim = Claim(
            policy=self.policy,
            position_mode=self.mode,
            source="scripted",
            lag_ms_max={"positions": LAG_MS, "fills": LAG_MS, "open_orders": LAG_MS, "order": LAG_MS},
            surfaces=frozenset({"positions", "fills", *(("open_orders", "order") if self.orders else ())}),
            actions=self.can,
            can_reduce_only=True,
            restored=self.restored,
            baseline=self.baseline,
        )
        return Ledger(open_writer(self.url, self.account), self.clock, claim)

    # -- what happens ----------------------------------------------------------------------------------------

    def passes(self, *, ms: int = 0, s: int = 0) -> None:
        """Time goes on."""
        self.clock.passes(ms=ms + 1000 * s)

    def record(self, *changes: Change) -> Committed:
        """The trading process tells its book, all in one transaction."""
        return self.ledger.record(list(changes))

    def answered(
        self,
        answer: Answer,
        *,
        surface: Surface = "positions",
        step_ms: int = STEP_MS,
        took_ms: int = 10,
        kind: PassKind = "periodic",
        identity: str = "",
        question: Question | None = None,
        connection: int = 0,
    ) -> Committed:
        """Some time after whatever came before, the broker is asked and gives this answer."""
        self.passes(ms=step_ms)
        asking = self.ledger.asking()
        self.passes(ms=took_ms)
        return self.ledger.observe(
            surface, answer, asking, pass_kind=kind, identity=identity, question=question, connection=connection
        )

    def sees(
        self, *rows: BrokerPosition, times: int = 1, step_ms: int = STEP_MS, kind: PassKind = "periodic"
    ) -> list[Decision]:
        """The broker lists exactly these rows, completely, so many times; what that made us decide."""
        decisions: list[Decision] = []
        for _ in range(times):
            answer = Answer(completeness="complete", positions=self.keyed(rows), raw=b"{}")
            decisions += self.answered(answer, step_ms=step_ms, kind=kind).decisions
        return decisions

    def sees_part(
        self, *rows: BrokerPosition, why: str = "one page of several", refused: Iterable[Refusal] = (), times: int = 1
    ) -> list[Decision]:
        """The broker lists these rows, and perhaps others."""
        answer = Answer(completeness="partial", why=why, positions=self.keyed(rows), refused=tuple(refused), raw=b"{")
        return [one for _ in range(times) for one in self.answered(answer).decisions]

    def fails(self, why: str = "no answer within 10 s", *, times: int = 1) -> list[Decision]:
        """The broker does not answer."""
        return [one for _ in range(times) for one in self.answered(failed(why)).decisions]

    def deals(self, *executions: Execution, complete: bool = True) -> list[Decision]:
        """The broker lists executions."""
        answer = Answer(
            completeness="complete" if complete else "partial",
            why="" if complete else "one page of several",
            executions=executions,
        )
        return list(self.answered(answer, surface="fills").decisions)

    def lists(self, *orders: BrokerOrder, times: int = 1, step_ms: int = STEP_MS, whole: bool = True) -> list[Decision]:
        """The broker lists exactly these working orders, so many times; or, not `whole`, these and perhaps others."""
        answer = Answer(
            completeness="complete" if whole else "partial", why="" if whole else "one page of several", orders=orders,
            raw=b"[]",
        )  # fmt: skip
        taken = [self.answered(answer, surface="open_orders", step_ms=step_ms) for _ in range(times)]
        return [one for committed in taken for one in committed.decisions]

    def looks_up(
        self, name: str | None, *found: BrokerOrder, order_id: str | None = None, times: int = 1,
        step_ms: int = STEP_MS, connection: int = 0, failure: str = "",
    ) -> list[Decision]:  # fmt: skip
        """The broker is asked for one order, so many times, and states it, or nothing: not found."""
        question = Question(surface="order", client_order_id=name, order_id=order_id)
        answer = failed(failure) if failure else Answer(completeness="complete", orders=found, raw=b"[]")
        taken = [
            self.answered(answer, surface="order", step_ms=step_ms, question=question, connection=connection)
            for _ in range(times)
        ]
        return [one for committed in taken for one in committed.decisions]

    def sends(
        self, client_id: str, state: str = "acknowledged", *, connection: int = 0, why: str = ""
    ) -> list[Decision]:
        """A requested action is sent, and this comes of it; `crash`: the process ends before it hears anything."""
        self.ledger.sending(client_id)
        self.passes(ms=10)
        if state == "crash":
            self.restart()
            return []
        outcome = Outcome(state=state, why=why)  # type: ignore[arg-type]
        return list(self.ledger.acted(client_id, outcome, connection=connection).decisions)

    def says(self, name: str, *, who: str = "ada", why: str = "I looked", **arguments: str) -> Committed:
        """An operator gives a command."""
        return self.ledger.command(Command(name=name, who=who, why=why, arguments=arguments))

    def permit(self, symbol: str, quantity: str, *, side: TradeSide = "sell", **more: str) -> Committed:
        """A permit for a reducing order is given, as whoever fetched the proof does it."""
        size = Decimal(quantity)
        return self.ledger.judged(
            lambda state, now: [PermitGiven(now, symbol, side, size, size, state.view().position, **more)]
        )

    def restart(self, *, down_s: int = 0) -> None:
        """The process ends, without a farewell of its own, and comes back under a new epoch."""
        self.ledger._journal.close()
        self.passes(s=down_s)
        self.ledger = self._open()

    # -- what came of it -------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self.ledger.state

    @property
    def book(self) -> dict[Key, str]:
        """Signed quantities by key, in words: `0.01`, `-2`."""
        book = self.state.book
        return {key: plain(slot.holding.signed_quantity) for key in sorted(book) if (slot := book[key]).holding}

    def order(self, name: str) -> BookOrder:
        """An order of ours, working or ended."""
        slot = self.state.order(name)
        assert slot is not None, f"the book has no order {name}"
        return slot.order

    def owner(self, key: Key) -> str:
        """Whose position it is."""
        holding = self.state.held(key)
        return EXTERNAL if holding is None else holding.strategy

    def journal(self) -> list[Recorded]:
        """Everything that stands there."""
        return list(self._reader.read())

    def events(self, *kinds: type[Event]) -> list[Event]:
        """The stored events of these kinds, in order."""
        return [one.event for one in self.journal() if isinstance(one.event, kinds)]

    def corrections(self) -> list[Correction]:
        """Every correction ever made, in order."""
        made = (one.correction for one in self.events(BreakMoved, FillAdopted))  # type: ignore[union-attr]
        return [one for one in made if one is not None]

    def order_corrections(self) -> list[OrderCorrection]:
        """Every correction of an order ever made, in order."""
        made = (one.order_correction for one in self.events(BreakMoved))  # type: ignore[union-attr]
        return [one for one in made if one is not None]

    def actions(self) -> list[ActionRequested]:
        """Everything ever asked of the broker, in order."""
        return [one for one in self.events(ActionRequested) if isinstance(one, ActionRequested)]

    def alerts(self) -> list[AlertRaised]:
        """Every alert ever raised, in order."""
        return [one for one in self.events(AlertRaised) if isinstance(one, AlertRaised)]

    def steps(self, of: str = "position") -> list[str]:
        """The states that breaks went through, in order: `ghost opened`."""
        moves = [one for one in self.events(BreakMoved) if isinstance(one, BreakMoved) and one.of == of]
        return [f"{step.kind} {step.state}" for move in moves for step in move.steps]

    def observations(self) -> list[Observed]:
        """Every stored observation, in order."""
        return [one for one in self.events(Observed) if isinstance(one, Observed)]

    def keyed(self, rows: Iterable[BrokerPosition]) -> Mapping[Key, BrokerPosition]:
        """Rows by key, as an adapter hands them over."""
        return {key_of_row(self.mode, one): one for one in rows}

    def close(self) -> None:
        """The story ends: it must replay as it was, and its end must survive being saved."""
        replays(self.account, self.journal())
        assert load(save(self.state)) == self.state
        self.ledger.close()
        self._reader.close()


def replays(account: str, journal: Iterable[Recorded]) -> State:
    """Fold a journal, deriving every decision anew from the state before its input; the state at its end."""
    state = State(account=account)
    due: list[Decision] = []
    for recorded in journal:
        if isinstance(recorded.event, Fact):
            assert not due, f"before {recorded.position}: these were not decided then: {due}"
            after = fold(state, [(recorded.position, recorded.event)])
            due = list(decide(state, after, recorded.event).decisions)
            state = after
        else:
            assert due, f"at {recorded.position}: {recorded.event} would not be decided again"
            assert encode(due.pop(0)) == encode(recorded.event), f"at {recorded.position}"
            state = fold(state, [(recorded.position, recorded.event)])
    assert not due, f"at the end: these were not decided then: {due}"
    return state
