"""Do `trueup status` and a pass's report tell of orders what their pages promise?"""

from __future__ import annotations

from pathlib import Path

from cli.shell import Shell
from trueup import Fill, Policy, Reconciler
from trueup.testing.broker import ALL_SURFACES, SimulatedBroker


def _policy() -> Policy:
    return Policy.adopt(lag_ms_max={"positions": 0, "open_orders": 0, "order": 0, "fills": 0}, confirm_interval_ms=0)


def test_status_shows_exposure_breaker_and_orphans_as_exact_text(shell: Shell, tmp_path: Path) -> None:
    """What the process knows by `rec.breaker` an operator sees from outside, from the journal alone."""
    store = f"sqlite:///{tmp_path / 'told.db'}"
    broker = SimulatedBroker(position_mode="netting", surfaces=ALL_SURFACES)
    broker.open("EURUSD", "long", "2", price="1.25")
    with Reconciler.open(store, account="sim:1", broker=broker, policy=_policy()) as rec:
        rec.startup_recovery()
        rec.record([
            Fill(execution_id="1", symbol="GBPUSD", side="buy", quantity="1", price="1.50", fee="0.01"),
            Fill(execution_id="2", symbol="GBPUSD", side="sell", quantity="1", price="1.20", fee="0.01"),
        ])  # fmt: skip
        broker.place("USDJPY", "buy", "limit", "3", "150.5", client_id="hand-1")
        report = rec.sync_positions()
        rec.sync_positions()
        known = rec.breaker
    shown = shell("status", "--store", store, "--json").json
    assert shown["exposure"] == {"open": {"": "2.5"}, "orphans": {"": "451.5"}, "unpriced": 0}
    assert shown["breaker"] == {
        "realised_today": {"": "-0.32"},
        "realised_total": {"": "-0.32"},
        "drawdown": {"": "0.32"},
        "drawdown_deepest": {"": "0.32"},
        "consecutive_losses": 1,
    }
    assert known.consecutive_losses == 1
    [orphan] = shown["orphans"]
    assert (orphan["client_order_id"], orphan["symbol"], orphan["quantity"]) == ("hand-1", "USDJPY", "3")
    assert (shown["orders"], shown["actions"], shown["unprotected"]) == (0, [], {})
    said = shell("status", "--store", store).out
    assert "open 2.5, orphans 451.5, unpriced 0" in said
    assert "realised total -0.32" in said
    assert "hand-1 buy 3 USDJPY limit" in said
    [stranger] = [one for one in report.breaks if one.of == "order"]
    assert stranger.ticket == "hand-1", "as in `trueup check`: the client order id, else the order id"


def test_a_break_of_an_order_keeps_its_name_until_it_is_over(tmp_path: Path) -> None:
    broker = SimulatedBroker(position_mode="netting", surfaces=ALL_SURFACES)
    with Reconciler.open(f"sqlite:///{tmp_path / 'n.db'}", account="sim:1", broker=broker, policy=_policy()) as rec:
        rec.startup_recovery()
        named = broker.place("USDJPY", "buy", "limit", "3", "150.5", client_id="hand-1")
        nameless = broker.place("USDJPY", "buy", "limit", "1", "150.5")
        shown = [[one.ticket for one in rec.sync_positions().breaks] for _ in range(2)]
        broker.cancel(named)
        broker.cancel(nameless)
        shown.append([one.ticket for one in rec.sync_positions().breaks])
    assert shown == [["hand-1", nameless]] * 3
