"""Laws 6 and 10, under any interleaving: nothing is sent twice, nothing forgotten, and no position left without a stop
or a word. The process is killed between any two journal writes and any two sends; answers are lost; what was sent on a
connection that broke is executed up to a minute later."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws.desk import QUEUE_S, Desk, Fate, Killed
from laws.profiles import tried
from lessons.world import World
from trueup import Policy
from trueup.decisions import AlertRaised
from trueup.model import TERMINAL, OrderStatus
from trueup.passes import Passes
from trueup.policy import Protect
from trueup.protection import is_protected
from trueup.reconciliation.order_inputs import named

SYMBOLS = ("AUD", "DAX")
POLICY = Policy.adopt(
    protect=Protect(), on_orphan_order="cancel", broker_timeout_s=1, retries_max=0, startup_timeout_s=20,
    mass_absence_count_min=99, total_absence_s=1, confirmations_total=2,
)  # fmt: skip
FATES = st.sampled_from(get_args(Fate))
STEPS = st.lists(
    st.one_of(
        st.just(("pass",)),
        st.tuples(st.just("fate"), FATES),
        st.tuples(st.just("open"), st.sampled_from(SYMBOLS), st.sampled_from(["long", "short"])),
        st.tuples(st.just("naked"), st.sampled_from(SYMBOLS)),
        st.tuples(st.just("orphan"), st.sampled_from(SYMBOLS)),
        st.tuples(st.just("wait"), st.sampled_from([1, 5, 30, 70])),
        st.tuples(st.just("die"), st.integers(0, 12), st.sampled_from(["before", "after"])),
    ),
    min_size=3,
    max_size=14,
)
Step = tuple[Any, ...]


class Life:
    """A world, a desk, and what is checked whenever something may have happened."""

    def __init__(self) -> None:
        self.world = World(policy=POLICY, orders=True)
        self.desk = Desk(self.world.clock)
        self.kind = "startup"
        self.countdown: tuple[int, str] | None = None
        self.passes: Passes | None = None

    def do(self, step: Step) -> None:
        """One step of the story."""
        what = step[0]
        if what == "pass":
            self.one_pass()
        elif what == "fate":
            self.desk.fates.append(step[1])
        elif what == "open" and step[1] not in self.desk.truth:
            self.desk.open(step[1], step[2], 2, price="100")
        elif what == "naked":
            self.strip(step[1])
        elif what == "orphan":
            self.desk.place(step[1], "buy", "limit", 1, "90")
        elif what == "wait":
            self.world.passes(s=step[1])
            self.desk.due()
        elif what == "die":
            self.countdown = (step[1], step[2])
        self.check()

    def strip(self, symbol: str) -> None:
        """Somebody cancels the stops of a position by hand."""
        for order_id, order in self.desk.orders.items():
            if order.symbol == symbol and order.stop is not None and order.status not in TERMINAL:
                self.desk.cancel(order_id)

    def one_pass(self) -> None:
        """A pass, perhaps the process's last; then it begins anew."""
        journal = self.world.ledger._journal
        append, dead = journal.append, self.desk.dead
        dead.clear()

        def dying(events: Sequence[Any]) -> Any:
            if dead:
                raise Killed  # nothing of a dead process writes any more
            if self.countdown is None:
                return append(events)
            left, when = self.countdown
            if left:
                self.countdown = (left - 1, when)
                return append(events)
            self.countdown = None
            dead.append(True)
            if when == "after":
                append(events)
            raise Killed

        if self.passes is None or self.passes._ledger is not self.world.ledger:
            self.passes = Passes(self.world.ledger, self.desk, self.world.clock)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(journal), "append", lambda self, events: dying(events))
            patch.setattr(self.world.ledger, "maintain", lambda: None)
            try:
                asyncio.run(self.passes.run(self.kind))  # type: ignore[arg-type]
                self.kind = "periodic"
            except Killed:
                patch.undo()
                self.world.restart(down_s=1)
                self.kind = "startup"
        self.world.passes(s=15)

    def check(self) -> None:
        """What may never be."""
        self.desk.due()
        counts = Counter(action.client_id for action in self.desk.acted)
        assert not counts or max(counts.values()) == 1, "an action was sent twice under one id"
        for symbol, position in self.desk.truth.items():
            ours = [
                order
                for order in self.desk.orders.values()
                if order.symbol == symbol
                and order.status not in TERMINAL
                and order.stop is not None
                and (order.client_order_id or "").startswith("tu-")
            ]
            assert len(ours) <= 1, f"{len(ours)} stops of ours work for one position of {position.signed_quantity}"
        assert not [row for row in self.desk.truth.values() if abs(row.signed_quantity) > 2]

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.countdown = None
        self.desk.fates.clear()
        self.world.passes(s=QUEUE_S)
        for _ in range(25):
            self.one_pass()
            self.check()


def told(steps: list[Step]) -> Life:
    """A story with a calm end, and what must be true of every one."""
    life = Life()
    for step in steps:
        life.do(step)
    life.calm()
    world, desk = life.world, life.desk
    assert not world.state.outbox, "every action is settled in the end"
    critical = " ".join(
        one.text for one in world.events(AlertRaised) if isinstance(one, AlertRaised) and one.severity == "critical"
    )
    for symbol, row in desk.truth.items():
        said = any(f"{name} has no working stop" in critical for name in (symbol, f"{symbol} #{row.ticket}"))
        assert is_protected(row, desk.orders.values()) or said, f"{symbol} has no working stop, and nobody was told"
    for order in desk.orders.values():
        if order.status not in TERMINAL and order.stop is None:
            assert named(world.state, order) or "asked 3 times to cancel" in str(world.state.order_breaks), order
    assert {key: row.signed_quantity for key, row in desk.truth.items()} == {
        key: slot.holding.signed_quantity for key, slot in world.state.book.items() if slot.holding is not None
    }
    world.close()
    return life


@tried(150)
@given(steps=STEPS)
def test_law_6_and_10_nothing_twice_nothing_forgotten_nothing_unprotected(steps: list[Step]) -> None:
    told(steps)


@pytest.mark.parametrize("fate", get_args(Fate))
def test_law_6_whatever_becomes_of_the_first_stop_there_is_one_in_the_end(fate: Fate) -> None:
    life = told([("open", "AUD", "long"), ("fate", fate), ("pass",), ("pass",), ("pass",), ("pass",)])
    stops = [order for order in life.desk.orders.values() if order.stop is not None]
    assert [(order.status, order.quantity) for order in stops] == [(OrderStatus.ACCEPTED, 2)]
    arrived = [action for action in life.desk.acted if action.kind == "place_stop"]
    assert len(arrived) == (2 if fate in ("silence", "refusal", "late_refused") else 1)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(14))
def test_law_6_killed_at_any_journal_write(write: int, when: str) -> None:
    """Between any two journal writes, and so between any two sends: one stop, in the end, and one cancelled orphan."""
    life = told([("open", "AUD", "short"), ("orphan", "DAX"), ("die", write, when), ("pass",), ("pass",)])
    orders = {(order.symbol, order.status): order for order in life.desk.orders.values()}
    assert set(orders) == {("AUD", OrderStatus.ACCEPTED), ("DAX", OrderStatus.CANCELED)}
    assert len(life.desk.acted) == 2
