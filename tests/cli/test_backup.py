"""`trueup backup`, a backup that was put back, and `trueup archive`."""

from __future__ import annotations

import json

import pytest

from trueup import Fill, JournalError, Reconciler
from trueup.journal import Head
from trueup_adapters.cli import main


def fill(number: int) -> Fill:
    return Fill(execution_id=f"e{number}", symbol="EURUSD", side="buy", quantity="1", price="1.05")


@pytest.fixture
def store(tmp_path) -> str:
    url = f"sqlite:///{tmp_path}/a.db"
    with Reconciler.open(url, account="mt5:5001") as rec:
        rec.record(fill(1))
    return url


def test_a_backup_beside_a_live_writer_is_a_store_with_its_heads(store, tmp_path, capsys) -> None:
    with Reconciler.open(store, account="mt5:5001") as rec:
        rec.record(fill(2))
        assert main(["backup", "--store", store, "--to", str(tmp_path / "b.db"), "--json"]) == 0
        rec.record(fill(3))
    told = json.loads(capsys.readouterr().out)
    assert told["to"] == str(tmp_path / "b.db")
    assert [one["account"] for one in told["heads"]] == ["mt5:5001"]
    copy = f"sqlite:///{tmp_path}/b.db"
    assert main(["verify", "--store", copy, "--json"]) == 0
    verified = json.loads(capsys.readouterr().out)
    assert verified["head"]["digest"] == told["heads"][0]["digest"]
    with Reconciler.open(copy, account="mt5:5001") as rec:
        assert [str(one.signed_quantity) for one in rec.book.positions] == ["2"], "the third came after it"


def test_people_are_told_what_to_do_with_the_heads(store, tmp_path, capsys) -> None:
    assert main(["backup", "--store", store, "--to", str(tmp_path / "b.db")]) == 0
    said = capsys.readouterr().out
    assert "mt5:5001" in said
    assert "verify --head" in said


def test_nothing_is_written_over(store, tmp_path, capsys) -> None:
    taken = tmp_path / "taken.db"
    taken.write_text("mine")
    assert main(["backup", "--store", store, "--to", str(taken)]) == 2
    assert "never writes over" in capsys.readouterr().err
    assert taken.read_text() == "mine"


def test_a_backup_put_back_is_opened_only_when_somebody_says_so(store, tmp_path, capsys) -> None:
    assert main(["backup", "--store", store, "--to", str(tmp_path / "old.db")]) == 0
    with Reconciler.open(store, account="mt5:5001") as rec:
        rec.record(fill(2))
    assert main(["head", "--store", store, "--out", str(tmp_path / "head.json")]) == 0
    exported = json.loads((tmp_path / "head.json").read_text())
    head = Head(exported["position"], bytes.fromhex(exported["digest"]))
    old = f"sqlite:///{tmp_path}/old.db"
    with pytest.raises(JournalError, match="restored backup"):
        Reconciler.open(old, account="mt5:5001", head=head)
    capsys.readouterr()
    run = ["run", "--once", "--json", "--account", "mt5:5001", "--store", old, "--broker", "tcp://127.0.0.1:9"]
    assert main([*run, "--timeout-ms", "50", "--head", str(tmp_path / "head.json")]) == 3
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "FAILED"
    assert "restored" in told["critical"][0]
    with Reconciler.open(old, account="mt5:5001", head=head, restored=True) as rec:
        assert rec.gate.status == "closed", "nothing is permitted before a pass has verified the book"
    with Reconciler.open(store, account="mt5:5001", head=head) as rec:
        assert rec.book.positions, "the journal itself holds its head"


def test_a_head_of_another_account_is_refused(store, tmp_path, capsys) -> None:
    (tmp_path / "head.json").write_text(json.dumps({"account": "mt5:1", "position": 1, "digest": "00" * 32}))
    run = ["run", "--once", "--account", "mt5:5001", "--store", store, "--head", str(tmp_path / "head.json")]
    assert main(run) == 2
    assert "head of mt5:1" in capsys.readouterr().err


def test_an_archived_prefix_stays_part_of_the_journal(store, tmp_path, capsys) -> None:
    with Reconciler.open(store, account="mt5:5001") as rec:
        last = rec.record([fill(number) for number in range(2, 30)])
    assert main(["archive", "--store", store, "--position", "11", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["account"], told["position"]) == ("mt5:5001", 10)
    assert (tmp_path / told["file"]).exists()
    assert main(["verify", "--store", store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == last
    with Reconciler.open(store, account="mt5:5001") as rec:
        assert [str(one.signed_quantity) for one in rec.book.positions] == ["29"]
        assert len(rec.get_audit_trail(last)) == last


def test_what_is_archived_can_be_said_by_time(store, capsys) -> None:
    with Reconciler.open(store, account="mt5:5001") as rec:
        rec.record(fill(2))
        until = rec.get_audit_trail()[2].at
        rec.record(fill(3))
    assert main(["archive", "--store", store, "--before", until]) == 0
    assert "events up to 3" in capsys.readouterr().out


def test_archiving_wants_to_be_told_what(store, capsys) -> None:
    assert main(["archive", "--store", store]) == 2
    assert main(["archive", "--store", store, "--before", "2026-01-01T00:00:00Z", "--position", "2"]) == 2
    assert capsys.readouterr().err.count("--before TIME") == 2


def test_a_store_in_use_is_not_archived(store, capsys) -> None:
    with Reconciler.open(store, account="mt5:5001"):
        assert main(["archive", "--store", store, "--position", "2"]) == 3
    assert main(["verify", "--store", store]) == 0
