"""Is nothing that adds risk let through where the evidence does not support it? (section 6, law 9)"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from lessons.world import STEP_MS, World, held, pending, row
from trueup import ClosedHours, Policy
from trueup.decisions import GateMoved
from trueup.errors import InputError, JournalError
from trueup.events import Event
from trueup.gate import CLOSED, Gate, GateRefusal, GateView, Intent, NeedsProof, Warned
from trueup.gate_view import gate_view
from trueup.journal import Head
from trueup.model import Moment, Refusal
from trueup.reconciliation.state import Override, State

Worlds = Callable[..., World]
S = 1_000_000_000


def buy(symbol: str = "EURUSD", **more: object) -> Intent:
    return Intent(symbol=symbol, side="buy", quantity=Decimal(1), **more)  # type: ignore[arg-type]


def refused(w: World, symbol: str = "EURUSD", **more: object) -> str | None:
    """The scope in which an order is refused now; None when it may pass. A cancel must pass in any case."""
    assert w.ledger.gate.check(buy(symbol, kind="cancel", **more)) is None
    answer = w.ledger.gate.check(buy(symbol, **more))
    proof = w.ledger.gate.check(buy(symbol, reduce_only=True, **more))
    if answer is None:
        assert proof is None
        return None
    assert isinstance(answer, GateRefusal)
    assert proof == NeedsProof(answer.scope, answer.reason), "a reducing order may pass on proof, and only on it"
    assert answer.code == 503
    assert answer.release
    return answer.scope


# -- the table, row by row, on a real ledger ----------------------------------------------------------------


def test_law_9_closed_until_the_first_answer_of_this_epoch(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    assert refused(w) == "account"
    assert w.ledger.gate.why == "no start-up pass yet"
    w.fails(times=2)
    assert refused(w) == "account"
    w.sees(row("EURUSD", "1"))
    assert refused(w) is None
    assert (w.ledger.gate.status, w.ledger.gate.why) == ("open", "compared and agreeing")
    w.restart()
    assert refused(w) == "account", "what another epoch verified counts for nothing"
    w.sees(row("EURUSD", "1"))
    assert refused(w) is None


def test_law_9_open_until_the_verification_is_too_old(world: Worlds) -> None:
    """Counted from the asking, on the monotonic clock, at the moment of the question: no event is needed."""
    w = world(held("EURUSD", "1"), policy=Policy.adopt(verified_age_s_max=20))
    w.sees(row("EURUSD", "1"))
    position = w.state.position
    w.passes(ms=20_000 - 10)
    assert refused(w) is None
    w.clock.wall -= 3_600 * S
    assert refused(w) is None, "the wall clock has no say"
    w.passes(ms=1)
    assert refused(w) == "account"
    assert w.ledger.gate.status == "closed"
    assert w.ledger.gate.why == "the book was last verified 20 s ago, at most 20 s is allowed"
    assert w.state.position == position
    w.fails()
    assert refused(w) == "account", "a failure verifies nothing"
    w.sees(row("EURUSD", "1"))
    assert refused(w) is None


def test_a_settled_break_makes_its_symbol_reduce_only(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"))
    assert (refused(w), refused(w, "USDJPY"), refused(w, "GBPUSD")) == ("EURUSD", None, None)
    assert w.ledger.gate.status == "open", "one symbol is not the account"
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"))
    assert refused(w) is None, "corrected"


def test_an_unsettled_break_limits_its_symbol_only_in_the_start_up_pass(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), pending("c1", "EURUSD"))
    w.sees(row("EURUSD", "2"))
    assert refused(w) is None
    w.sees(row("EURUSD", "2"), kind="startup")
    assert refused(w) == "EURUSD"


def test_a_refused_row_makes_its_symbol_reduce_only(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees_part(row("USDJPY", "1"), refused=[Refusal(1, "its volume is NaN", symbol="EURUSD")])
    assert (refused(w), refused(w, "USDJPY"), refused(w, "GBPUSD")) == ("EURUSD", None, None)
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"))
    assert refused(w) is None


def test_what_a_partial_answer_does_not_mention_is_reduce_only(world: Worlds) -> None:
    refusal = Refusal(1, "its volume is NaN", symbol="GBPUSD")
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees_part(row("USDJPY", "1"), refused=[refusal])
    assert (refused(w), refused(w, "USDJPY")) == ("EURUSD", None)


@pytest.mark.parametrize("refusals", [[], [Refusal(3, "is no object")]])
def test_law_9_a_partial_answer_that_may_hide_any_symbol_limits_the_account(
    world: Worlds, refusals: list[Refusal]
) -> None:
    w = world(held("EURUSD", "1"))
    w.sees_part(row("EURUSD", "1"), refused=refusals)
    assert refused(w) == "account"
    assert w.ledger.gate.status == "reduce_only"
    assert ("row 3" if refusals else "partial: one page of several") in w.ledger.gate.why
    w.fails()
    assert w.ledger.gate.status == "reduce_only", "and a failure after it does not lift that"


def test_a_held_mass_absence_limits_the_account_until_acknowledged(world: Worlds) -> None:
    symbols = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")
    w = world(*(held(symbol, "1") for symbol in symbols))
    w.sees(*(row(symbol, "1") for symbol in symbols))
    w.sees(times=2)
    assert refused(w) == "account"
    w.says("ack", what="mass-absence")
    assert w.ledger.gate.status == "open"
    assert refused(w) == "EURUSD", "the single breaks are still open"
    assert refused(w, "NZDUSD") is None
    w.sees(times=2)
    assert refused(w) is None


def test_a_quarantine_refuses_in_its_scope(world: Worlds) -> None:
    """A strategy's quarantine is the strategy's; when nobody knows the owner it is everybody's. An order of which
    nobody says whose it is may be of any strategy, the quarantined one too (law 9)."""
    policy = Policy.guarded(confirmations_total=2, total_absence_s=0)
    w = world(held("EURUSD", "1", strategy="trend"), held("GBPUSD", "1"), policy=policy)
    rows = [row("EURUSD", "2"), row("USDJPY", "1"), row("GBPUSD", "1")]
    w.sees(*rows, times=2)
    view = w.ledger.gate._view
    assert sorted(view.quarantined) == ["*:USDJPY", "trend:EURUSD"]
    gate = Gate(lambda: 0, lambda: 0)
    gate.publish(GateView("open", "", {}, view.quarantined, 0, 0, 10))
    assert gate.check(buy("EURUSD", strategy="other")) is None
    for intent in (buy("EURUSD", strategy="trend"), buy("EURUSD"), buy("USDJPY", strategy="other"), buy("USDJPY")):
        assert isinstance(gate.check(intent), GateRefusal)
    assert gate.check(buy("USDJPY", kind="cancel")) is None
    assert isinstance(gate.check(buy("USDJPY", reduce_only=True)), NeedsProof)


def test_law_9_no_scope_is_passed_by_another_spelling(world: Worlds) -> None:
    """The process says BTC/USD, the book BTCUSD: what limits the one limits the other (L33)."""
    policy = Policy.guarded(instruments={"BTCUSD": {"aliases": ("BTC/USD",)}})
    w = world(held("BTC/USD", "1"), policy=policy)
    w.sees(row("BTCUSD", "2"), times=2)
    assert [refused(w, symbol) for symbol in ("BTCUSD", "BTC/USD", "ETHUSD")] == ["BTCUSD", "BTCUSD", None]
    gate = Gate(lambda: 0, lambda: 0)
    gate.publish(GateView("open", "", {}, {"*:BTCUSD": "q"}, 0, 0, 10, canonical=policy.canonical))
    assert isinstance(gate.check(buy("BTC/USD")), GateRefusal)


def test_law_9_a_failed_append_closes_the_gate_at_once_and_a_later_one_opens_it(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "1"))
    before, book = w.state, w.book

    def full(events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        raise JournalError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(w.ledger._journal, "append", full)
        with pytest.raises(JournalError, match="disk is full"):
            w.record(held("EURUSD", "2"))
        assert refused(w) == "account"
        assert w.ledger.gate.why == w.ledger.failure == "the journal cannot be written: the disk is full"
        assert (w.state, w.book) == (before, book), "nothing was recorded, and nothing is believed"
    w.sees(row("EURUSD", "1"))
    assert w.ledger.failure is None
    assert refused(w) is None


def test_closed_in_the_brokers_closed_hours_and_silent(world: Worlds) -> None:
    """2026-01-01 is a Thursday: 72 hours after Monday."""
    closed = (ClosedHours(72 * 60 + 1, 72 * 60 + 2),)
    w = world(held("EURUSD", "1"), policy=Policy.guarded(sessions=closed))
    w.sees(row("EURUSD", "1"))
    assert refused(w) is None
    w.passes(s=60)
    w.sees(row("EURUSD", "9"), times=3, step_ms=STEP_MS)
    assert refused(w) == "account"
    assert w.ledger.gate.why == "the broker is closed by the configured sessions"
    assert w.alerts() == [], "nobody is woken for a market that is closed"
    assert w.steps()[-1] == "drift escalated"


# -- what passes with a warning -------------------------------------------------------------------------------


def moved(w: World) -> list[str]:
    """What the journal says of the gate, in order."""
    return [one.why for one in w.events(GateMoved) if isinstance(one, GateMoved)]


WARN = Policy.adopt(unverified="warn", verified_age_s_max=20)
WARNS = "orders pass with a warning (unverified = warn)"


def test_what_is_only_unverified_passes_with_a_warning(world: Worlds) -> None:
    """No start-up pass yet, or too long ago: journalled once per change of the gate, and not per check."""
    w = world(held("EURUSD", "1"), policy=WARN)
    assert moved(w) == [f"no start-up pass yet: {WARNS}"]
    for _ in range(3):
        passed = w.ledger.gate.check(buy())
        assert isinstance(passed, Warned)
        assert not passed, "false where a condition asks"
    assert (passed.scope, passed.since_ns) == ("account", w.state.gate_since.at_ns)
    assert isinstance(w.ledger.gate.check(buy(reduce_only=True)), Warned)
    w.fails(times=3)
    assert len(moved(w)) == 1
    w.sees(row("EURUSD", "1"))
    assert w.ledger.gate.check(buy()) is None
    w.passes(s=21)
    aged = w.ledger.gate.check(buy())
    assert isinstance(aged, Warned)
    assert aged.reason == "the book was last verified 21 s ago, at most 20 s is allowed"
    assert w.ledger.gate.status == "closed"
    w.fails(times=5)
    assert moved(w)[1:] == ["compared and agreeing", f"the book was last verified more than 20 s ago: {WARNS}"]
    assert isinstance(w.ledger.gate.check(buy()), Warned)
    w.sees(row("EURUSD", "1"))
    assert (w.ledger.gate.check(buy()), moved(w)[-1]) == (None, "compared and agreeing")
    w.restart()
    assert moved(w)[-1] == f"no start-up pass yet: {WARNS}"


def test_law_9_what_is_known_to_differ_is_refused_even_so(world: Worlds) -> None:
    policy = Policy.guarded(unverified="warn", verified_age_s_max=20)
    w = world(held("EURUSD", "1"), held("USDJPY", "1", strategy="trend"), policy=policy)
    w.sees(row("EURUSD", "2"), row("USDJPY", "2"), times=2)
    w.passes(s=30)
    w.fails()
    assert [refused(w, symbol) for symbol in ("EURUSD", "USDJPY")] == ["EURUSD", "USDJPY"]
    assert isinstance(w.ledger.gate.check(buy("GBPUSD")), Warned)
    w.says("adopt", target="EURUSD")
    assert refused(w) == "EURUSD", "not heard lately: nothing was adopted"


def test_law_9_a_held_mass_absence_does_not_become_a_warning_with_time(world: Worlds) -> None:
    symbols = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")
    w = world(*(held(symbol, "1") for symbol in symbols), policy=WARN)
    w.sees(*(row(symbol, "1") for symbol in symbols))
    w.sees(times=2)
    w.passes(s=60)
    assert refused(w) == "account"
    w.fails()
    assert refused(w) == "account"


def test_law_9_a_failing_journal_a_restored_backup_and_closed_hours_refuse_even_so(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world(held("EURUSD", "1"), policy=WARN)

    def full(events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        raise JournalError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(w.ledger._journal, "append", full)
        with pytest.raises(JournalError):
            w.record(held("EURUSD", "2"))
        assert refused(w) == "account"
        with pytest.raises(JournalError):
            w.says("override", scope="account", seconds="60")
    w.restored = True
    w.restart()
    assert refused(w) == "account"
    hours = Policy.adopt(unverified="warn", sessions=(ClosedHours(0, 7 * 24 * 60),))
    shut = world(held("EURUSD", "1"), policy=hours)
    assert refused(shut) == "account"


def test_an_override_passes_a_failing_journal_no_more_than_anything(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world(held("EURUSD", "1"))
    w.fails()
    w.says("override", scope="account", seconds="60")
    assert isinstance(w.ledger.gate.check(buy()), Warned)

    def full(events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        raise JournalError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(w.ledger._journal, "append", full)
        with pytest.raises(JournalError):
            w.record(held("EURUSD", "2"))
        assert refused(w) == "account"


def test_a_policy_that_blocks_says_nothing_of_warnings(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), policy=Policy.adopt(verified_age_s_max=20))
    assert moved(w) == []
    w.sees(row("EURUSD", "1"))
    w.passes(s=30)
    w.fails(times=2)
    assert moved(w) == ["compared and agreeing"]
    assert refused(w) == "account"


def test_law_9_an_override_of_another_epoch_opens_nothing() -> None:
    """Also where nobody has said yet that it is over."""
    mine, theirs = (Override("account", "ada", "why", Moment(0, 0, epoch), 10**18) for epoch in (4, 3))
    for one, scopes in ((mine, ["account"]), (theirs, [])):
        state = State(account="a:b", epoch=4, overrides=(one,))
        view = gate_view(state, epoch=4, epoch_tick_ns=0, failure=None, failed_tick_ns=None)
        assert list(view.overrides) == scopes


# -- the gate by itself ------------------------------------------------------------------------------------


def test_a_gate_that_was_never_told_anything_is_closed() -> None:
    gate = Gate(lambda: 0, lambda: 0)
    assert (gate.status, gate.why) == ("closed", "no start-up pass yet")
    assert gate.check(buy()) == GateRefusal(
        503, "account", "no start-up pass yet", 0, "a pass that verifies the book against the broker"
    )
    assert gate.check(buy(kind="cancel")) is None
    assert gate.check(buy(reduce_only=True)) == NeedsProof("account", "no start-up pass yet")
    assert CLOSED.status == "closed"


@pytest.mark.parametrize(
    ("view", "status", "why"),
    [
        (GateView("open", "fine", {}, {}, 5, 100, 10), "open", "fine"),
        (GateView("open", "fine", {}, {}, 5, 99, 10), "open", "fine"),
        (GateView("open", "fine", {}, {}, 5, 98, 10), "closed", "last verified"),
        (GateView("open", "fine", {}, {}, 5, None, 10), "closed", "no start-up pass yet"),
        (GateView("closed", "not yet", {}, {}, 5, 109, 10), "closed", "not yet"),
        (GateView("open", "fine", {}, {}, 5, 109, 10, failure="full"), "closed", "full"),
        (GateView("reduce_only", "held", {}, {}, 5, 109, 10), "reduce_only", "held"),
        (GateView("reduce_only", "held", {}, {}, 5, 98, 10), "closed", "last verified"),
        (GateView("open", "fine", {}, {}, 5, 109, 10, closed_hours=lambda at: at == 77), "closed", "sessions"),
        (GateView("open", "fine", {}, {}, 5, 109, 10, closed_hours=lambda at: at != 77), "open", "fine"),
        (GateView("open", "fine", {"EURUSD": "break"}, {}, 5, 109, 10), "open", "fine"),
    ],
)
def test_the_status_of_the_account(view: GateView, status: str, why: str) -> None:
    gate = Gate(lambda: 109, lambda: 77)
    gate.publish(view)
    assert gate.status == status
    assert why in gate.why
    answer = gate.check(buy("USDJPY"))
    assert (answer is None) == (status == "open")
    if answer is not None:
        assert isinstance(answer, GateRefusal)
        assert (answer.scope, answer.since_ns) == ("account", 5)
        assert why in answer.reason


def test_law_9_a_limited_symbol_is_refused_by_its_own_name() -> None:
    gate = Gate(lambda: 0, lambda: 0)
    gate.publish(GateView("open", "fine", {"EURUSD": "a break"}, {"*:EURUSD": "q", "s:USDJPY": "q"}, 5, 0, 10))
    refusal = gate.check(buy("EURUSD"))
    assert isinstance(refusal, GateRefusal)
    assert (refusal.scope, refusal.reason) == ("EURUSD", "a break")
    refusal = gate.check(buy("USDJPY", strategy="s"))
    assert isinstance(refusal, GateRefusal)
    assert refusal.scope == "s:USDJPY"
    assert gate.check(buy("USDJPY", strategy="t")) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"side": "SELL"}, "Intent.side is 'SELL'; it must be buy or sell"),
        ({"side": "long"}, "Intent.side is 'long'"),
        ({"side": ""}, "Intent.side is ''"),
        ({"symbol": ""}, "Intent.symbol is ''"),
        ({"symbol": "EURUSD "}, "Intent.symbol is 'EURUSD '"),
    ],
)
def test_law_9_an_intent_that_cannot_be_meant_is_none(wrong: dict[str, str], said: str) -> None:
    """An open gate let it pass, whatever it was."""
    with pytest.raises(InputError, match=said):
        Intent(**({"symbol": "EURUSD", "side": "buy", "quantity": 1} | wrong))  # type: ignore[arg-type]
