"""Does what is handed in become exactly the fact it means, and is a third party's mistake stopped at the door?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from lessons.world import NEW_YEAR_NS, World, fill, held, pending, replays, row
from trueup import Command, Fill, OrderUpdate, Policy, PositionSet, PushedExecution, PushedState
from trueup.edge import (
    PUSHED_TEXT_MAX,
    Change,
    canonical_rows,
    change,
    command_fact,
    digest_of,
    fact_of,
    keyframe,
    pushed_fact,
    written,
)
from trueup.errors import InputError, InvariantBroken, WriterFenced
from trueup.events import decode, encode, name_of_event
from trueup.facts import (
    CommandGiven,
    ExecutionPushed,
    FillRecorded,
    Observed,
    OrderRecorded,
    PositionRecorded,
    Rows,
    StatePushed,
    WriterClaimed,
)
from trueup.journal import InboxItem
from trueup.model import BrokerPosition, Execution, Moment, OrderStatus, Stop
from trueup.ports import Answer, unsupported
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State, View

Worlds = Callable[..., World]
AT = Moment(NEW_YEAR_NS, 5, 1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = Policy.adopt(instruments={"BTCUSD": {"aliases": ("BTC/USD",), "unit": "coins"}})


def test_a_fill() -> None:
    given = Fill(
        execution_id="x", symbol="BTC/USD", side="sell", quantity="0.10", price="5", client_order_id="c", order_id="o",
        ticket="7", strategy="s", fee="-1", fee_asset="BTC", at=NOON,
    )  # fmt: skip
    fact = fact_of(given, AT, POLICY)
    assert fact == FillRecorded(
        AT,
        Execution(
            "x", "BTCUSD", Decimal("-0.10"), Decimal(5), "7", "o", "c", "s", Decimal(-1), "BTC",
            "2026-01-01T12:00:00+00:00",
        ),
    )  # fmt: skip


def test_an_order() -> None:
    given = OrderUpdate(
        client_order_id="c", symbol="BTC/USD", side="sell", type="limit", quantity=1, status="Held For Review",
        order_id="o", filled=0, average_price="1.5", limit="2", stop="3", reduce_only=True, strategy="s", parent="p",
        scheduled_for=NOON, at=NOON,
    )  # fmt: skip
    noon = "2026-01-01T12:00:00+00:00"
    assert fact_of(given, AT, POLICY) == OrderRecorded(
        AT, "c", "BTCUSD", "sell", "limit", Decimal(1), OrderStatus.UNKNOWN, "Held For Review", "o", Decimal(0),
        Decimal("1.5"), Decimal(2), Decimal(3), True, "s", "p", noon, noon,
    )  # fmt: skip
    known = fact_of(pending("c", "BTC/USD"), AT, POLICY)
    assert isinstance(known, OrderRecorded)
    assert (known.status, known.raw_status, known.reduce_only) == (OrderStatus.PENDING, "", None)


@pytest.mark.parametrize(
    ("given", "quantity", "side", "stop"),
    [
        (PositionSet(symbol="BTC/USD", side="short", quantity=2), "-2", "sell", None),
        (PositionSet(symbol="BTC/USD", side="long", quantity=2, stop=None), "2", "buy", Stop(None)),
        (PositionSet(symbol="BTCUSD", side="short", quantity=0, stop="1.5"), "0", "sell", Stop(Decimal("1.5"))),
    ],
)
def test_a_position(given: PositionSet, quantity: str, side: str, stop: Stop | None) -> None:
    fact = fact_of(given, AT, POLICY)
    assert isinstance(fact, PositionRecorded)
    assert (fact.symbol, fact.signed_quantity, fact.side, fact.stop) == ("BTCUSD", Decimal(quantity), side, stop)


@pytest.mark.parametrize("given", [None, "x1", Command(name="a", who="b", why="c"), PushedState(surface="fills")])
def test_what_cannot_be_recorded_is_refused(given: object, world: Worlds) -> None:
    with pytest.raises(InputError, match="record takes Fill, OrderUpdate or PositionSet, not "):
        fact_of(given, AT, POLICY)
    w = world()
    before = len(w.journal())
    with pytest.raises(InputError):
        w.record(fill("x1", "EURUSD", "1"), given)  # type: ignore[arg-type]
    assert len(w.journal()) == before, "all or none"


def test_messages_and_commands() -> None:
    execution = fill("x", "BTC/USD", "1")
    pushed = pushed_fact(PushedExecution(fill=execution, message_id="m"), AT, POLICY)
    assert pushed == ExecutionPushed(AT, Execution("x", "BTCUSD", Decimal(1), Decimal(1)), "m")
    assert pushed_fact(PushedExecution(fill=execution), AT, POLICY).message_id == ""  # type: ignore[attr-defined]
    state = PushedState(surface="positions", symbol="BTC/USD", text="x" * 5_000)
    assert pushed_fact(state, AT, POLICY) == StatePushed(AT, "positions", "BTCUSD", "", "x" * PUSHED_TEXT_MAX)
    assert pushed_fact(PushedState(surface="fills", message_id="m"), AT, POLICY) == StatePushed(AT, "fills", None, "m")
    command = Command(name="ack", who="ada", why="so", arguments={"z": "1", "a": "2"})
    assert command_fact(command, AT) == CommandGiven(AT, "ack", "ada", "so", (("a", "2"), ("z", "1")))


# -- the broker's rows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "key", "bad", "why"),
    [
        ("netting", "EURUSD", row("EURUSD", "0"), "its quantity is 0; the adapter must refuse such a row"),
        ("netting", "EURUSD", row("EURUSD", "NaN"), "its quantity is NaN"),
        ("netting", "EURUSD", row("EURUSD", "-Infinity"), "its quantity is -Infinity"),
        ("netting", "EURUSD.m", row("EURUSD", "1"), "the adapter hands it out as 'EURUSD.m', but it is 'EURUSD'"),
        ("hedging", "#7", row("EURUSD", "1"), "it has no ticket, and this account is hedging"),
        ("hedging", "#8", row("EURUSD", "1", ticket="7"), "the adapter hands it out as '#8', but it is '#7'"),
    ],
)
@pytest.mark.parametrize("policy", [Policy.adopt(), POLICY])
def test_a_row_that_breaks_the_contract_is_refused_and_the_rest_goes_on(
    world: Worlds, mode: str, key: str, bad: BrokerPosition, why: str, policy: Policy
) -> None:
    w = world(mode=mode, policy=policy, baseline=False)
    good = row("USDJPY", "1", ticket="5")
    for _ in range(2):
        w.answered(Answer(completeness="complete", positions={key: bad, **w.keyed([good])}))
    observed = w.observations()[-1]
    assert observed.completeness == "partial"
    assert [one.why.startswith(why) for one in observed.refused] == [True]
    assert list(w.book.values()) == ["1"]
    assert "EURUSD" in dict(w.state.gate.symbols)


def test_rows_go_by_their_one_name() -> None:
    rows = {"BTC/USD": row("BTC/USD", "1", unit="coins"), "EURUSD": row("EURUSD", "1")}
    found, refused = canonical_rows(rows, "netting", POLICY)
    assert refused == []
    assert sorted(found) == ["BTCUSD", "EURUSD"]
    assert (found["BTCUSD"].symbol, found["BTCUSD"].spelling) == ("BTCUSD", "BTC/USD")
    assert found["EURUSD"] is rows["EURUSD"]
    assert canonical_rows(rows, "netting", Policy.adopt())[0] is rows


def test_the_brokers_own_spelling_is_the_one_that_the_adapter_read() -> None:
    """An adapter that names symbols its own way has kept what stood in the reply; that is what a person looks for."""
    read = msgspec.structs.replace(row("EURUSD.m", "1"), spelling="EURUSD.mini")
    found, _ = canonical_rows(
        {"EURUSD.m": read}, "netting", Policy.adopt(instruments={"EURUSD": {"aliases": ("EURUSD.m",)}})
    )
    assert [(key, one.symbol, one.spelling) for key, one in found.items()] == [("EURUSD", "EURUSD", "EURUSD.mini")]


def test_the_difference_of_two_answers() -> None:
    known = {"A": row("A", "1"), "B": row("B", "1"), "C": row("C", "1")}
    assert change(known, dict(known)) == Change([], [])
    now = {"A": row("A", "1"), "B": row("B", "2"), "D": row("D", "1")}
    found = change(known, now)
    assert (sorted(found.stated), found.gone) == (["B", "D"], ["C"])


@pytest.mark.parametrize(
    ("base", "weight", "rows"),
    [
        (0, 0, Rows(0, (row("A", "1"), row("B", "2"), row("D", "1")))),
        (9, 0, Rows(9, (row("B", "2"), row("D", "1")), ("C",))),
        (9, 1, Rows(0, (row("A", "1"), row("B", "2"), row("D", "1")))),
    ],
)
def test_an_answer_is_written_as_its_difference_or_whole_where_that_is_shorter(
    base: int, weight: int, rows: Rows
) -> None:
    known = {"A": row("A", "1"), "B": row("B", "1"), "C": row("C", "1")}
    now = {"D": row("D", "1"), "B": row("B", "2"), "A": row("A", "1")}
    assert written(View(rows=known, base=base, weight=weight), now, change(known, now)) == rows
    assert keyframe({}) == Rows()


def test_an_unchanged_answer_names_its_base_however_heavy_the_deltas_are() -> None:
    rows = {"A": row("A", "1")}
    assert written(View(rows=rows, base=9, weight=50), rows, Change([], [])) == Rows(9)


def test_deltas_fold_to_what_was_seen(world: Worlds) -> None:
    """Rows come, change and go, in many small steps; what the fold holds is what the broker last listed."""
    w = world()
    for n in range(40):
        rows = [row(f"S{i}", str(1 + (n * i) % 7)) for i in range(n % 13, n % 13 + 9) if (n + i) % 5]
        w.sees(*rows)
        assert w.state.view().rows == w.keyed(rows)
    kinds = {bool(one.positions.base) for one in w.observations() if one.positions is not None}
    assert kinds == {True, False}, "both ways of writing were used"


def test_the_digest_of_a_reply() -> None:
    assert digest_of(b"") == b""
    assert digest_of(b"{}").hex() == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


# -- inputs by themselves ----------------------------------------------------------------------------------


def test_an_observation_that_is_handed_in_twice_is_stored_once(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    answer = Answer(completeness="complete", positions=w.keyed([row("USDJPY", "1")]))
    w.answered(answer, identity="one")
    assert w.answered(answer, identity="one").decisions == ()
    assert len(w.observations()) == 1
    assert w.state.breaks["EURUSD"][0].sightings.count == 1
    w.answered(answer, identity="two")
    assert w.book == {"USDJPY": "1"}


def test_a_surface_that_is_not_offered_is_known_as_such(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "1"))
    w.answered(unsupported("no such action"), surface="fills")
    w.answered(unsupported("no such action"), surface="balances")
    assert not w.state.view("fills").supported
    assert w.state.view("fills").failures == 0
    assert w.ledger.gate.status == "open"


def test_a_failure_never_carries_rows_even_if_a_journal_says_so(world: Worlds) -> None:
    """Whoever wrote it: what did not answer lists nothing (law 4)."""
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "1"))
    seen = w.observations()[-1]
    stolen = Observed(
        seen.at, seen.asked, 1, 1, "positions", "s", "d", "failed", "no", 2, "manual", 1, b"",
        Rows(0, (row("EURUSD", "9"),)),
    )  # fmt: skip
    after = fold(w.state, [(w.state.position + 1, stolen)])
    assert after.view().rows == w.state.view().rows
    assert after.due == ()
    assert after.view().failures == 1


def test_the_inbox_is_taken_in_order_and_once(world: Worlds) -> None:
    w = world(held("USDJPY", "1"))
    bodies = [fill("x1", "EURUSD", "1"), held("GBPUSD", "2"), Command(name="ack", who="ada", why="so")]
    items = [(n, InboxItem(f"i{n}", "ada", 0, body), b"d" * 32) for n, body in enumerate(bodies, start=1)]
    w.ledger.take_inbox(items[:2])
    w.ledger.take_inbox(items)
    assert w.book == {"EURUSD": "1", "GBPUSD": "2", "USDJPY": "1"}
    assert w.state.inbox_position == 3
    again = [(4, InboxItem("i4", "ada", 0, bodies[0]), b"d" * 32)]
    w.ledger.take_inbox(again)
    assert w.book["EURUSD"] == "1"
    assert w.state.inbox_position == 4, "a fill that is known adds nothing, and is taken all the same"


def test_corrections_are_delivered_up_to_a_position_and_never_less(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.ledger.delivered(2)
    w.ledger.delivered(1, [(1, "KeyError")])
    assert w.state.delivered == 2


def claimed(**more: object) -> WriterClaimed:
    return WriterClaimed(AT, "netting", "0", 1, 1, "s", "p", **more)  # type: ignore[arg-type]


def test_who_begins_to_deliver_begins_with_what_comes() -> None:
    """A journal of a year is not handed over to the first callable that comes; a later one goes on where it was."""
    first = fold(State(account="a:b", position=70), [(71, claimed(delivers=True))])
    assert first.delivered == 71
    assert fold(first, [(72, claimed(delivers=True))]).delivered == 71
    assert fold(first, [(72, claimed())]).delivered == 71
    assert fold(State(account="a:b"), [(1, claimed())]).delivered == 0


def test_a_claim_keeps_what_it_does_not_say() -> None:
    first = fold(State(account="a:b"), [(1, claimed(lag_ms_max=(("positions", 7),)))])
    assert first.lag_ns("positions") == 7_000_000
    assert first.lag_ns("fills") == 15_000_000_000, "what nobody declares"
    second = fold(first, [(2, WriterClaimed(AT, "netting", "0", 1, 1, "", "p"))])
    assert (second.source, second.lag_ns("positions")) == ("s", 7_000_000)


def test_events_have_names_and_bytes(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1"), held("USDJPY", "1"), pending("c", "GBPUSD"))
    w.sees(row("EURUSD", "2"), row("NZDUSD", "1"), times=2)
    for recorded in w.journal():
        state = encode(recorded.event)
        assert decode(name_of_event(recorded.event), state) == recorded.event
        assert name_of_event(recorded.event).encode() in state
    with pytest.raises(KeyError):
        decode("never-stored/1", b"\x90")
    assert replays(w.account, w.journal()) == w.state


def test_errors_say_what_where_and_what_to_do() -> None:
    fenced = WriterFenced(account="mt5:1", why="process 7 writes it")
    assert (fenced.account, fenced.why) == ("mt5:1", "process 7 writes it")
    assert str(fenced) == (
        "mt5:1: process 7 writes it. One account has one writer: stop the other process, or use `trueup ack` and the "
        "inbox to leave something for it, or give this process another account."
    )
    assert not issubclass(InvariantBroken, Exception), "no handler of ours may swallow it"
