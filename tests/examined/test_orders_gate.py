"""Does the gate fail closed where nobody looks any more, and is an order found by what a person calls it?"""

from __future__ import annotations

import asyncio
from pathlib import Path

from trueup import AsyncReconciler, Command, GateRefusal, Intent, NeedsProof, Policy, Reconciler
from trueup.testing.broker import ALL_SURFACES, SimulatedBroker

BUY = Intent(symbol="EURUSD", side="buy", quantity="1")


def _policy() -> Policy:
    return Policy.adopt(lag_ms_max={"positions": 0, "open_orders": 0, "order": 0, "fills": 0}, confirm_interval_ms=0)


def test_law_9_whoever_let_go_of_the_account_sends_nothing(tmp_path: Path) -> None:
    """Another process may have it by now, and this one records nothing any more."""
    broker = SimulatedBroker(position_mode="netting")
    broker.open("EURUSD", "long", "1")
    rec = Reconciler.open(f"sqlite:///{tmp_path / 'g.db'}", account="sim:1", broker=broker, policy=_policy())
    rec.startup_recovery()
    assert rec.gate.check(BUY) is None
    rec.close()
    refused = rec.gate.check(BUY)
    assert isinstance(refused, GateRefusal)
    assert "let go of" in refused.reason
    assert rec.gate.status == "closed"
    reducing = Intent(symbol="EURUSD", side="sell", quantity="1", reduce_only=True)
    assert isinstance(rec.gate.check(reducing), NeedsProof)
    assert rec.gate.check(Intent(symbol="EURUSD", side="buy", quantity="1", kind="cancel")) is None


def test_law_9_the_other_face_as_well(tmp_path: Path) -> None:
    async def closed() -> tuple[object, object]:
        broker = SimulatedBroker(position_mode="netting")
        async with AsyncReconciler.open(f"sqlite:///{tmp_path / 'a.db'}", account="sim:1", broker=broker) as rec:
            await rec.startup_recovery()
            before = rec.gate.check(BUY)
        return before, rec.gate.check(BUY)

    before, after = asyncio.run(closed())
    assert before is None
    assert isinstance(after, GateRefusal)


def test_an_order_of_nobody_is_adopted_by_either_of_its_ids(tmp_path: Path) -> None:
    """What `trueup breaks` shows is what an operator may say, as the page on operating promises."""
    for number, said in enumerate(("hand-1", "o1")):
        broker = SimulatedBroker(position_mode="netting", surfaces=ALL_SURFACES)
        store = f"sqlite:///{tmp_path / f'{number}.db'}"
        with Reconciler.open(store, account="sim:1", broker=broker, policy=_policy()) as rec:
            rec.startup_recovery()
            assert broker.place("EURUSD", "buy", "limit", "1", "1", client_id="hand-1") == "o1"
            rec.sync_positions()
            rec.sync_positions()
            rec.command(Command(name="adopt", who="ada", why="mine", arguments={"target": said}))
            adopted = rec.book.order("hand-1")
            assert adopted is not None
            assert adopted.order_id == "o1"
            assert rec.get_status().quarantine == {}
