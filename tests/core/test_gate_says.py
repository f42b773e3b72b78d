"""Does a refusal say exactly what is the matter and what would release it?"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace

from lessons.world import World, held, row
from trueup import Policy
from trueup.gate import Gate, GateRefusal, GateView, Intent
from trueup.gate_view import gate_view
from trueup.model import Moment
from trueup.reconciliation.state import Quarantine

Worlds = Callable[..., World]


def buy(symbol: str) -> Intent:
    return Intent(symbol=symbol, side="buy", quantity=Decimal(1))


def test_law_9_what_another_epoch_verified_is_no_start_up_pass(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "1"))
    w.restart()
    assert (w.ledger.gate.status, w.ledger.gate.why) == ("closed", "no start-up pass yet")


def test_law_9_an_open_gate_that_nothing_was_verified_for_is_closed() -> None:
    gate = Gate(lambda: 0, lambda: 0)
    gate.publish(GateView("open", "compared and agreeing", {}, {}, 7, None, 10))
    assert (gate.status, gate.why) == ("closed", "no start-up pass yet")
    refusal = gate.check(buy("EURUSD"))
    assert isinstance(refusal, GateRefusal)
    assert (refusal.scope, refusal.reason, refusal.since_ns) == ("account", "no start-up pass yet", 7)


def test_l56_what_releases_a_quarantine_is_a_person_where_no_break_stands_behind_it(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("GBPUSD", "1"), policy=Policy.guarded())
    w.sees(row("EURUSD", "1"), row("GBPUSD", "1"))
    since = Moment(5, 0, 1)
    scopes = [Quarantine("*:EURUSD", "overfilled", since), Quarantine("*:GBPUSD", "a ghost", since, "b1")]
    state = replace(w.state, quarantine=w.state.quarantine.update({one.scope: one for one in scopes}))
    gate = Gate(lambda: 0, lambda: 0)
    gate.publish(gate_view(state, epoch=1, epoch_tick_ns=0, failure=None, failed_tick_ns=None))
    said = {symbol: gate.check(buy(symbol)) for symbol in ("EURUSD", "GBPUSD")}
    assert {symbol: one.release for symbol, one in said.items() if isinstance(one, GateRefusal)} == {
        "EURUSD": "an operator: trueup release '*:EURUSD'",
        "GBPUSD": "its break being resolved, or an operator: trueup release '*:GBPUSD'",
    }
