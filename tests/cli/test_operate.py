"""Do `adopt`, `close`, `release` and `override` reach the account, with a live writer and without, and as whose?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.shell import ACCOUNT, Shell, at
from trueup import Policy, Reconciler
from trueup.facts import CommandGiven
from trueup.journal import open_reader, system_user
from trueup.journal import users as journal_users
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, SimulatedBroker
from trueup_adapters.cli import commanding
from trueup_adapters.cli.operate import seconds_of

QUICK = Policy.guarded(
    lag_ms_max={"positions": 0, "open_orders": 0, "order": 0}, confirm_interval_ms=0, confirmations_total=2,
    total_absence_s=0,
)  # fmt: skip


def simulated() -> SimulatedBroker:
    broker = SimulatedBroker(position_mode="netting", surfaces=ALL_SURFACES, actions=ALL_ACTIONS)
    broker.open("EURUSD", "long", "2", price="1.1")
    return broker


@contextmanager
def running(store: str, broker: SimulatedBroker, policy: Policy = QUICK) -> Iterator[Reconciler]:
    """A process that owns the account, and has passed twice: what differs is known, and waits for a human."""
    with Reconciler.open(store, account=ACCOUNT, broker=broker, policy=policy, baseline=False) as rec:
        rec.startup_recovery()
        rec.sync_positions()
        yield rec


def commands(store: str) -> list[CommandGiven]:
    with open_reader(store, ACCOUNT) as reader:
        return [one.event for one in reader.read() if isinstance(one.event, CommandGiven)]


def test_beside_a_live_writer(shell: Shell, tmp_path: Path) -> None:
    store = at(tmp_path)
    with running(store, simulated()) as rec:
        assert list(rec.get_status().quarantine) == ["*:EURUSD"]
        told = shell("status", "--store", store, "--json").json["quarantine"]["*:EURUSD"]
        assert set(told) == {"why", "since", "release"}
        ended = shell("adopt", "EURUSD", "--why", "bought by phone", "--store", store, "--json")
        assert (ended.status, ended.json["state"], ended.json["what"], ended.json["inbox"]) == (0, "done", "EURUSD", 1)
        assert "adopted by" in ended.json["decisions"][0]
        assert [one.symbol for one in rec.book.positions] == ["EURUSD"]
        assert rec.get_status().quarantine == {}
        again = shell("adopt", "EURUSD", "--why", "twice", "--store", store)
        assert (again.status, "no break is open" in again.out) == (1, True)
    assert [one.who for one in commands(store)] == [system_user()] * 2


def test_without_a_writer(shell: Shell, tmp_path: Path) -> None:
    store = at(tmp_path)
    with running(store, simulated()):
        pass
    ended = shell("release", "*:EURUSD", "--why", "looked at it", "--store", store, "--json")
    assert (ended.status, ended.json["inbox"]) == (0, None)
    assert ended.json["decisions"] == [f"quarantine *:EURUSD released: released by {system_user()}: looked at it"]
    assert shell("status", "--store", store, "--json").json["quarantine"] == {}
    refused = shell("override", "account", "--for", "10m", "--why", "x", "--store", store, "--json")
    assert (refused.status, refused.json["state"]) == (1, "refused")
    assert "no pass has been tried in this epoch" in refused.json["decisions"][0]


def test_an_override_is_loud_and_can_be_ended(shell: Shell, tmp_path: Path) -> None:
    store = at(tmp_path)
    with running(store, simulated()) as rec:
        ended = shell("override", "EURUSD", "--for", "10m", "--why", "the feed is late", "--store", store)
        assert ended.status == 0
        found = shell("status", "--store", store, "--json").json
        (override,) = found["overrides"]
        assert (override["scope"], override["who"], override["why"]) == ("EURUSD", system_user(), "the feed is late")
        assert [one["scope"] for one in found["scopes"]] == ["account", "EURUSD", "*:EURUSD"]
        people = shell("status", "--store", store).out
        assert f"EURUSD PASSES until {override['until']}, by {system_user()}: the feed is late" in people
        critical = rec.sync_positions().critical
        assert [one for one in critical if one.startswith("the gate is overridden for EURUSD until ")]
        assert shell("override", "EURUSD", "--end", "--why", "it is back", "--store", store).status == 0
        assert shell("status", "--store", store, "--json").json["overrides"] == []
        assert rec.get_status().overrides == ()


def test_close_in_the_book_and_at_the_broker(shell: Shell, tmp_path: Path) -> None:
    store, broker = at(tmp_path), simulated()
    with running(store, broker) as rec:
        why = ("--why", "not ours", "--store", store)
        assert shell("close", "EURUSD", *why).status == 1, "the broker has it"
        assert shell("close", "EURUSD", "--unproven", *why).status == 1
        ended = shell("close", "EURUSD", "--at-broker", *why, "--json")
        assert ended.status == 0
        assert f"{system_user()} closes 2 of 2 EURUSD #1, reduce-only: not ours" in ended.json["decisions"][0]
        report = rec.sync_positions()
        assert broker.truth == {}
        assert [(one.kind, one.purpose, one.state) for one in report.actions] == [
            ("close_position", "operator", "done")
        ]
        assert len(broker.acted) == 1


def test_an_action_that_an_operator_asks_for_is_due_at_once(shell: Shell, tmp_path: Path) -> None:
    store, broker = at(tmp_path), simulated()
    with running(store, broker) as rec:
        assert rec.sync_continuous() is not None
        rec._due_ns = 2**62
        shell("close", "EURUSD", "--at-broker", "--why", "x", "--store", store)
        assert rec._due_ns == 0


def test_without_permission(shell: Shell, tmp_path: Path) -> None:
    store = at(tmp_path)
    policy = Policy.guarded(operators={"somebody-else": ["manage_reconciliation"]})
    with running(store, simulated(), policy):
        ended = shell("release", "EURUSD", "--who", "somebody-else", "--why", "x", "--store", store, "--json")
    assert (ended.status, ended.json["state"]) == (1, "refused")
    assert (
        f"{system_user()} has no permission manage_reconciliation; by the policy somebody-else has"
        in (ended.json["decisions"][0])
    )
    (given,) = commands(store)
    assert (given.who, dict(given.arguments)) == (system_user(), {"scope": "EURUSD", "on_behalf_of": "somebody-else"})


def test_a_claimed_user_changes_nothing(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by any of the variables that name one."""
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "mallory")
    store = at(tmp_path)
    with running(store, simulated()):
        pass
    shell("release", "EURUSD", "--why", "x", "--store", store)
    assert [one.who for one in commands(store)] == [system_user()]
    assert system_user() != "mallory"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_users.os, "geteuid", lambda: 987_654_321)
    assert system_user() == "uid:987654321"


def test_who_it_is_where_a_server_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Place:
        def session_user(self) -> str:
            return "trader_role"

    monkeypatch.setattr(journal_users, "location", lambda url: Place())
    assert journal_users.store_user("postgresql://somebody@host/db") == "trader_role"


@pytest.mark.parametrize(
    "arguments",
    [
        ("adopt", "EURUSD"), ("adopt", "--why", "x"), ("adopt", "", "--why", "x"), ("adopt", "a\nb", "--why", "x"),
        ("close", "EURUSD", "--unproven", "--at-broker", "--why", "x"), ("release", "--why", "x"),
        ("override", "account", "--why", "x"), ("override", "account", "--for", "10m", "--end", "--why", "x"),
        ("override", "account", "--for", "0", "--why", "x"), ("override", "account", "--for", "ten", "--why", "x"),
        ("release", "EURUSD", "--why", "a\nb"), ("release", "EURUSD", "--why", " "),
        ("release", "EURUSD", "--why", "x", "--who", ""),
    ],
)  # fmt: skip
def test_words_that_cannot_be_meant(arguments: tuple[str, ...], shell: Shell, tmp_path: Path) -> None:
    store = at(tmp_path)
    with running(store, simulated()):
        pass
    assert shell(*arguments, "--store", store).status == 2
    assert commands(store) == []


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1h", 3600), ("45", 45)])
def test_how_long(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


def test_no_store_no_word(shell: Shell, tmp_path: Path) -> None:
    assert shell("release", "EURUSD", "--why", "x", "--store", at(tmp_path)).status == 3
    assert not list(tmp_path.iterdir())


def test_no_name_longer_than_the_journal_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_users, "system_user", lambda: "x" * 500)
    assert len(commanding.store_user("memory://x")) == 128
