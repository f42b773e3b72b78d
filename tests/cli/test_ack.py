"""Does an operator's word reach the journal, with a writer alive and without, and does the answer say what it did?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.shell import ACCOUNT, NOON_NS, SECOND_NS, Clock, Shell, at, writing
from trueup import Command, PositionSet
from trueup.decisions import MassAbsenceMoved, RecordRefused
from trueup.facts import CommandGiven
from trueup.journal import InboxItem, open_inbox, open_reader
from trueup.ledger import Ledger
from trueup.policy import Policy
from trueup.ports import Answer
from trueup_adapters.cli import commanding

SAY = ("ack", "mass-absence", "--why", "closed by hand", "--json")


@pytest.fixture(autouse=True)
def kim(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system says that this is kim."""
    monkeypatch.setattr(commanding, "store_user", lambda url: "kim")


def hold(store: str) -> None:
    """A journal under a policy of its own in which a mass absence is held."""
    clock = Clock()
    with writing(store, clock, policy=Policy.guarded(confirmations=7)) as ledger:
        ledger.record([PositionSet(symbol=f"S{n}", side="long", quantity=1, ticket=str(n)) for n in range(1, 5)])
        clock.at_ns, clock.ticks = NOON_NS + 600 * SECOND_NS, 600 * SECOND_NS
        ledger.observe("positions", Answer(completeness="complete"), ledger.asking())
        assert ledger.state.hold is not None


@contextmanager
def live_writer(store: str, *, takes: bool) -> Iterator[Ledger]:
    """A process that holds the account, and looks into its inbox or does not."""
    with writing(store, Clock(NOON_NS + 700 * SECOND_NS), policy=Policy.guarded(confirmations=7)) as ledger:
        done = threading.Event()

        def serve() -> None:
            with open_inbox(store, ACCOUNT) as inbox:
                while not done.wait(0.005):
                    if items := inbox.read(after=ledger.state.inbox_position):
                        ledger.take_inbox(items)

        thread = threading.Thread(target=serve)
        if takes:
            thread.start()
        try:
            yield ledger
        finally:
            done.set()
            if takes:
                thread.join()


def test_without_a_writer_it_is_done_under_the_journals_own_policy(shell: Shell, tmp_path: Path) -> None:
    hold(at(tmp_path))
    assert shell("status", "--store", at(tmp_path), "--json").json["held"] == 4
    ended = shell(*SAY, "--store", at(tmp_path))
    assert ended.status == 0
    found = ended.json
    assert set(found) == {"account", "what", "state", "inbox", "decisions", "who"}
    assert (found["account"], found["what"], found["state"], found["inbox"]) == (ACCOUNT, "mass-absence", "done", None)
    assert found["decisions"][0] == "mass absence acknowledged: acknowledged by kim: closed by hand"
    status = shell("status", "--store", at(tmp_path), "--json").json
    assert (status["held"], status["policy"]) == (0, "guarded")
    names = [one["name"] for one in shell("audit", "--store", at(tmp_path), "--json").json]
    assert names.count("policy-adopted/1") == 1, "an operator's word adopts no policy"
    assert shell("verify", "--store", at(tmp_path)).status == 0


def test_with_a_writer_it_goes_through_the_inbox(shell: Shell, tmp_path: Path) -> None:
    hold(at(tmp_path))
    with live_writer(at(tmp_path), takes=True) as ledger:
        ended = shell(*SAY, "--store", at(tmp_path), "--account", ACCOUNT)
        assert ledger.state.hold is None
    assert (ended.status, ended.json["state"], ended.json["inbox"]) == (0, "done", 1)
    assert "acknowledged by kim" in ended.json["decisions"][0]


@pytest.mark.parametrize("alive", [True, False])
def test_nothing_to_acknowledge_is_refused(alive: bool, shell: Shell, tmp_path: Path) -> None:
    with writing(at(tmp_path), Clock()):
        pass
    if alive:
        with live_writer(at(tmp_path), takes=True):
            ended = shell(*SAY, "--store", at(tmp_path))
    else:
        ended = shell(*SAY, "--store", at(tmp_path))
    assert (ended.status, ended.json["state"]) == (1, "refused")
    assert "there is nothing to acknowledge" in ended.json["decisions"][0]


def test_a_writer_that_does_not_look_leaves_it_queued(shell: Shell, tmp_path: Path) -> None:
    hold(at(tmp_path))
    with live_writer(at(tmp_path), takes=False):
        ended = shell(*SAY, "--store", at(tmp_path), "--wait", 0)
        assert (ended.status, ended.json["state"], ended.json["inbox"]) == (3, "queued", 1)
        assert ended.json["decisions"] == []
        people = shell(*SAY[:-1], "--store", at(tmp_path), "--wait", 0)
        assert people.out == f"{ACCOUNT}: queued as inbox item 2; the writer has not taken it yet\n"
    assert shell("status", "--store", at(tmp_path), "--json").json["held"] == 4, "nothing was decided"


def test_a_writer_that_dies_meanwhile_is_stepped_in_for(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(at(tmp_path))
    monkeypatch.setattr(commanding, "_by_ourselves", lambda *_: None)  # as if somebody had held the lock just then
    ended = shell(*SAY, "--store", at(tmp_path), "--wait", 0)
    assert (ended.status, ended.json["state"], ended.json["inbox"]) == (0, "done", 1)
    assert "acknowledged by kim" in ended.json["decisions"][0]


def test_a_person_reads_the_sentence(shell: Shell, tmp_path: Path) -> None:
    hold(at(tmp_path))
    ended = shell("ack", "mass-absence", "--why", "closed by hand", "--store", at(tmp_path))
    assert ended.out.splitlines()[0] == f"{ACCOUNT}: mass absence acknowledged: acknowledged by kim: closed by hand"


def test_who_is_a_note_and_no_identity(shell: Shell, tmp_path: Path) -> None:
    hold(at(tmp_path))
    ended = shell(*SAY, "--who", "the night desk", "--store", at(tmp_path))
    assert ended.json["who"] == "kim"
    assert "acknowledged by kim" in ended.json["decisions"][0]
    with open_reader(at(tmp_path), ACCOUNT) as reader:
        (given,) = [one.event for one in reader.read() if isinstance(one.event, CommandGiven)]
    assert given.who == "kim"
    assert given.arguments == (("on_behalf_of", "the night desk"), ("what", "mass-absence"))


@pytest.mark.parametrize(
    "arguments",
    [("mass-absense", "--why", "x"), ("mass-absence",),
     ("mass-absence", "--why", ""), ("mass-absence", "--why", "a\nb"),
     ("mass-absence", "--why", "x", "--who", " "), ("mass-absence", "--why", "x", "--wait", "-1")],
)  # fmt: skip
def test_words_that_cannot_be_meant(arguments: tuple[str, ...], shell: Shell, tmp_path: Path) -> None:
    hold(at(tmp_path))
    assert shell("ack", *arguments, "--store", at(tmp_path)).status == 2
    assert shell("status", "--store", at(tmp_path), "--json").json["held"] == 4


def test_no_store_no_word(shell: Shell, tmp_path: Path) -> None:
    assert shell(*SAY, "--store", at(tmp_path)).status == 3
    assert not list(tmp_path.iterdir())


def test_each_of_two_operators_is_told_what_became_of_their_own_word(tmp_path: Path) -> None:
    """Both wait in the inbox and are taken together; the second finds nothing held any more. Their words are the same
    to the letter: they are told apart by their places."""
    hold(at(tmp_path))
    said = Command(name="ack", who="lee", why="by hand", arguments={"what": "mass-absence"})
    with writing(at(tmp_path), Clock(), policy=Policy.guarded(confirmations=7)) as ledger:
        before = ledger.state.position
        items = [(n, InboxItem(f"i{n}", "lee", 0, said), b"\x01" * 32) for n in (1, 2)]
        ledger.take_inbox(items)
    with open_reader(at(tmp_path), ACCOUNT) as reader:
        done, refused = (commanding.caused(reader.read(after=before), place) for place in (1, 2))
    assert isinstance(done[0], MassAbsenceMoved)
    assert [type(one) for one in refused] == [RecordRefused]
