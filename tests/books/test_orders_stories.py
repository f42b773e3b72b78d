"""Whatever bot, broker and messages do, does a table of orders come to what the broker says?

Stories of one bot that writes its orders down before it sends them, and hears of what becomes of them late or never,
and of a broker beside it. The table only takes what it was read to say (compare-and-set, as an adapter does it).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from books.order_bench import Desk, OrderBench, said
from lessons.world import deal, order_row
from trueup import Policy
from trueup.facts import BookWritten
from trueup.foreign import Keeper, OrderRow, OrderWrite, Wrote
from trueup.model import TERMINAL, BrokerOrder, Execution, OrderStatus
from trueup.reconciliation.outbox import to_look_up

NAMES = "abc"
ACCEPTED, PART, FILLED, CANCELED, PENDING = (
    OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.PENDING,
)  # fmt: skip


@dataclass
class AtBroker:
    """One order as it truly is."""

    filled: int = 0
    limit: int = 100
    canceled: bool = False

    @property
    def status(self) -> OrderStatus:
        if self.filled >= 10:
            return FILLED
        return CANCELED if self.canceled else PART if self.filled else ACCEPTED

    def row(self, name: str) -> BrokerOrder:
        return order_row("AAPL", self.status, name=name, order_id=f"o-{name}", quantity=10, limit=self.limit,
                         filled=self.filled)  # fmt: skip


class StrictDesk(Desk):
    """A table that takes a write only over what it was read to say, and remembers each."""

    def keep(self, write: OrderWrite) -> None:
        raise AssertionError("it is kept in write")

    def write(self, write: OrderWrite) -> Wrote:
        assert write.before is not None, "nothing is added here: nobody else trades"
        self.writes.append(write)
        if write.before not in self.rows:
            return Wrote("conflict", f"order {write.after.client_order_id}: it was changed meanwhile")
        change = {name: getattr(write.after, name) for name in write.fields}
        after = replace(write.before, **change)
        was, now = write.before.status, after.status
        assert was not in TERMINAL or now in TERMINAL, f"{was} was turned back to {now}"
        assert was is not FILLED or now is FILLED
        assert (after.filled or 0) >= (write.before.filled or 0)
        self.rows = [after if one == write.before else one for one in self.rows]
        return Wrote("written")


class Story:
    """A bot, its table, a broker, and trueup beside them."""

    def __init__(self) -> None:
        policy = Policy.adopt(confirm_interval_ms=0, on_orphan_order="alert", look_ups_max=50)
        self.bench = OrderBench(policy=policy)
        self.desk = StrictDesk()
        self.truth: dict[str, AtBroker] = {}
        self.deals: list[Execution] = []
        self.keep()
        self.passes()  # the first answer about fills is history

    def keep(self) -> None:
        self.keeper = Keeper(self.bench.w.ledger, self.bench.w._reader, self.bench.shelf, orders=self.desk)

    # -- the bot and the broker ----------------------------------------------------------------------------

    def row(self, name: str) -> OrderRow | None:
        return next((one for one in self.desk.rows if one.client_order_id == name), None)

    def puts(self, name: str, **more: object) -> None:
        """The bot reads its row and writes it whole, as a bot does."""
        row = self.row(name)
        if row is not None:
            self.desk.rows = [replace(one, **more) if one == row else one for one in self.desk.rows]

    def happens(self, kind: str, name: str, size: int) -> None:
        truth, row, w = self.truth.get(name), self.row(name), self.bench.w
        if kind == "place" and truth is None:
            self.desk.rows.append(said(name, "pending"))
            self.truth[name] = AtBroker()
        elif kind == "read":
            self.keeper.step()
        elif kind == "pass":
            self.passes(step_ms=size * 700)
        elif kind == "wait":
            w.passes(ms=size * 300)
        elif kind == "restart":
            w.restart(down_s=size)
            self.keep()
        elif truth is None:
            return
        elif kind == "fill" and truth.status is not FILLED:
            size = min(10 - truth.filled, size)
            truth.filled += size
            self.deals.append(deal(f"x{len(self.deals)}", "AAPL", str(size), order_id=f"o-{name}"))
        elif kind == "cancel" and truth.status not in TERMINAL:
            truth.canceled = True
        elif kind == "amend" and truth.status not in TERMINAL:
            truth.limit = 100 + size
        elif kind == "heard" and row is not None:  # the bot's own message of how it stands arrives
            ended = row.status in TERMINAL and truth.status not in TERMINAL
            if not ended:
                self.puts(name, status=truth.status, filled=Decimal(truth.filled), order_id=f"o-{name}")
        elif kind == "ended" and truth.status is CANCELED and row is not None and row.status is not FILLED:
            if w.state.order(name) is not None:  # what begins and ends between two reads is never seen
                self.puts(name, status=CANCELED)  # it hears of the end, and missed fills before it
        elif kind == "strategy":
            self.puts(name, strategy=f"s{size}")

    # -- trueup --------------------------------------------------------------------------------------------

    def passes(self, *, step_ms: int = 2_500) -> None:
        """One pass, as the sidecar does it."""
        w = self.bench.w
        self.keeper.step()
        working = [one.row(name) for name, one in self.truth.items() if one.status not in TERMINAL]
        w.lists(*working, step_ms=step_ms)
        for sought in to_look_up(w.state, w.ledger.now()):
            name = sought.client_order_id
            found = [] if name is None or name not in self.truth else [self.truth[name].row(name)]
            w.looks_up(name, *found, order_id=sought.order_id, step_ms=1)
        w.deals(*self.deals)
        self.keeper.step()


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["place", "place", "read", "pass", "pass", "wait", "restart", "fill", "fill", "cancel", "amend", "heard",
             "heard", "ended", "strategy"]
        ),
        st.sampled_from(NAMES),
        st.integers(1, 6),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=100)
@given(events=EVENTS)
def test_law_2_the_table_comes_to_what_the_broker_says(events: list[tuple[str, str, int]]) -> None:
    story = Story()
    for kind, name, size in events:
        story.happens(kind, name, size)
    for _ in range(12):
        story.passes()
    rows = {str(one.client_order_id): one for one in story.desk.rows}
    said_now = {name: (one.status, one.filled) for name, one in rows.items()}
    assert said_now == {name: (one.status, one.filled) for name, one in story.truth.items()}
    for name, one in story.truth.items():
        if one.status not in TERMINAL:
            assert rows[name].limit == one.limit
        if one.filled or one.status not in TERMINAL:  # nobody asks what one was called that came to nothing
            assert rows[name].order_id == f"o-{name}"
    before = story.bench.w.state.position
    written = len(story.desk.writes)
    for _ in range(3):
        story.keeper.step()
        story.bench.w.passes(s=60)
    assert (story.bench.w.state.position, len(story.desk.writes)) == (before, written), "and then all is quiet"
    assert not [one for one in story.bench.facts(BookWritten) if one.failed]  # type: ignore[attr-defined]
