"""Does a bundle stand by itself: does all that reads a journal read it, and does it tell what happened?"""

from __future__ import annotations

import json
import re
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cli.shell import Shell, at
from golden.story import ACCOUNT
from house.source import ROOT
from incident.test_pages import blocks, ran
from incident.told import brought, pos, sees, told_story, when
from trueup import InputError, Policy
from trueup.decisions import BreakMoved
from trueup.facts import Fact, FillRecorded, Observed
from trueup.incident import around, write_bundle
from trueup.incident.secrets import secret_in
from trueup.journal import Head, Recorded, open_inbox, open_reader, open_writer, verify
from trueup.reconciliation.state import DECIDER_VERSION, FOLD_VERSION
from trueup.storage import rehydrate


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A journal in which every kind of thing happens."""
    return told_story(f"sqlite:///{tmp_path_factory.mktemp('story') / 'story.db'}")


def bundled(shell: Shell, store: str, path: Path, *words: object) -> tuple[str, Any]:
    """The bundle's address, and what was said of it."""
    ended = shell("export", "--store", store, "--bundle", path, *words, "--json")
    assert ended.status == 0, ended.err
    return f"bundle:///{path}", ended.json


def test_a_whole_journal_reads_like_the_store_it_came_from(story: str, shell: Shell, tmp_path: Path) -> None:
    url, said = bundled(shell, story, tmp_path / "b.zip")
    assert said["sha256"] == sha256((tmp_path / "b.zip").read_bytes()).hexdigest()
    assert said["bytes"] == (tmp_path / "b.zip").stat().st_size
    for words in (
        ["verify"], ["positions"], ["positions", "--side", "broker"], ["breaks"], ["audit", "--limit", 9999],
        ["replay"], ["head"], ["positions", "--position", 20], ["positions", "--as-of", "2026-01-01T00:05:00Z"],
    ):  # fmt: skip
        theirs, ours = shell(*words, "--store", story, "--json"), shell(*words, "--store", url, "--json")
        assert ours.status == theirs.status
        if words == ["verify"]:
            assert ours.json == {**theirs.json, "raw_missing": theirs.json["raw_missing"]}
        else:
            assert ours.json == theirs.json
    with open_reader(url, ACCOUNT) as ours, open_reader(story, ACCOUNT) as theirs:
        assert list(ours.sealed()) == list(theirs.sealed())
        digests = {one.event.raw_digest for one in theirs.read() if isinstance(one.event, Observed)}
        kept = {digest for digest in digests if theirs.raw(digest) is not None}
        assert kept
        assert {digest: ours.raw(digest) for digest in kept} == {digest: theirs.raw(digest) for digest in kept}
        assert said["raws"] == len(kept)


@pytest.mark.parametrize("first", [2, 5, 9, 17, 23, 30])
def test_an_excerpt_reads_like_the_journal_from_there_on(story: str, shell: Shell, tmp_path: Path, first: int) -> None:
    with open_reader(story, ACCOUNT) as reader:
        end = reader.head()
        before = rehydrate(ACCOUNT, reader)
        wanted = [one for one in reader.read() if one.position >= first]
    url, said = bundled(shell, story, tmp_path / "b.zip", "--from", first)
    assert first - 20 < said["first"] <= first
    with open_reader(url, ACCOUNT) as reader:
        assert reader.begins_after == said["first"] - 1
        assert isinstance(reader.event(said["first"]), Fact), "it begins with an input"
        assert [one for one in reader.read(after=reader.begins_after) if one.position >= first] == wanted
        assert rehydrate(ACCOUNT, reader) == before
        assert reader.head() == end
    report = verify(url, ACCOUNT, head=end, refold=lambda *_: b"never asked", fold_version=FOLD_VERSION)
    assert report.faults == ()
    assert report.events == end.position - said["first"] + 1
    replayed = shell("replay", "--store", url, "--json")
    assert (replayed.status, replayed.json["identical"], replayed.json["undetermined"]) == (0, True, [])
    assert replayed.json["compared"] == replayed.json["decisions"] > 0
    assert shell("audit", "--store", url, "--limit", 9999, "--json").json[0]["position"] == said["first"]
    again = tmp_path / "again.zip"
    bundled(shell, url, again)
    assert again.read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_what_tells_of_a_journal_tells_of_a_bundle(shell: Shell, tmp_path: Path) -> None:
    golden = f"bundle:///{ROOT / 'tests' / 'golden' / 'incident.zip'}"
    excerpt, _ = bundled(shell, golden, tmp_path / "x.zip", "--from", 30)
    for store in (golden, excerpt):
        for words in (["explain", 40], ["timeline", "XAUUSD"], ["diff", 31, 44], ["status"]):
            ended = shell(*words, "--store", store, "--json")
            assert ended.status in (0, 1), (words, ended.err)
            assert ended.json
    other = tmp_path / "observe.toml"
    other.write_text('preset = "observe"\n')
    assert shell("replay", "--store", golden, "--policy", other, "--json").status == 1


def test_what_lies_before_an_excerpt_is_said_to_be_missing(story: str, shell: Shell, tmp_path: Path) -> None:
    url, said = bundled(shell, story, tmp_path / "b.zip", "--from", 17)
    for words in (["positions", "--position", 3], ["export", "--out", tmp_path / "x", "--from", 2]):
        ended = shell(*words, "--store", url)
        assert ended.status == 2
        assert str(said["first"]) in ended.err or str(said["first"] - 1) in ended.err
    assert shell("export", "--store", url, "--out", tmp_path / "x").status == 0
    with open_reader(url, ACCOUNT) as reader:
        with pytest.raises(Exception, match="an excerpt that begins after"):
            list(reader.read())
        assert reader.raw(b"x" * 32) is None
    early = verify(url, ACCOUNT, head=Head(3, b"x" * 32))
    assert ["cannot be told" in one.why for one in early.faults] == [True]
    assert shell("replay", "--store", url, "--into", tmp_path / "views.db").status == 3


def test_an_excerpt_of_another_fold_says_so(
    story: str, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trueup.incident import bundling

    monkeypatch.setattr(bundling, "FOLD_VERSION", FOLD_VERSION + 1)
    url, _ = bundled(shell, story, tmp_path / "b.zip", "--from", 17)
    ended = shell("positions", "--store", url)
    assert ended.status == 3
    assert "only this version's own fold" in ended.err
    assert shell("verify", "--store", url).status == 0


def test_an_excerpt_of_another_decider_is_undetermined(
    story: str, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trueup.incident import bundling

    monkeypatch.setattr(bundling, "_decided", lambda reader, first: DECIDER_VERSION + 7)
    url, _ = bundled(shell, story, tmp_path / "b.zip", "--from", 17, "--to", 20)
    replayed = shell("replay", "--store", url, "--json").json
    assert (replayed["identical"], replayed["compared"]) == (True, 0)
    assert f"decider version {DECIDER_VERSION + 7}" in replayed["undetermined"][0]["why"]


def test_the_story_of_a_break_or_a_correction(story: str, shell: Shell, tmp_path: Path) -> None:
    with open_reader(story, ACCOUNT) as reader:
        moves = [one for one in reader.read() if isinstance(one.event, BreakMoved) and one.event.correction]
        found = moves[-1]
        assert isinstance(found.event, BreakMoved)
        assert found.event.correction is not None
        for identity in (found.event.steps[0].break_id, found.event.correction.id):
            first, last = around(reader, identity)
            assert first < found.position <= last
            url, said = bundled(shell, story, tmp_path / "b.zip", "--around", identity)
            assert said["first"] <= first
            assert said["last"] >= last
            with open_reader(url, ACCOUNT) as excerpt:
                assert around(excerpt, identity)[1] <= said["last"]
        (fill,) = [one for one in reader.read() if isinstance(one.event, FillRecorded)][:1]
        first, last = around(reader, fill.event.execution.execution_id)  # type: ignore[union-attr]
        assert first <= fill.position <= last
        for nothing in ("nothing", "EURUSD", "buy"):
            with pytest.raises(InputError, match=f"no event names '{nothing}'"):
                around(reader, nothing)


def test_the_page_for_people_and_the_manifest(story: str, shell: Shell, tmp_path: Path) -> None:
    _, said = bundled(shell, story, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as file:
        manifest = json.loads(file.read("manifest.json"))
        assert {part["name"] for part in manifest["parts"]} == set(file.namelist()) - {"manifest.json"}
        for part in manifest["parts"]:
            raw = file.read(part["name"])
            assert (len(raw), sha256(raw).hexdigest()) == (part["bytes"], part["sha256"])
        page = file.read("report.txt").decode()
        policy = json.loads(file.read("policy.json"))
    assert (manifest["account"], manifest["first"], manifest["last"]) == (ACCOUNT, 1, said["last"])
    with open_reader(story, ACCOUNT) as reader:
        end = rehydrate(ACCOUNT, reader)
    book = end.book
    assert f"book after: {len(book)} positions" in page
    for slot in book.values():
        assert slot.holding is not None
        ticket = "" if slot.holding.ticket is None else f" #{slot.holding.ticket}"
        assert f" {slot.holding.symbol}{ticket} " in page.partition("book after")[2]
    assert re.search(rf"(?m)^ +{said['last']}  2026", page)
    assert policy["before"] is None
    assert policy["after"]["on_recovery"] == end.policy.on_recovery
    assert policy["after"]["sync_interval_s"] == end.policy.sync_interval_s


def test_a_report_has_an_end_and_nothing_breaks_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trueup.incident import report as telling
    from trueup.reconciliation.state import State

    monkeypatch.setattr(telling, "EVENTS_TOLD_MAX", 5)
    lines = [sees(n * 30, pos("A"), complete=False, why="x\u2028y") for n in range(20)]
    brought(at(tmp_path), lines)
    with open_reader(at(tmp_path), "import:recording") as reader:
        page, _ = telling.report(State(account="import:recording"), reader.read(), heading=["h"])
        text = list(page)
    assert all(line.isprintable() for line in text)
    told = text[next(n for n, line in enumerate(text) if line.startswith("what happened")) :]
    assert len(told) == 6
    with open_reader(at(tmp_path), "import:recording") as reader:
        head = reader.head().position
    assert f"; {head - 5} earlier ones are in journal.jsonl only" in told[0]
    assert told[-1].split()[0] == str(head)


# -- secrets -----------------------------------------------------------------------------------------------

SECRETS = [
    "tcp://bot:hunter2@10.0.0.1:5555 refused",
    '{"api_key": "AKIA1234567890"}',
    '{\\"password\\":\\"hunter2\\"}',
    "Authorization: Bearer abcdefghijklmnop1234",
    "APCA-API-SECRET-KEY: abcdefgh",
    "-----BEGIN EC PRIVATE KEY-----",
    "token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3.SflKxwRJSMeKKF2QT4fw",
    "access_token=0123456789",
]
HARMLESS = [
    "no answer within 10 s", "https://api.example.com/v2/positions", '{"password": null}', "a secret",
    "postgresql://bot:***@db/journal", "no api key was given", '{"symbol": "EURUSD", "side": "buy"}',
]  # fmt: skip


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_a_secret(text: str) -> None:
    assert secret_in(f"before {text} after") is not None


@pytest.mark.parametrize("text", HARMLESS)
def test_what_does_not(text: str) -> None:
    assert secret_in(text) is None


@pytest.mark.parametrize("secret", SECRETS[:4])
def test_a_secret_in_an_event_stops_the_bundle(shell: Shell, tmp_path: Path, secret: str) -> None:
    lines = [sees(0, pos("A")), {"at": when(30), "kind": "failure", "surface": "positions", "why": secret}]
    brought(at(tmp_path), [*lines, sees(60, pos("A"))])
    ended = shell("export", "--store", at(tmp_path), "--bundle", tmp_path / "b.zip")
    assert ended.status == 2
    assert "event 6 (observed/1) holds what looks like" in ended.err
    assert "hunter2" not in ended.err
    assert not (tmp_path / "b.zip").exists()
    assert shell("export", "--store", at(tmp_path), "--bundle", tmp_path / "c.zip", "--from", 7).status == 0
    url, said = bundled(shell, at(tmp_path), tmp_path / "b.zip", "--with-secrets")
    assert said["withheld"] == 0
    assert shell("verify", "--store", url).status == 0


def test_a_secret_in_a_raw_reply_leaves_it_out(shell: Shell, tmp_path: Path) -> None:
    brought(
        at(tmp_path), [sees(0, pos("A"), api_key="AKIA1234567890"), sees(30, pos("A"), pos("B")), sees(60, pos("A"))]
    )
    url, said = bundled(shell, at(tmp_path), tmp_path / "b.zip")
    assert (said["raws"], said["withheld"]) == (2, 1)
    with zipfile.ZipFile(tmp_path / "b.zip") as file:
        assert not any(b"AKIA1234567890" in file.read(name) for name in file.namelist())
        assert len(json.loads(file.read("manifest.json"))["withheld"]) == 1
    verified = shell("verify", "--store", url, "--json")
    assert (verified.status, verified.json["raw_missing"]) == (0, 1)
    assert "left out" in shell("export", "--store", at(tmp_path), "--bundle", tmp_path / "b.zip").out
    assert bundled(shell, at(tmp_path), tmp_path / "b.zip", "--with-secrets")[1]["raws"] == 3


# -- around it ---------------------------------------------------------------------------------------------


def test_a_bundle_is_never_written(story: str, shell: Shell, tmp_path: Path) -> None:
    url, _ = bundled(shell, story, tmp_path / "b.zip")
    before = (tmp_path / "b.zip").read_bytes()
    for opened in (open_writer, open_inbox):
        with pytest.raises(InputError, match="it is read, and never written"):
            opened(url, ACCOUNT)
    for words in (
        ["ack", "mass-absence", "--why", "x"],
        ["archive", "--position", 5],
        ["backup", "--to", tmp_path / "c"],
    ):
        assert shell(*words, "--store", url).status in (2, 3)
    assert (tmp_path / "b.zip").read_bytes() == before


def test_a_bundle_that_was_exchanged_is_read_anew(story: str, shell: Shell, tmp_path: Path) -> None:
    url, _ = bundled(shell, story, tmp_path / "b.zip")
    first = shell("head", "--store", url, "--json").json
    bundled(shell, story, tmp_path / "b.zip", "--to", 20)
    assert shell("head", "--store", url, "--json").json["position"] < first["position"]


def test_words_that_do_not_belong_together(story: str, shell: Shell, tmp_path: Path) -> None:
    for words in (
        ["--bundle", tmp_path / "b.zip", "--out", tmp_path / "x"],
        ["--bundle", tmp_path / "b.zip", "--around", "x", "--from", 1],
        ["--out", tmp_path / "x", "--around", "x"],
        ["--out", tmp_path / "x", "--with-secrets"],
    ):
        assert shell("export", "--store", story, *words).status == 2
    assert shell("export", "--store", story, "--bundle", tmp_path / "no" / "b.zip").status == 3
    assert shell("head", "--store", "bundle://b.zip").status == 2
    assert shell("head", "--store", f"bundle:///{tmp_path}/none.zip").status == 3


def test_policies_before_and_after(tmp_path: Path, shell: Shell) -> None:
    brought(at(tmp_path), [sees(0, pos("A"))])
    brought(at(tmp_path), [sees(0, pos("A")), sees(30, pos("A"))], policy=Policy.observe())
    bundled(shell, at(tmp_path), tmp_path / "b.zip", "--from", 6)
    with zipfile.ZipFile(tmp_path / "b.zip") as file:
        policy = json.loads(file.read("policy.json"))
    assert (policy["before"]["preset"], policy["after"]["preset"]) == ("adopt", "observe")


def test_the_python_interface(story: str, tmp_path: Path) -> None:
    with open_reader(story, ACCOUNT) as reader:
        made = write_bundle(reader, tmp_path / "b.zip", first=1, last=reader.head().position)
    assert made.first == 1


def test_bundling_as_the_page_says(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told_story("sqlite:///trueup.db")
    (script,) = [text for name, text in blocks("hand-over-evidence.md") if name == "bundle"]
    assert [status for status, _ in ran(shell, script)] == [0] * 5


def test_an_event_without_words_is_told_by_its_name_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from golden.samples import EVENTS
    from trueup import audit
    from trueup.incident import report as telling

    (event,) = EVENTS["gate-moved"][:1]
    assert telling.told(event).startswith("gate ")
    monkeypatch.setattr(audit, "_SENTENCES", {})
    assert telling.told(event) == "gate-moved/1: this version has no words for it"
    recorded = Recorded(7, event, b"")
    assert audit.entry(recorded).sentence == telling.told(event)
