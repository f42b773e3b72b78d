"""Does `verify` find what was changed behind the journal's back, and does `head` help it to?"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from cli.shell import ACCOUNT, Clock, Shell, at, recorded, writing
from trueup import PositionSet
from trueup_adapters.cli import seal


def positions(count: int) -> list[PositionSet]:
    return [PositionSet(symbol=f"S{n}", side="long", quantity=1, ticket=str(n + 1)) for n in range(count)]


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store of seven events, with a snapshot of all of them."""
    with writing(at(tmp_path), Clock()) as ledger:
        ledger.record(positions(5))
        ledger.save_snapshot()
    return at(tmp_path)


def tamper(store: str, table: str, where: str, *, swap: tuple[bytes, bytes] | None = None) -> None:
    """Changes bytes of rows of a table whose name ends so, or removes the rows, as a forger would: guards off."""
    database = sqlite3.connect(store.removeprefix("sqlite:///"))
    try:
        with database:
            for (guard,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                database.execute(f"DROP TRIGGER {guard}")
            found = database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE ?", ("%" + table,)
            )
            (name,) = found.fetchone()
            if swap is None:
                assert database.execute(f"DELETE FROM {name} WHERE {where}").rowcount > 0
                return
            ((state,),) = database.execute(f"SELECT state FROM {name} WHERE {where}").fetchall()
            assert swap[0] in state
            database.execute(f"UPDATE {name} SET state = ? WHERE {where}", (state.replace(*swap),))
    finally:
        database.close()


def test_a_whole_journal(store: str, shell: Shell) -> None:
    ended = shell("verify", "--store", store, "--json")
    exported = shell("head", "--store", store, "--json").json
    assert ended.status == 0
    assert ended.json == {
        "ok": True,
        "events": 7,
        "head": {"position": 7, "digest": exported["digest"]},
        "faults": [],
        "raw_missing": 0,
    }
    assert set(exported) == {"account", "position", "digest"}
    assert (exported["account"], exported["position"]) == (ACCOUNT, 7)
    assert len(bytes.fromhex(exported["digest"])) == 32
    assert "7 events are as they were written" in shell("verify", "--store", store).out


def test_law_8_an_edited_event_shows(store: str, shell: Shell) -> None:
    tamper(store, "events", "originator_version = 6", swap=(b"S3", b"S9"))
    ended = shell("verify", "--store", store, "--json")
    assert ended.status == 1
    assert ended.json["ok"] is False
    assert ended.json["head"]["position"] == 5
    assert ended.json["faults"][0]["position"] == 6
    assert set(ended.json["faults"][0]) == {"position", "why"}
    assert "6" in shell("verify", "--store", store).out


def test_law_8_a_snapshot_of_another_state_shows(store: str, shell: Shell) -> None:
    tamper(store, "snapshots", "originator_version = 7", swap=(b"S3", b"S9"))
    assert shell("verify", "--store", store).status == 1


def test_a_snapshot_is_folded_anew(store: str, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "save", lambda state: b"another state")
    ended = shell("verify", "--store", store, "--json")
    assert ended.status == 1
    assert "folding again" in ended.json["faults"][0]["why"]


def test_law_8_a_cut_tail_shows_against_an_exported_head(store: str, shell: Shell, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    assert "is in" in shell("head", "--store", store, "--out", head).out
    assert shell("verify", "--store", store, "--head", head).status == 0
    tamper(store, "snapshots", "originator_version = 7")
    tamper(store, "events", "originator_version = 7")
    assert shell("verify", "--store", store).status == 0, "nothing else can tell"
    ended = shell("verify", "--store", store, "--head", head, "--json")
    assert ended.status == 1
    assert "truncated" in ended.json["faults"][0]["why"]


def test_a_head_names_its_account(store: str, shell: Shell, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    recorded(store, *positions(1), account="mt5:5002")
    assert json.loads(
        shell("head", "--store", store, "--account", "mt5:5002", "--out", head, "--json").out
    ) == json.loads(head.read_text())
    assert shell("verify", "--store", store, "--head", head).status == 0
    ended = shell("verify", "--store", store, "--head", head, "--account", ACCOUNT)
    assert ended.status == 2
    assert "the head of mt5:5002" in ended.err


@pytest.mark.parametrize(
    "content",
    ["", "x", "[]", "{}", '{"account": "mt5:1", "position": 1, "digest": "00"}',
     '{"account": "mt5:1", "position": -1, "digest": "' + "00" * 32 + '"}',
     '{"account": "1", "position": 1, "digest": "' + "00" * 32 + '"}',
     '{"account": "mt5:1", "position": 1, "digest": "' + "zz" * 32 + '"}'],
)  # fmt: skip
def test_what_is_no_head(content: str, store: str, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "head.json").write_text(content)
    ended = shell("verify", "--store", store, "--head", tmp_path / "head.json")
    assert ended.status == 3
    assert "head.json" in ended.err


def test_heads_that_cannot_be_read_or_written(store: str, shell: Shell, tmp_path: Path) -> None:
    assert shell("verify", "--store", store, "--head", tmp_path / "gone").status == 3
    ended = shell("head", "--store", store, "--out", tmp_path / "no" / "folder")
    assert ended.status == 3
    assert "cannot be written" in ended.err
