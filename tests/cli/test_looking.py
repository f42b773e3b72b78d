"""Do `status`, `positions`, `breaks` and `audit` say what stands in the journal, at any moment of it?"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from cli.shell import ACCOUNT, NOON_NS, SECOND_NS, Clock, Shell, at, recorded, writing
from trueup import PositionSet
from trueup.model import BrokerPosition, Refusal, Stop
from trueup.ports import Answer
from trueup_adapters.cli import look

LOOKING = ("status", "positions", "breaks", "audit", "verify", "head")
EURUSD = PositionSet(
    symbol="EURUSD", side="long", quantity="0.010", ticket="7", price="1.05430", strategy="mean", stop=None
)
GBPUSD = PositionSet(symbol="GBPUSD", side="short", quantity="2", ticket="8", price="1.2", stop="1.30")
BARE = PositionSet(symbol="XAUUSD", side="long", quantity="100", ticket="9")


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with one account and three positions."""
    recorded(at(tmp_path), EURUSD, GBPUSD, BARE)
    return at(tmp_path)


def test_positions_are_rows_of_the_file_format(store: str, shell: Shell) -> None:
    ended = shell("positions", "--store", store, "--json")
    assert ended.status == 0
    assert ended.json == [
        {
            "account": ACCOUNT, "symbol": "EURUSD", "ticket": "7", "side": "long", "quantity": "0.01",
            "price": "1.0543", "strategy": "mean", "stop": None, "opened_at": None,
        },
        {
            "account": ACCOUNT, "symbol": "GBPUSD", "ticket": "8", "side": "short", "quantity": "2",
            "price": "1.2", "strategy": "external", "stop": "1.3", "opened_at": None,
        },
        {
            "account": ACCOUNT, "symbol": "XAUUSD", "ticket": "9", "side": "long", "quantity": "100",
            "price": None, "strategy": "external", "opened_at": None,
        },
    ]  # fmt: skip


def test_positions_make_a_file_that_check_reads(store: str, shell: Shell, tmp_path: Path) -> None:
    rows = shell("positions", "--store", store, "--json").json
    (tmp_path / "book.json").write_text(json.dumps({"account": ACCOUNT, "positions": rows}))
    assert shell("check", tmp_path / "book.json", tmp_path / "book.json", "--json").json["agrees"] is True


def broker_says(store: str, *rows: BrokerPosition, refused: tuple[Refusal, ...] = ()) -> None:
    with writing(store, Clock(NOON_NS + SECOND_NS)) as ledger:
        answer = Answer(
            completeness="partial" if refused else "complete",
            why="1 of 2 rows could not be used" if refused else "",
            positions={f"#{row.ticket}": row for row in rows},
            refused=refused,
        )
        ledger.observe("positions", answer, ledger.asking())


def test_the_brokers_side(store: str, shell: Shell) -> None:
    broker_says(store, BrokerPosition("EURUSD", Decimal("-0.5"), "7", stop=Stop(None), opened_at="17"))
    assert shell("positions", "--store", store, "--side", "broker", "--json").json == [
        {
            "account": ACCOUNT, "symbol": "EURUSD", "ticket": "7", "side": "short", "quantity": "0.5",
            "price": None, "strategy": None, "stop": None, "opened_at": "17",
        }
    ]  # fmt: skip
    assert len(shell("positions", "--store", store, "--json").json) == 3


def test_breaks_and_status_of_a_store_that_differs(store: str, shell: Shell) -> None:
    broker_says(store, BrokerPosition("EURUSD", Decimal("0.5"), "7"), refused=(Refusal(2, "bad"),))
    ended = shell("breaks", "--store", store, "--json")
    assert ended.status == 1
    (one,) = ended.json
    shown = ("of", "kind", "symbol", "ticket", "field", "book", "broker", "correction", "state")
    assert [one[name] for name in shown] == [
        "position", "drift", "EURUSD", "7", "quantity", "0.01", "0.5", "correct", "opened",
    ]  # fmt: skip
    assert set(one) == {*shown, "why", "id"}
    found = shell("status", "--store", store, "--json")
    assert (found.status, found.json["open_breaks"], found.json["refused"]) == (1, 1, 1)
    assert "drift" in shell("breaks", "--store", store).out


def test_no_breaks(store: str, shell: Shell) -> None:
    ended = shell("breaks", "--store", store, "--json")
    assert (ended.status, ended.json) == (0, [])
    assert "no break is open" in shell("breaks", "--store", store).out


def test_status_field_by_field(store: str, shell: Shell) -> None:
    ended = shell("status", "--store", store, "--json")
    found = ended.json
    size = found.pop("size_bytes")
    assert isinstance(size, int)
    assert size > 0
    assert ended.status == 0
    assert found == {
        "account": ACCOUNT,
        "position": 5,
        "at": "2026-01-15T12:00:00Z",
        "epoch": 1,
        "gate": "closed",
        "gate_why": "no start-up pass yet",
        "policy": "adopt",
        "position_mode": "hedging",
        "positions": 3,
        "open_breaks": 0,
        "held": 0,
        "refused": 0,
        "quarantine": {},
        "scopes": [
            {
                "scope": "account",
                "gate": "closed",
                "why": "no start-up pass yet",
                "since": "2026-01-15T12:00:00Z",
                "release": "a pass that verifies the book against the broker",
            }
        ],
        "overrides": [],
        "permits": [],
        "verified_at": None,
        "failures": 0,
        "orders": 0,
        "orphans": [],
        "actions": [],
        "unprotected": {},
        "exposure": {"open": {"": "2.410543"}, "orphans": {}, "unpriced": 1},
        "breaker": {
            "realised_today": {},
            "realised_total": {},
            "drawdown": {},
            "drawdown_deepest": {},
            "consecutive_losses": 0,
        },
    }
    for line in ("mt5:5001", "no start-up pass yet", "hedging"):
        assert line in shell("status", "--store", store).out


def test_status_closes_the_gate_on_what_was_verified_too_long_ago(
    store: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(store, Clock(NOON_NS + SECOND_NS)) as ledger:
        asking = ledger.asking()
        ledger.observe("positions", Answer(completeness="complete"), asking, pass_kind="startup")
    soon = NOON_NS + 2 * SECOND_NS
    monkeypatch.setattr(look.time, "time_ns", lambda: soon)
    held = shell("status", "--store", store, "--json").json
    assert (held["gate"], held["verified_at"]) == ("reduce_only", "2026-01-15T12:00:01Z")
    monkeypatch.setattr(look.time, "time_ns", lambda: soon + 3600 * SECOND_NS)
    late = shell("status", "--store", store, "--json").json
    assert late["gate"] == "closed"
    assert "more than 60 s ago" in late["gate_why"]


def test_audit_is_the_journals_end(store: str, shell: Shell) -> None:
    found = shell("audit", "--store", store, "--json").json
    assert [one["position"] for one in found] == [1, 2, 3, 4, 5]
    assert found[2] == {
        "position": 3, "at": "2026-01-15T12:00:00Z", "name": "position-recorded/1", "what": "input",
        "sentence": "the process recorded EURUSD #7: long 0.01", "symbol": "EURUSD", "correction": None, "cause": None,
    }  # fmt: skip
    assert [one["position"] for one in shell("audit", "--store", store, "--json", "--limit", 2).json] == [4, 5]
    assert "XAUUSD #9: long 100" in shell("audit", "--store", store).out
    for limit in (0, -1, 100_001):
        assert shell("audit", "--store", store, "--limit", limit).status == 2


# -- at another moment -------------------------------------------------------------------------------------


@pytest.fixture
def history(tmp_path: Path) -> str:
    """Claim and policy at 12:00:00, then one position a minute: positions 3, 4, 5."""
    clock = Clock()
    with writing(at(tmp_path), clock) as ledger:
        for change in (EURUSD, GBPUSD, BARE):
            clock.at_ns += 60 * SECOND_NS
            ledger.record(change)
    return at(tmp_path)


def held(shell: Shell, store: str, *when: object) -> list[str]:
    ended = shell("positions", "--store", store, "--json", *when)
    assert ended.status == 0, ended.err
    return [row["symbol"] for row in ended.json]


def test_as_of_is_the_last_position_before_the_first_later_input(history: str, shell: Shell) -> None:
    everything = ["EURUSD", "GBPUSD", "XAUUSD"]
    for when, symbols in {
        "2026-01-15T11:59:59Z": [],
        "2026-01-15T12:00:59.999999Z": [],
        "2026-01-15T12:01:00Z": everything[:1],
        "2026-01-15T12:02:30+00:00": everything[:2],
        "2026-01-15T14:02:30+02:00": everything[:2],
        "2026-01-15T12:02:30+02:00": [],
        "2026-01-15T12:03:00Z": everything,
        "2030-01-01T00:00:00Z": everything,
    }.items():
        assert held(shell, history, "--as-of", when) == symbols, when


def test_position_is_exact(history: str, shell: Shell) -> None:
    assert [len(held(shell, history, "--position", n)) for n in range(6)] == [0, 0, 0, 1, 2, 3]
    assert shell("breaks", "--store", history, "--position", 3, "--json").json == []
    for wrong in (6, -1):
        ended = shell("positions", "--store", history, "--position", wrong)
        assert ended.status == 2
        assert "the journal has 0 to 5" in ended.err


def test_a_time_as_audit_prints_it_includes_that_entry(tmp_path: Path, shell: Shell) -> None:
    with writing(at(tmp_path), Clock(NOON_NS + 123_456_789)) as ledger:
        ledger.record(EURUSD)
    (last,) = shell("audit", "--store", at(tmp_path), "--limit", 1, "--json").json
    assert held(shell, at(tmp_path), "--as-of", last["at"]) == ["EURUSD"]


def test_a_clock_that_was_set_back_is_said(tmp_path: Path, shell: Shell) -> None:
    clock = Clock()
    with writing(at(tmp_path), clock) as ledger:
        for minutes, change in ((10, EURUSD), (-20, GBPUSD), (30, BARE)):
            clock.at_ns += minutes * 60 * SECOND_NS
            ledger.record(change)
    when = "2026-01-15T12:00:00Z"
    ended = shell("positions", "--store", at(tmp_path), "--as-of", when, "--json")
    assert ended.json == []
    assert f"{when} is ambiguous" in ended.err
    assert "input 4" in ended.err
    assert "ambiguous" in shell("breaks", "--store", at(tmp_path), "--as-of", when).err
    assert shell("positions", "--store", at(tmp_path), "--as-of", "2026-01-15T12:30:00Z").err == ""


@pytest.mark.parametrize("when", ["yesterday", "2026-01-15T12:00:00", "2026-01-15T12:00:00+25:00", ""])
def test_a_moment_that_is_none(when: str, history: str, shell: Shell) -> None:
    ended = shell("positions", "--store", history, "--as-of", when)
    assert ended.status == 2
    assert "2026-01-15T09:30:00Z" in ended.err


def test_one_moment_only(history: str, shell: Shell) -> None:
    assert shell("positions", "--store", history, "--as-of", "2026-01-15T12:00:00Z", "--position", 1).status == 2


# -- which account -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", LOOKING)
def test_a_store_that_is_not_there(command: str, shell: Shell, tmp_path: Path) -> None:
    ended = shell(command, "--store", at(tmp_path), "--json")
    assert (ended.status, ended.out) == (3, "")
    assert "there is no store" in ended.err
    assert "`trueup run` makes one" in ended.err
    assert len(ended.err.splitlines()) == 1
    ended = shell(command, "--store", f"bundle:///{tmp_path}/gone.zip")
    assert (ended.status, len(ended.err.splitlines())) == (3, 1)
    assert "`trueup export --bundle` makes one" in ended.err
    assert not list(tmp_path.iterdir()), "looking makes nothing"


@pytest.mark.parametrize("command", LOOKING)
def test_several_accounts_in_one_store(command: str, store: str, shell: Shell) -> None:
    recorded(store, EURUSD, account="mt5:5002")
    ended = shell(command, "--store", store)
    assert ended.status == 2
    assert "mt5:5001, mt5:5002" in ended.err
    assert shell(command, "--store", store, "--account", "mt5:5002").status == 0
    assert shell(command, "--store", store, "--account", "mt5:5003").status == 2
    assert shell(command, "--store", store, "--account", "nonsense").status == 2


@pytest.mark.parametrize("command", LOOKING)
def test_beside_a_live_writer(command: str, store: str, shell: Shell) -> None:
    with writing(store, Clock()) as ledger:
        assert shell(command, "--store", store).status == 0
        ledger.record(PositionSet(symbol="Z", side="long", quantity=1, ticket="1"))  # it still may


@pytest.mark.parametrize("command", LOOKING)
def test_what_is_no_store(command: str, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "s.db").write_text("this is no database, it only looks like a file" * 100)
    ended = shell(command, "--store", at(tmp_path))
    assert (ended.status, ended.out) == (3, "")
    assert "Traceback" not in ended.err
    assert shell(command, "--store", "mysql://x/y").status == 2
