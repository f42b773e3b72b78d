"""Which journals are read models tried on? Several accounts of one store, written by real ledgers on our clock."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from trueup import Command, Fill, OrderUpdate, Policy, PositionSet, PushedExecution
from trueup.changes import PushedState
from trueup.errors import InputError
from trueup.facts import PermitGiven
from trueup.journal import open_writer
from trueup.ledger import Claim, Ledger
from trueup.model import (
    BrokerOrder,
    BrokerPosition,
    Execution,
    Key,
    OrderStatus,
    PositionMode,
    Refusal,
    Stop,
)
from trueup.orders import order_ref
from trueup.policy import Instrument, Protect
from trueup.ports import Answer, Outcome, Question, failed, unsupported
from trueup.reconciliation.outbox import to_look_up, to_send

ACCOUNTS: dict[str, PositionMode] = {"sim:net": "netting", "sim:hedge": "hedging"}
SYMBOLS = ("AUDUSD", "EURUSD", "GBPUSD", "XAUUSD")
SECOND = 1_000_000_000

POLICIES = (
    Policy.adopt(confirm_interval_ms=0, on_orphan_order="cancel", protect=Protect()),
    Policy.guarded(confirm_interval_ms=0),
    Policy.observe(confirm_interval_ms=0),
    Policy.adopt(
        confirm_interval_ms=0,
        on_orphan_order="adopt",
        mass_absence_count_min=2,
        confirmations_total=2,
        total_absence_s=1,
        instruments={"XAUUSD": Instrument(aliases=("GOLD",))},
    ),
)


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for one example; in memory where there is such a place, because a disk makes each commit wait."""
    return tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.ns = 1_704_153_600 * SECOND

    def wall_ns(self) -> int:
        return self.ns

    def monotonic_ns(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing that happens to one account."""

    what: str
    account: str
    n: int
    quantity: int


WHAT = (
    *("complete",) * 5,
    *("changed",) * 8,
    "move",
    *("fill",) * 3,
    "partial",
    "failed",
    "empty",
    "deals",
    "known deals",
    "push",
    "push state",
    "set",
    *("order",) * 3,
    *("order filled",) * 2,
    *("orders move",) * 3,
    *("orders",) * 6,
    "orders partial",
    "orders fail",
    *("look up",) * 3,
    *("act",) * 8,
    "close at broker",
    "override",
    "permit",
    "ack",
    "unknown command",
    "unsupported",
    "restart",
)
STEPS = st.lists(
    st.builds(Step, st.sampled_from(WHAT), st.sampled_from(sorted(ACCOUNTS)), st.integers(0, 3), st.integers(-3, 3)),
    min_size=6,
    max_size=40,
)


class World:
    """Ledgers of several accounts in one store, and what their brokers really have."""

    def __init__(self, url: str, *, policy: int = 0) -> None:
        """`policy` is the first of `POLICIES` that is in force; each restart takes the next one."""
        self.url = url
        self.clock = Clock()
        self.executions = 0
        self.restarts = policy
        self.rows: dict[str, dict[Key, BrokerPosition]] = {account: {} for account in ACCOUNTS}
        self.known: dict[str, list[Execution]] = {account: [] for account in ACCOUNTS}
        self.orders: dict[str, dict[str, BrokerOrder]] = {account: {} for account in ACCOUNTS}
        self.ledgers = {account: self._open(account) for account in ACCOUNTS}

    def _open(self, account: str) -> Ledger:
        policy = POLICIES[self.restarts % len(POLICIES)]
        claim = Claim(
            policy=policy,
            position_mode=ACCOUNTS[account],
            source="simulated",
            lag_ms_max={"positions": 0, "fills": 0, "open_orders": 0, "order": 0},
            surfaces=frozenset({"positions", "fills", "open_orders", "order"}),
            actions=frozenset({"cancel", "place_stop", "close_position"}),
            can_reduce_only=True,
        )
        return Ledger(open_writer(self.url, account, durability="normal"), self.clock, claim)

    def close(self) -> None:
        for ledger in self.ledgers.values():
            ledger.close()

    def play(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self.do(step)

    def do(self, step: Step) -> None:
        """One step, and a second passes."""
        self.clock.ns += SECOND
        ledger = self.ledgers[step.account]
        getattr(self, "_" + step.what.replace(" ", "_"))(ledger, step)

    # -- the broker ----------------------------------------------------------------------------------------

    def _move(self, ledger: Ledger, step: Step) -> None:
        rows = dict(self.rows[step.account])
        symbol = SYMBOLS[step.n]
        key = symbol if ACCOUNTS[step.account] == "netting" else f"#{step.n + 1}"
        rows.pop(key, None)
        if step.quantity:
            ticket = None if key == symbol else str(step.n + 1)
            stop = Stop(Decimal("1.01")) if step.quantity == 2 else Stop() if step.quantity == 1 else None
            rows[key] = BrokerPosition(symbol, Decimal(step.quantity) / 100, ticket, Decimal("1.05"), stop)
        self.rows[step.account] = rows

    def _changed(self, ledger: Ledger, step: Step) -> None:
        self._move(ledger, step)
        self._complete(ledger, step)

    def _complete(self, ledger: Ledger, step: Step) -> None:
        self._answer(ledger, Answer(completeness="complete", positions=self.rows[step.account], raw=b"{}"))

    def _empty(self, ledger: Ledger, step: Step) -> None:
        self._answer(ledger, Answer(completeness="complete"))

    def _partial(self, ledger: Ledger, step: Step) -> None:
        rows = dict(list(self.rows[step.account].items())[: step.n])
        refusal = Refusal(step.n + 1, "its quantity is NaN", SYMBOLS[step.n])
        self._answer(ledger, Answer(completeness="partial", why="cut short", positions=rows, refused=(refusal,)))

    def _failed(self, ledger: Ledger, step: Step) -> None:
        self._answer(ledger, failed("no answer within 10 s"))

    def _unsupported(self, ledger: Ledger, step: Step) -> None:
        ledger.observe("open_orders", unsupported("unknown action"), ledger.asking())

    def _answer(self, ledger: Ledger, answer: Answer) -> None:
        asking = ledger.asking()
        self.clock.ns += SECOND // 100
        kind: Any = ("startup", "periodic", "manual")[self.clock.ns % 3]
        ledger.observe("positions", answer, asking, pass_kind=kind)

    def _deals(self, ledger: Ledger, step: Step) -> None:
        deal = self._execution(step)
        self.known[step.account].append(deal)
        self._known_deals(ledger, step)

    def _known_deals(self, ledger: Ledger, step: Step) -> None:
        answer = Answer(completeness="complete", executions=tuple(self.known[step.account]))
        ledger.observe("fills", answer, ledger.asking(), pass_number=ledger.state.pass_number or 1)

    def _execution(self, step: Step) -> Execution:
        self.executions += 1
        ticket = None if ACCOUNTS[step.account] == "netting" else str(step.n + 1)
        return Execution(
            f"x{self.executions}", SYMBOLS[step.n], Decimal(step.quantity or 1) / 100, Decimal("1.06"), ticket
        )

    def _push(self, ledger: Ledger, step: Step) -> None:
        ledger.push(PushedExecution(fill=self._fill_of(step)))

    def _push_state(self, ledger: Ledger, step: Step) -> None:
        ledger.push(PushedState(surface="positions", text="something moved"))

    # -- the process ---------------------------------------------------------------------------------------

    def _fill_of(self, step: Step) -> Fill:
        one = self._execution(step)
        self.known[step.account].append(one)
        return Fill(
            execution_id=one.execution_id if step.n else "reused",
            symbol=one.symbol,
            side="buy" if step.quantity >= 0 else "sell",
            quantity=abs(one.signed_quantity),
            price="1.06",
            ticket=one.ticket if step.n != 2 else None,
            client_order_id=f"c{self.executions}",
            strategy=("trend", "carry", None)[step.quantity % 3],
        )

    def _fill(self, ledger: Ledger, step: Step) -> None:
        ledger.record(self._fill_of(step))

    def _set(self, ledger: Ledger, step: Step) -> None:
        ticket = None if ACCOUNTS[step.account] == "netting" or step.n == 2 else str(step.n + 1)
        side: Any = "long" if step.quantity >= 0 else "short"
        ledger.record(
            PositionSet(
                symbol=SYMBOLS[step.n],
                side=side,
                quantity=Decimal(abs(step.quantity)) / 100,
                ticket=ticket,
                strategy="trend",
            )
        )

    def _order(self, ledger: Ledger, step: Step) -> None:
        status = ("pending", "filled", "canceled", "accepted")[step.n]
        ledger.record(
            OrderUpdate(
                client_order_id=f"o{abs(step.quantity)}",
                symbol=SYMBOLS[step.n],
                side="buy",
                type="limit",
                quantity="0.02",
                status=status if step.quantity >= 0 else ("accepted", "odd word")[step.n % 2],
                limit="1.05",
            )
        )

    def _order_filled(self, ledger: Ledger, step: Step) -> None:
        one = self._execution(step)
        self.known[step.account].append(one)
        ledger.record(
            Fill(
                execution_id=one.execution_id,
                symbol=one.symbol,
                side="buy",
                quantity=abs(one.signed_quantity),
                price="1.06",
                ticket=one.ticket,
                client_order_id=f"o{abs(step.quantity)}",
            )
        )

    def _permit(self, ledger: Ledger, step: Step) -> None:
        size, proof = Decimal("0.01"), max(1, ledger.state.view().position)
        ledger.judged(lambda state, now: [PermitGiven(now, SYMBOLS[step.n], "sell", size, size, proof)])

    # -- orders at the broker, and what is asked of it -------------------------------------------------------

    def _orders_move(self, ledger: Ledger, step: Step) -> None:
        """An order of ours, or of nobody; a protective stop now and then; gone again where the quantity is 0."""
        name = f"o{step.n}" if step.quantity > 0 else None
        stop = step.quantity == -1
        row = BrokerOrder(
            symbol=SYMBOLS[step.n],
            side="sell" if stop else "buy",
            type="stop" if stop else "limit",
            quantity=Decimal("0.01") if stop else Decimal("0.02"),
            status=(OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.CANCELED)[
                self.clock.ns // SECOND % 3
            ],
            order_id=f"b{step.n}",
            client_order_id=name,
            filled=Decimal("0.01") if step.quantity == 2 else None,
            limit=None if stop else Decimal("1.05") + Decimal(step.quantity) / 100,
            stop=Decimal("1.01") if stop else None,
        )
        rows = dict(self.orders[step.account])
        rows.pop(order_ref(row), None)
        if step.quantity:
            rows[order_ref(row)] = row
        self.orders[step.account] = rows

    def _orders(self, ledger: Ledger, step: Step) -> None:
        self._orders_move(ledger, step)
        rows = tuple(self.orders[step.account].values())
        self._listed(ledger, Answer(completeness="complete", orders=rows, raw=b"[]"))

    def _orders_partial(self, ledger: Ledger, step: Step) -> None:
        rows = tuple(self.orders[step.account].values())[: step.n]
        self._listed(ledger, Answer(completeness="partial", why="cut short", orders=rows))

    def _orders_fail(self, ledger: Ledger, step: Step) -> None:
        self._listed(ledger, failed("no answer within 10 s"))

    def _listed(self, ledger: Ledger, answer: Answer) -> None:
        asking = ledger.asking()
        ledger.observe("open_orders", answer, asking, pass_number=ledger.state.pass_number or 1)

    def _look_up(self, ledger: Ledger, step: Step) -> None:
        for sought in to_look_up(ledger.state, ledger.now())[:2]:
            question = Question(surface="order", client_order_id=sought.client_order_id, order_id=sought.order_id)
            rows = self.orders[step.account].values()
            found = tuple(one for one in rows if sought.order_id is not None and one.order_id == sought.order_id)
            answer = failed("no answer") if step.n == 3 else Answer(completeness="complete", orders=found, raw=b"[]")
            ledger.observe("order", answer, ledger.asking(), question=question)

    def _act(self, ledger: Ledger, step: Step) -> None:
        """What was requested is sent, and comes to something; or the process dies before it hears of it."""
        for client_id in to_send(ledger.state):
            ledger.sending(client_id)
            state: Any = ("acknowledged", "rejected", "unknown", "")[step.n]
            if state:
                ledger.acted(client_id, Outcome(state=state, why="so it is", order_id=f"a{client_id}"[:20]))

    def _close_at_broker(self, ledger: Ledger, step: Step) -> None:
        key = next(iter(sorted(ledger.state.book)), "#none")
        arguments = {"target": key.removeprefix("#"), "at_broker": "yes"}
        ledger.command(Command(name="close", who="ann", why="enough", arguments=arguments))

    def _override(self, ledger: Ledger, step: Step) -> None:
        arguments = {"scope": SYMBOLS[step.n], "seconds": "2"}
        ledger.command(Command(name="override", who="ann", why="I know", arguments=arguments))

    # -- people --------------------------------------------------------------------------------------------

    def _ack(self, ledger: Ledger, step: Step) -> None:
        ledger.command(Command(name="ack", who="ann", why="closed by hand", arguments={"what": "mass-absence"}))

    def _unknown_command(self, ledger: Ledger, step: Step) -> None:
        ledger.command(Command(name="dance", who="ann", why="why not"))

    def _restart(self, ledger: Ledger, step: Step) -> None:
        ledger.save_snapshot()
        ledger.close()
        self.restarts += 1
        self.clock.ns += step.n * SECOND
        try:
            self.ledgers[step.account] = self._open(step.account)
        except InputError as error:
            raise AssertionError("a restart keeps the mode, and is never refused") from error
