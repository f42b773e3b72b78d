"""Does a whole reconciler, whose store lies in PostgreSQL, get over the loss of all its connections?"""

from __future__ import annotations

from contextlib import closing

import pytest

from journal.databases import PostgresStore
from trueup import Fill, Policy, Reconciler
from trueup.errors import JournalError
from trueup.gate import Intent
from trueup.journal import verify
from trueup.testing.broker import SimulatedBroker

ACCOUNT = "mt5:5001"
BUY = Intent(symbol="EURUSD", side="buy", quantity="1")


def bought(name: str) -> Fill:
    return Fill(execution_id=name, symbol="EURUSD", side="buy", quantity="1", price="1.05")


def test_law_9_a_reconciler_goes_on_in_a_new_epoch_with_a_start_up_pass(postgres: PostgresStore) -> None:
    broker = SimulatedBroker(position_mode="netting")
    with Reconciler.open(postgres.url, account=ACCOUNT, broker=broker, policy=Policy.adopt()) as rec:
        assert rec.startup_recovery().status == "SUCCESS"
        assert rec.gate.check(BUY) is None
        rec.record(bought("e1"))
        with closing(postgres.connect()) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = 'trueup' AND pid <> pg_backend_pid()"
            )
        with pytest.raises(JournalError, match="the connection was lost"):
            rec.record(bought("e2"))
        assert rec.gate.status == "closed"
        rec.record(bought("e2"))
        assert rec.gate.status == "closed"
        broker.open("EURUSD", "buy", "2")
        report = rec.sync_positions()
        assert report.status == "SUCCESS", report
        assert rec.gate.check(BUY) is None
        assert rec.get_status().epoch == 2
        assert [str(position.signed_quantity) for position in rec.book.positions] == ["2"]
    assert verify(postgres.url, ACCOUNT).ok
