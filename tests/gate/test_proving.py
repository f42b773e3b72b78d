"""Is a permit given on the live position alone, once for each lot, whoever asks at the same time? (law 9, L22, L24)"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import count

import pytest

from lessons.world import FakeClock
from trueup import AsyncReconciler, Fill, GateRefusal, Intent, OrderUpdate, Permit, Policy, PositionSet, Reconciler
from trueup.errors import InputError, JournalError, StartupFailed
from trueup.events import Event
from trueup.facts import Observed, PermitGiven
from trueup.journal import Head, open_reader
from trueup.model import BrokerPosition, PositionMode, Refusal
from trueup.ports import Answer, Capabilities, Question, failed
from trueup.proving import PERMITS_MAX, Prover
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, SimulatedBroker

THREADS = 8
_names = count()


def store() -> str:
    return f"memory://proving-{next(_names)}"


def simulated(mode: PositionMode = "netting") -> SimulatedBroker:
    broker = SimulatedBroker(position_mode=mode, surfaces=ALL_SURFACES, actions=ALL_ACTIONS)
    broker.open("EURUSD", "long", "1", price="1.1")
    return broker


def sell(quantity: str = "1", symbol: str = "EURUSD", **more: object) -> Intent:
    return Intent(symbol=symbol, side="sell", quantity=quantity, reduce_only=True, **more)  # type: ignore[arg-type]


def sent(name: str, quantity: str = "1", status: str = "pending", **more: object) -> OrderUpdate:
    return OrderUpdate(
        client_order_id=name, symbol="EURUSD", side="sell", type="market", quantity=quantity, status=status, **more
    )  # type: ignore[arg-type]


Opened = Callable[..., Reconciler]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens reconcilers; each is closed when the test is over."""
    made: list[Reconciler] = []

    def open_one(broker: object = None, **how: object) -> Reconciler:
        made.append(Reconciler.open(store(), account="sim:1", broker=broker, **how))  # type: ignore[arg-type]
        return made[-1]

    yield open_one
    for one in made:
        one.close()


def why(proof: Permit | GateRefusal) -> str:
    assert isinstance(proof, GateRefusal), proof
    assert (proof.code, bool(proof.release)) == (503, True)
    return proof.reason


# -- with threads ------------------------------------------------------------------------------------------


def at_once(work: Callable[[], Permit | GateRefusal], times: int = THREADS) -> list[Permit | GateRefusal]:
    """What so many threads are answered that all start together."""
    ready = threading.Barrier(times)
    found: list[Permit | GateRefusal] = []

    def one() -> None:
        ready.wait()
        found.append(work())

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_law_9_of_threads_that_want_the_last_lot_one_gets_it(opened: Opened) -> None:
    rec = opened(simulated())
    found = at_once(lambda: rec.gate.prove_reducing(sell()))
    (permit,) = [one for one in found if isinstance(one, Permit)]
    assert (permit.quantity, permit.live, permit.lasts_ms) == (Decimal(1), Decimal(1), 5000)
    refusals = [why(one) for one in found if not isinstance(one, Permit)]
    assert refusals == [f"1 is too much: 0 of 1 is left: the permit at {permit.position} holds 1"] * (THREADS - 1)


def test_law_9_threads_that_prove_and_record_never_permit_more_than_is_live(opened: Opened) -> None:
    """Each takes a permit, records its order and fills it; all of them want more than there is."""
    broker = simulated()
    rec = opened(broker)
    rec.record(PositionSet(symbol="EURUSD", side="long", quantity=1))
    names = count()
    guard = threading.Lock()

    def trade() -> Permit | GateRefusal:
        name = f"c{next(names)}"
        proof = rec.gate.prove_reducing(sell("0.25", client_order_id=name))
        if isinstance(proof, Permit):
            rec.record(sent(name, "0.25"))
            with guard:
                broker.open("EURUSD", "short", "0.25", price="1.1")
            rec.record(sent(name, "0.25", "filled", filled="0.25"))
        return proof

    permits = [one for _ in range(4) for one in at_once(trade, 4) if isinstance(one, Permit)]
    assert sum(one.quantity for one in permits) == Decimal(1)
    assert broker.truth == {}


# -- what it goes by ---------------------------------------------------------------------------------------


def test_a_permit_is_journalled_with_the_answer_that_proves_it(opened: Opened) -> None:
    rec = opened(simulated())
    permit = rec.gate.prove_reducing(sell("0.5", strategy="trend", client_order_id="c1"))
    assert isinstance(permit, Permit)
    with open_reader(rec._inbox.url, "sim:1") as reader:
        by_position = {one.position: one.event for one in reader.read()}
    given = by_position[permit.position]
    assert isinstance(given, PermitGiven)
    assert (given.quantity, given.live, given.strategy, given.client_order_id) == (
        Decimal("0.5"), Decimal(1), "trend", "c1",
    )  # fmt: skip
    seen = by_position[given.proof]
    assert isinstance(seen, Observed)
    assert (seen.surface, seen.completeness, seen.pass_kind) == ("positions", "complete", "proof")


def test_law_9_a_proof_stands_in_for_no_start_up_pass(opened: Opened) -> None:
    rec = opened(simulated())
    assert isinstance(rec.gate.prove_reducing(sell()), Permit)
    assert (rec.gate.status, rec.gate.why) == ("closed", "no start-up pass yet")
    assert isinstance(rec.gate.check(Intent(symbol="EURUSD", side="buy", quantity=1)), GateRefusal)
    assert rec.ledger.state.passes_tried == 0
    assert rec.startup_recovery().gate == "open"
    before = rec.ledger.state.view().answers
    rec.gate.prove_reducing(sell())
    assert rec.ledger.state.view().answers == before + 1, "later it verifies like any other answer"


@pytest.mark.parametrize(
    ("intent", "said"),
    [
        (sell(symbol="GBPUSD"), "the broker holds no GBPUSD: there is nothing to reduce"),
        (sell("1.01"), "1.01 is too much: 1 of 1 is left"),
        (Intent(symbol="EURUSD", side="buy", quantity=1), "the broker holds long EURUSD: a buy would add to it"),
    ],
)
def test_what_the_live_position_does_not_prove_is_refused(intent: Intent, said: str, opened: Opened) -> None:
    assert why(opened(simulated()).gate.prove_reducing(intent)) == said


def test_the_book_is_no_proof(opened: Opened) -> None:
    broker = SimulatedBroker(position_mode="netting")
    rec = opened(broker)
    rec.record(PositionSet(symbol="EURUSD", side="long", quantity=5))
    assert "there is nothing to reduce" in why(rec.gate.prove_reducing(sell()))


@pytest.mark.parametrize("trouble", ["failure", "silence", "garbage"])
def test_l01_unreachable_is_no(trouble: str, opened: Opened) -> None:
    broker = simulated()
    rec = opened(broker, policy=Policy.adopt(retries_max=0))
    broker.trouble(trouble)  # type: ignore[arg-type]
    said = why(rec.gate.prove_reducing(sell(), timeout_s=0.2))
    assert said.startswith("the broker was not heard, which proves nothing: ")
    assert len(rec.ledger.state.permits) == 0


def test_the_order_that_is_recorded_takes_the_permits_place(opened: Opened) -> None:
    rec = opened(simulated())
    assert isinstance(rec.gate.prove_reducing(sell("0.75")), Permit)
    rec.record(sent("c1", "0.75"))
    assert rec.get_status().permits == ()
    assert (
        why(rec.gate.prove_reducing(sell("0.5"))) == "0.5 is too much: 0.25 of 1 is left: order c1 may still take 0.75"
    )
    assert isinstance(rec.gate.prove_reducing(sell("0.25")), Permit)
    assert [one.quantity for one in rec.get_status().permits] == ["0.25"]


def test_on_a_hedging_account_the_ticket_says_which_position(opened: Opened) -> None:
    broker = simulated("hedging")
    second = broker.open("EURUSD", "long", "3", price="1.1")
    third = broker.open("GBPUSD", "short", "1", price="1.1")
    rec = opened(broker)
    assert "must name the ticket" in why(rec.gate.prove_reducing(sell()))
    permit = rec.gate.prove_reducing(sell("3", ticket=second))
    assert isinstance(permit, Permit)
    assert (permit.ticket, permit.live) == (second, Decimal(3))
    assert why(rec.gate.prove_reducing(sell("1", ticket=third))) == f"ticket {third} is a position in GBPUSD"
    assert "there is nothing to reduce" in why(rec.gate.prove_reducing(sell("1", ticket="404")))
    assert isinstance(rec.gate.prove_reducing(sell("1", ticket="1")), Permit), "the other one is free"


def test_words_that_cannot_be_meant(opened: Opened) -> None:
    rec = opened(simulated())
    with pytest.raises(InputError, match="a cancel needs no permit"):
        rec.gate.prove_reducing(sell(kind="cancel"))
    for wrong in ("0", "-1", "NaN"):
        with pytest.raises(InputError, match=r"quantity is"):
            rec.gate.prove_reducing(sell(wrong))
    alone = opened(None)
    with pytest.raises(InputError, match="nobody to ask for a proof"):
        alone.gate.prove_reducing(sell())
    with pytest.raises(StartupFailed):
        opened(failing_broker()).startup_recovery(require=True)


def test_a_journal_that_cannot_be_written_permits_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    rec = opened(simulated())

    def full(events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        raise JournalError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(rec.ledger._journal, "append", full)
        assert why(rec.gate.prove_reducing(sell())) == "the journal cannot be written: the disk is full"
    assert isinstance(rec.gate.prove_reducing(sell()), Permit)


def test_corrections_that_a_proof_makes_are_delivered() -> None:
    """What the broker answers for a proof is an answer like any other, and may be the second witness."""
    broker, heard = simulated(), threading.Event()
    policy = Policy.adopt(lag_ms_max={"positions": 0}, confirm_interval_ms=0)
    with Reconciler.open(
        store(), account="sim:1", broker=broker, policy=policy, baseline=False, on_correction=lambda _: heard.set()
    ) as rec:
        rec.gate.prove_reducing(sell("0.1"))
        rec.gate.prove_reducing(sell("0.1"))
        assert heard.wait(5)
        assert rec.book.positions[0].signed_quantity == Decimal(1)


# -- answers that tell less, or too late -------------------------------------------------------------------


class Scripted:
    """A broker whose answers a test dictates; what comes after the last is the last again."""

    capabilities = Capabilities(
        source="scripted", position_mode="netting", surfaces=frozenset({"positions"}), lag_ms_max={"positions": 2_000}
    )
    connections = 1

    def __init__(self, *answers: Answer, then: Callable[[int], None] | None = None) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.then = then

    async def ask(self, question: Question) -> Answer:
        self.asked += 1
        if self.then is not None:
            self.then(self.asked)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def close(self) -> None:
        """Nothing is open."""


def failing_broker() -> Scripted:
    return Scripted(failed("nobody is there"))


def states(*rows: BrokerPosition, refused: Sequence[Refusal] = (), partial: bool = False) -> Answer:
    return Answer(
        completeness="partial" if partial else "complete",
        why="one page of several" if partial else "",
        positions={row.symbol: row for row in rows},
        refused=tuple(refused),
    )


LONG = BrokerPosition("EURUSD", Decimal(1))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (states(LONG, partial=True), None),
        (states(partial=True), "the answer does not state EURUSD, and is not whole: one page of several"),
        (
            states(refused=[Refusal(1, "NaN", symbol="EURUSD")]),
            "the answer does not state EURUSD, and is not whole: NaN",
        ),
        (states(refused=[Refusal(1, "no object")]), "the answer does not state EURUSD, and is not whole: no object"),
        (
            states(refused=[Refusal(1, "NaN", symbol="GBPUSD")]),
            "the broker holds no EURUSD: there is nothing to reduce",
        ),
        (states(BrokerPosition("EURUSD", Decimal(0))), "the broker's row of EURUSD cannot be used: its quantity is 0"),
    ],
)
def test_what_a_partial_answer_states_is_evidence_and_the_rest_unknown(
    answer: Answer, said: str | None, opened: Opened
) -> None:
    proof = opened(Scripted(answer)).gate.prove_reducing(sell())
    if said is None:
        assert isinstance(proof, Permit)
    else:
        assert why(proof).startswith(said)


def test_l33_a_symbol_by_another_spelling(opened: Opened) -> None:
    policy = Policy.adopt(instruments={"EURUSD": {"aliases": ("EUR/USD",)}})
    rec = opened(Scripted(states(BrokerPosition("EUR/USD", Decimal(1)))), policy=policy)
    permit = rec.gate.prove_reducing(sell(symbol="EUR/USD"))
    assert isinstance(permit, Permit)
    assert permit.symbol == "EURUSD"


def proving(broker: Scripted, clock: FakeClock) -> tuple[Reconciler, Callable[[Intent], Permit | GateRefusal]]:
    """A reconciler on a clock that stands, and its proofs on a loop of the test's own: sleeping passes the time."""
    rec = Reconciler.open(store(), account="sim:1", broker=broker, clock=clock)  # type: ignore[arg-type]
    return rec, lambda intent: asyncio.run(Prover(rec.ledger, broker, clock).prove(intent, 5))


class Still(FakeClock):
    """The reconciler's own watch sleeps in real time; only proofs move this clock."""

    async def sleep(self, seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():
            await super().sleep(seconds)
        else:
            await asyncio.Event().wait()


def test_l15_a_stale_answer_is_asked_again_once_it_cannot_be_stale() -> None:
    """Long 2, one of them sold and recorded; the broker's list still shows 2. It is asked again after its lag."""
    clock = Still()
    broker = Scripted(states(BrokerPosition("EURUSD", Decimal(2))), states(LONG))
    rec, prove = proving(broker, clock)
    with rec:
        rec.record(Fill(execution_id="x0", symbol="EURUSD", side="buy", quantity=2, price=1))
        clock.passes(ms=60_000)
        rec.record(Fill(execution_id="x1", symbol="EURUSD", side="sell", quantity=1, price=1))
        began = clock.monotonic
        assert isinstance(prove(sell("1")), Permit), "the book says that one is left, and less is believed at once"
        assert broker.asked == 1
        broker.answers = [states(BrokerPosition("EURUSD", Decimal(2)))]
        clock.passes(ms=10_000)
        rec.record(sent("c9", status="filled", filled=1))
        assert isinstance(prove(sell("2")), Permit), "the broker is right once the answer cannot be older than the fill"
        assert broker.asked == 3
        assert clock.monotonic - began >= 12_000_000_000


def test_a_wait_that_the_time_out_does_not_leave_is_a_refusal() -> None:
    clock = Still()
    broker = Scripted(states(BrokerPosition("EURUSD", Decimal(2))))
    broker.capabilities = Capabilities(
        source="slow", position_mode="netting", surfaces=frozenset({"positions"}), lag_ms_max={"positions": 60_000}
    )
    rec, prove = proving(broker, clock)
    with rec:
        rec.record(PositionSet(symbol="EURUSD", side="long", quantity=1))
        assert "the book has just changed it and holds 1" in why(prove(sell("2")))
        assert broker.asked == 1


def test_law_12_a_book_that_never_rests_is_asked_a_bounded_number_of_times() -> None:
    clock = Still()
    broker = Scripted(states(BrokerPosition("EURUSD", Decimal(2))))
    broker.capabilities = Capabilities(
        source="quick", position_mode="netting", surfaces=frozenset({"positions"}), lag_ms_max={"positions": 10}
    )
    rec, prove = proving(broker, clock)
    sizes = iter(range(1, 1_000))
    broker.then = lambda _: rec.record(PositionSet(symbol="EURUSD", side="long", quantity=f"0.{next(sizes)}")) and None
    with rec:
        assert why(prove(sell("2"))) == "asked 100 times, and the book keeps changing"
        assert broker.asked == 100


def test_an_account_that_is_claimed_anew_meanwhile_permits_nothing() -> None:
    clock = Still()
    broker = Scripted(states(LONG))
    rec, prove = proving(broker, clock)
    with rec:
        ledger = rec.ledger
        observe = ledger.observe

        def lost(*given: object, **more: object) -> object:
            done = observe(*given, **more)  # type: ignore[arg-type]
            with ledger._lock:
                ledger._begin_epoch()
            return done

        ledger.observe = lost  # type: ignore[method-assign,assignment]
        assert why(prove(sell())) == "the account was claimed anew meanwhile"


def test_law_12_permits_are_bounded(opened: Opened) -> None:
    rec = opened(simulated())
    small = Decimal("0.0001")
    rec.ledger.judged(
        lambda state, now: [PermitGiven(now, "GBPUSD", "sell", small, small, 1) for _ in range(PERMITS_MAX)]
    )
    assert why(rec.gate.prove_reducing(sell())) == f"{PERMITS_MAX} permits are out"


def test_permits_that_have_lapsed_make_room() -> None:
    clock = Still()
    rec, prove = proving(Scripted(states(LONG)), clock)
    small = Decimal("0.0001")
    with rec:
        rec.ledger.judged(
            lambda state, now: [PermitGiven(now, "GBPUSD", "sell", small, small, 1) for _ in range(PERMITS_MAX)]
        )
        clock.passes(ms=5_001)
        assert isinstance(prove(sell()), Permit)
        assert len(rec.ledger.state.permits) == 1


# -- awaited -----------------------------------------------------------------------------------------------


def test_an_async_reconciler_awaits_its_proofs() -> None:
    async def story() -> list[Permit | GateRefusal]:
        async with AsyncReconciler.open(store(), account="sim:1", broker=simulated()) as rec:
            assert isinstance(rec.gate.check(Intent(symbol="EURUSD", side="buy", quantity=1)), GateRefusal)
            return list(await asyncio.gather(*(rec.gate.prove_reducing(sell("0.5")) for _ in range(5))))

    found = asyncio.run(story())
    assert sum(isinstance(one, Permit) for one in found) == 2
