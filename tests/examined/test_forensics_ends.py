"""Does an investigator get what was asked for: at any moment as clocks write it, and fit to be handed on?"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cli.shell import Shell
from trueup.journal import Snapshot, open_reader, open_writer
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import FOLD_VERSION
from trueup.storage import rehydrate

LISTED = [{"symbol": "EURUSD", "side": "long", "quantity": "1"}]
LINES = (
    {"at": "2026-01-15T09:00:00Z", "kind": "snapshot", "surface": "positions", "complete": True, "positions": LISTED},
    {"at": "2026-01-15T09:10:00Z", "kind": "failure", "surface": "positions", "why": "no login, password=hunter2"},
    {"at": "2026-01-15T09:20:00Z", "kind": "local", "fill": {
        "execution_id": "1", "client_order_id": "a", "symbol": "GBPUSD", "side": "sell", "quantity": "3", "price": "1",
    }},
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, shell: Shell) -> str:
    """A journal of three inputs, ten minutes apart."""
    (tmp_path / "told.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    url = f"sqlite:///{tmp_path / 's.db'}"
    ended = shell("import", tmp_path / "told.jsonl", "--store", url)
    assert ended.status == 0, ended.err
    return url


@pytest.mark.parametrize(
    "moment",
    ["2026-01-15T09:15:00Z", "2026-01-15t09:15:00z", "2026-01-15T11:15:00+02:00", "2026-01-15 04:15-05:00",
     "20260115T091500,0Z"],
)  # fmt: skip
def test_one_moment_in_every_spelling(store: str, shell: Shell, moment: str) -> None:
    rows = shell("positions", "--store", store, "--as-of", moment, "--json").json
    assert [row["symbol"] for row in rows] == ["EURUSD"]


def test_an_offset_is_not_dropped(store: str, shell: Shell) -> None:
    rows = shell("positions", "--store", store, "--as-of", "2026-01-15T09:25:00-01:00", "--json").json
    assert [row["symbol"] for row in rows] == ["EURUSD", "GBPUSD"]  # it is 10:25 in UTC
    assert shell("positions", "--store", store, "--as-of", "2026-01-15T09:25:00+01:00", "--json").json == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("positions", "--as-of", "2026-01-15T09:15:00"), "'2026-01-15T09:15:00' does not say in which zone it is"),
        (("positions", "--as-of", "2026-01-15"), "'2026-01-15' does not say in which zone it is"),
        (("diff", "1", "noon"), "'noon' is no time"),
        (("timeline", "EURUSD", "--from", "noon"), "'noon' is no time"),
        (("replay", "--as-of", ""), "'' is no time"),
    ],
)
def test_what_is_no_moment_is_named_and_no_other_option_is(
    store: str, shell: Shell, words: tuple[str, ...], why: str
) -> None:
    ended = shell(*words, "--store", store)
    assert (ended.status, ended.out) == (2, "")
    assert why in ended.err
    assert "--as-of" not in ended.err


@pytest.mark.parametrize("how", [(), ("--raw",), ("--json",)])
def test_an_explanation_holds_no_password(shell: Shell, tmp_path: Path, how: tuple[str, ...]) -> None:
    grown = [{**LISTED[0], "quantity": "2", "comment": "password=hunter2"}]
    partly = {"surface": "positions", "complete": False, "why": "cut off, password=hunter2", "positions": grown}
    told = tmp_path / "partly.jsonl"
    later = {"at": "2026-01-15T09:30:00Z", "kind": "snapshot", **partly}
    told.write_text("".join(json.dumps(line) + "\n" for line in (*LINES, later)))
    url = f"sqlite:///{tmp_path / 'partly.db'}"
    assert shell("import", told, "--store", url).status == 0
    (row,) = shell("breaks", "--store", url, "--json").json
    said = shell("explain", row["id"], "--store", url, *how)
    assert said.status == 0
    assert "cut off" in said.out
    assert "hunter2" not in said.out


@pytest.mark.parametrize("rate", ["USD=0", "USD=-1.1", "USD", "USD=x", "=1"])
def test_a_rate_that_is_none(store: str, shell: Shell, rate: str) -> None:
    ended = shell("explain", "3", "--store", store, "--rate", rate)
    assert (ended.status, ended.out) == (2, "")
    assert "--rate" in ended.err


def test_a_picture_to_hand_on_holds_no_password(store: str, shell: Shell, tmp_path: Path) -> None:
    page, picture = tmp_path / "t.html", tmp_path / "t.svg"
    said = shell("timeline", "EURUSD", "--store", store).out
    assert shell("timeline", "EURUSD", "--store", store, "--html", page, "--svg", picture).status == 0
    for text in (said, page.read_text("utf-8"), picture.read_text("utf-8")):
        assert "no login" in text
        assert "hunter2" not in text


@pytest.mark.parametrize("name", ["import:other", "other", "IMPORT:told", "import:tole", b"import:told"])
@pytest.mark.parametrize("position", [1, 2, 4])
def test_an_event_moved_under_another_name_is_found_without_asking_for_the_account(
    store: str, shell: Shell, name: str | bytes, position: int
) -> None:
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as database:
        database.execute("DROP TRIGGER stored_events_no_update")
        with database:
            moved = database.execute(
                "UPDATE stored_events SET originator_id = ? WHERE originator_id = ? AND originator_version = ?",
                (name, "import:told", position),
            )
            assert moved.rowcount == 1
    found = shell("verify", "--store", store, "--json")
    assert found.status == 1
    assert not found.json["ok"]


def test_of_several_accounts_one_has_to_be_named(store: str, shell: Shell, tmp_path: Path) -> None:
    assert shell("import", tmp_path / "told.jsonl", "--store", store, "--account", "import:other").status == 0
    ended = shell("verify", "--store", store)
    assert (ended.status, ended.out) == (2, "")
    assert "import:other, import:told" in ended.err


@pytest.mark.parametrize("wrong", [None, 3, 4, 5])
def test_one_wrong_snapshot_is_named_and_no_other(store: str, shell: Shell, wrong: int | None) -> None:
    account = "import:told"
    with open_reader(store, account) as reader:
        events = list(reader.read())
        states = {one.position: rehydrate(account, reader, upto=one.position) for one in events}
    with open_writer(store, account) as writer:
        for one in (events[4], events[2], events[3]):  # not in their order
            of = 2 if one.position == wrong else one.position  # whole in itself, and of another position
            writer.save_snapshot(Snapshot(one.position, one.digest, FOLD_VERSION, save(states[of])))
    found = shell("verify", "--store", store, "--json")
    assert found.status == (0 if wrong is None else 1)
    assert [fault["position"] for fault in found.json["faults"]] == ([] if wrong is None else [wrong])
