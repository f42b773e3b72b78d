"""What does an operator's word do, who may give it, and is it refused with what there is? (L26, L53, L56, law 13)"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lessons.world import World, fill, held, pending, row
from trueup import Intent, Policy
from trueup.decisions import AlertRaised, Decision, OverrideMoved, QuarantineMoved, RecordRefused
from trueup.facts import CommandGiven
from trueup.gate import GateRefusal, Warned
from trueup.ledger import Committed

Worlds = Callable[..., World]
GUARDED = Policy.guarded(confirmations_total=2, total_absence_s=0)


def why_not(said: Committed) -> str:
    """Why a command was refused: the only thing that was decided."""
    assert [type(one) for one in said.decisions] == [RecordRefused], said.decisions
    (refused,) = said.decisions
    assert isinstance(refused, RecordRefused)
    return refused.why


def kinds(said: Committed) -> list[type[Decision]]:
    return [type(one) for one in said.decisions]


def buy(symbol: str = "EURUSD", **more: object) -> Intent:
    return Intent(symbol=symbol, side="buy", quantity="1", **more)  # type: ignore[arg-type]


# -- who may -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ack", "adopt", "close", "release", "override"])
def test_a_command_without_permission_is_journalled_and_refused(name: str, world: Worlds) -> None:
    w = world(policy=Policy.guarded(operators={"bob": [], "kim": ["manage_reconciliation"]}))
    w.sees(row("EURUSD", "1"))
    for who in ("ada", "bob"):
        why = why_not(w.says(name, who=who, scope="EURUSD", seconds="5", target="EURUSD", what="mass-absence"))
        assert why == f"{who} has no permission manage_reconciliation; by the policy kim has"
    assert [one.who for one in w.events(CommandGiven)] == ["ada", "bob"]  # type: ignore[attr-defined]


def test_whoever_has_the_permission_may(world: Worlds) -> None:
    w = world(policy=Policy.guarded(operators={"kim": ["manage_reconciliation"]}))
    w.sees(row("EURUSD", "1"))
    assert kinds(w.says("override", who="kim", scope="EURUSD", seconds="5"))[0] is OverrideMoved


def test_where_nobody_is_allowed_that_is_said(world: Worlds) -> None:
    w = world(policy=Policy.guarded(operators={"bob": []}))
    assert why_not(w.says("ack", what="mass-absence")).endswith("by the policy nobody has")


def test_a_command_that_there_is_not(world: Worlds) -> None:
    why = why_not(world().says("dance"))
    assert why == "there is no command dance; there is ack, adopt, close, override, release"
    assert why_not(world().says("ack", what="lunch")).startswith("only a mass absence can be acknowledged")


# -- release -----------------------------------------------------------------------------------------------


def test_l56_a_quarantine_is_released_by_hand_with_who_and_why(world: Worlds) -> None:
    w = world(held("EURUSD", "1", strategy="trend"), policy=GUARDED)
    w.sees(row("EURUSD", "2"), times=2)
    said = w.says("release", scope="trend:EURUSD", who="ada", why="seen it")
    (moved,) = said.decisions
    assert isinstance(moved, QuarantineMoved)
    assert (moved.state, moved.why) == ("released", "released by ada: seen it")
    assert len(w.state.quarantine) == 0
    refused = w.ledger.gate.check(buy(strategy="trend"))
    assert isinstance(refused, GateRefusal)
    assert refused.scope == "EURUSD", "the break is still open: it goes on limiting its symbol"
    w.sees(row("EURUSD", "2"), times=2)
    assert len(w.state.quarantine) == 0, "nothing has become worse: it is not quarantined again"


def test_l18_an_overfill_is_released_by_hand_alone(world: Worlds) -> None:
    w = world(orders=True)
    w.record(pending("c1", "EURUSD"), fill("x1", "EURUSD", "2", client_order_id="c1"))
    w.sees(row("EURUSD", "2"), times=3)
    refused = w.ledger.gate.check(buy())
    assert isinstance(refused, GateRefusal)
    assert refused.scope == "*:EURUSD"
    assert refused.since_ns == w.state.quarantine["*:EURUSD"].since.at_ns
    w.says("release", scope="EURUSD")
    assert w.ledger.gate.check(buy()) is None


def test_a_quarantine_that_is_not_there(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("GBPUSD", "1", strategy="a"), policy=Policy.observe())
    assert why_not(w.says("release", scope="EURUSD")) == ("there is no quarantine EURUSD; nothing is in quarantine")
    w.sees(row("EURUSD", "2"), row("GBPUSD", "1"), times=2)
    why = why_not(w.says("release", scope="EURUSD"))
    assert "EURUSD is reduce-only for another reason (break " in why
    assert why.endswith("`adopt`, `close` or `override`")


def test_what_a_symbol_may_mean_is_said(world: Worlds) -> None:
    """Two tickets of two strategies on one symbol."""
    w = world(
        held("EURUSD", "1", ticket="1", strategy="a"), held("EURUSD", "1", ticket="2", strategy="b"),
        held("GBPUSD", "1", ticket="3", strategy="a"), mode="hedging", policy=GUARDED,
    )  # fmt: skip
    w.sees(row("EURUSD", "2", ticket="1"), row("EURUSD", "2", ticket="2"), row("GBPUSD", "2", ticket="3"), times=2)
    assert why_not(w.says("release", scope="EURUSD")) == "EURUSD may mean a:EURUSD, b:EURUSD: name one of them"
    assert why_not(w.says("release", scope="NZDUSD")) == (
        "there is no quarantine NZDUSD; there is a:EURUSD, a:GBPUSD, b:EURUSD"
    )
    assert kinds(w.says("release", scope="GBPUSD")) == [QuarantineMoved]


# -- override ----------------------------------------------------------------------------------------------


def failing(world: Worlds, **how: object) -> World:
    """A pass was tried, and nobody answered."""
    w = world(held("EURUSD", "1"), **how)
    w.fails()
    return w


def test_law_9_an_override_is_refused_before_a_pass_was_tried(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    assert why_not(w.says("override", scope="account", seconds="60")).startswith("no pass has been tried in this epoch")
    w.fails()
    assert kinds(w.says("override", scope="account", seconds="60")) == [OverrideMoved, AlertRaised]
    w.restart()
    assert why_not(w.says("override", scope="account", seconds="60")).startswith("no pass has been tried in this epoch")


def test_an_override_opens_its_scope_and_says_so_with_every_order(world: Worlds) -> None:
    w = failing(world)
    w.says("override", scope="EURUSD", seconds="60", who="ada", why="the feed is late")
    passed = w.ledger.gate.check(buy())
    assert passed == Warned(
        "account", "overridden by ada (the feed is late): no start-up pass yet", w.state.overrides[0].since.at_ns
    )
    assert not passed
    assert isinstance(w.ledger.gate.check(buy("GBPUSD")), GateRefusal)
    assert w.ledger.gate.status == "closed", "what the evidence says stays said"
    w.says("override", scope="account", seconds="60")
    assert isinstance(w.ledger.gate.check(buy("GBPUSD")), Warned)
    alert = w.alerts()[0]
    assert (alert.severity, alert.topic) == ("critical", "override")
    assert alert.text == "the gate is overridden for EURUSD, for 60 s, by ada: the feed is late"


def test_law_9_an_override_ends_by_itself_without_anybody(world: Worlds) -> None:
    """By the monotonic clock, in the very check; the journal says so with the next answer."""
    w = failing(world)
    w.says("override", scope="account", seconds="60")
    w.passes(ms=60_000 - 1)
    w.clock.wall -= 3600 * 1_000_000_000
    assert isinstance(w.ledger.gate.check(buy()), Warned)
    w.passes(ms=1)
    assert isinstance(w.ledger.gate.check(buy()), GateRefusal)
    assert len(w.state.overrides) == 1
    w.fails()
    (ended,) = [one for one in w.events(OverrideMoved) if one.state == "ended"]  # type: ignore[attr-defined]
    assert isinstance(ended, OverrideMoved)
    assert (ended.scope, ended.who, ended.why) == ("account", "ada", "its time is up")
    assert w.state.overrides == ()


def test_law_9_an_override_ends_with_its_epoch(world: Worlds) -> None:
    w = failing(world)
    w.says("override", scope="account", seconds="3600")
    w.restart()
    assert isinstance(w.ledger.gate.check(buy()), GateRefusal)
    assert w.state.overrides == ()
    assert [(one.state, one.why) for one in w.events(OverrideMoved)][-1] == (  # type: ignore[attr-defined]
        "ended", "the epoch that it was given in is over",
    )  # fmt: skip


def test_an_override_is_ended_by_hand_and_renewed_by_another(world: Worlds) -> None:
    w = failing(world)
    assert why_not(w.says("override", scope="EURUSD", end="yes")) == (
        "there is no override of EURUSD; none is in force"
    )
    w.says("override", scope="EURUSD", seconds="60")
    w.passes(s=50)
    w.says("override", scope="EURUSD", seconds="60")
    w.passes(s=50)
    assert isinstance(w.ledger.gate.check(buy()), Warned)
    assert why_not(w.says("override", scope="GBPUSD", end="yes")).endswith("there is EURUSD")
    w.says("override", scope="EURUSD", end="yes", why="it is back")
    assert isinstance(w.ledger.gate.check(buy()), GateRefusal)
    assert w.events(OverrideMoved)[-1].why == "it is back"  # type: ignore[attr-defined]


@pytest.mark.parametrize("seconds", ["0", "3601", "99999999999999999999", "-5", "soon", "", "१"])
def test_how_long_an_override_may_last(seconds: str, world: Worlds) -> None:
    w = failing(world)
    why = why_not(w.says("override", scope="account", seconds=seconds))
    assert "override_s_max" in why or "for how many whole seconds" in why
    assert "needs a scope" in why_not(w.says("override", scope="", seconds="5"))
    assert "needs a scope" in why_not(w.says("override", scope="a\nb", seconds="5"))


def test_law_12_overrides_are_bounded(world: Worlds) -> None:
    w = failing(world)
    for n in range(100):
        w.says("override", scope=f"S{n}", seconds="60")
    assert why_not(w.says("override", scope="one more", seconds="60")).startswith("100 overrides are in force")
    assert kinds(w.says("override", scope="S7", seconds="60"))[0] is OverrideMoved


def test_an_override_opens_breaks_and_holds_and_no_quarantine(world: Worlds) -> None:
    w = world(held("EURUSD", "1", strategy="trend"), held("GBPUSD", "1"), policy=GUARDED)
    w.sees(row("EURUSD", "2"), row("GBPUSD", "1"), times=2)
    w.says("override", scope="EURUSD", seconds="60")
    refused = w.ledger.gate.check(buy(strategy="trend"))
    assert isinstance(refused, GateRefusal)
    assert refused.scope == "trend:EURUSD"
    passed = w.ledger.gate.check(buy(strategy="other"))
    assert isinstance(passed, Warned)
    assert passed.scope == "EURUSD"
