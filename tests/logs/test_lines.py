"""Is each event worth a line written once, whole, in both forms, and never with a line break or an escape in it?"""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest

from lessons.world import World, fill, held, row
from trueup import Policy
from trueup.decisions import AlertRaised, Decision
from trueup.errors import TrueupError
from trueup.events import names
from trueup.report import PassReport, failed_report
from trueup_adapters.logs import JournalLog, Log, of_event, of_pass
from trueup_adapters.logs.following import LINES_PER_LOOK_MAX


class Rec:
    """What is logged, around a world's ledger."""

    def __init__(self, w: World) -> None:
        self.account = w.account
        self._w = w
        self.journal = w._reader

    @property
    def ledger(self):
        return self._w.ledger


def logged(w: World, form: str, level: str = "debug") -> list[str]:
    stream = io.StringIO()
    follower = JournalLog(Rec(w), Log(stream, form, level=level), after=0)
    follower.look()
    follower.look()
    return stream.getvalue().splitlines()


def eventful() -> World:
    w = World(held("HELD", "1"), policy=Policy.guarded())
    w.sees(row("HELD", "2"), row("NEW", "1"), times=2)
    w.record(fill("x1", "OTHER", "1"))
    w.ledger.alerts_delivered("desk", 3, failures=[(2, "HTTP 500")])
    w.says("release", scope="nothing")
    return w


def test_json_is_one_object_a_line_with_time_level_event_and_account() -> None:
    w = eventful()
    entries = [json.loads(line) for line in logged(w, "json")]
    assert len(entries) >= 10
    for entry in entries:
        assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z\Z", entry["timestamp"])
        assert entry["account"] == w.account
        assert list(entry)[:4] == ["timestamp", "level", "event", "account"]
        assert entry["level"] in ("debug", "info", "warning", "error")
        assert entry["what"]
    events = {entry["event"] for entry in entries}
    assert {
        "alert",
        "break",
        "gate-moved",
        "quarantine-moved",
        "command-given",
        "alerts-delivered",
        "observed",
    } <= events
    positions = [entry["position"] for entry in entries]
    assert positions == sorted(positions), "in the order of the journal, and a second look repeats none"
    w.close()


def test_for_people_it_is_key_by_key() -> None:
    w = eventful()
    lines = logged(w, "text", level="info")
    alert = next(line for line in lines if " event=alert " in line)
    assert re.match(
        r'timestamp=\S+Z level=error event=alert account=mt5:5001 position=\d+ topic=escalated what="', alert
    )
    assert not any("event=observed" in line for line in lines), "below the level"
    assert {"warning", "error"} >= {
        re.search(r"level=(\w+)", line)[1]
        for line in logged(w, "text", level="warning")  # type: ignore[index]
    }
    w.close()


def test_every_kind_of_event_can_be_logged() -> None:
    from golden.samples import EVENTS

    for samples in EVENTS.values():
        for event in samples:
            for level, _, fields in of_event("a:1", 7, event):
                assert level
                assert fields["what"]
                assert fields["position"] == 7
    assert (
        {"alert-raised", "observed", "alerts-delivered"} <= set(EVENTS) <= {name.partition("/")[0] for name in names()}
    )


def test_a_break_that_was_only_seen_again_is_worth_no_line() -> None:
    w = World(held("HELD", "1"), policy=Policy.adopt(confirmations=4))
    w.sees(row("HELD", "1"), row("B", "1"), row("C", "1"))
    w.sees(row("B", "1"), row("C", "1"), times=2)
    states = [json.loads(line).get("state") for line in logged(w, "json")]
    assert "opened" in states
    assert "seen" not in states
    w.close()


@pytest.mark.parametrize("form", ["text", "json"])
def test_text_from_outside_stays_on_its_line(form: str) -> None:
    stream = io.StringIO()
    log = Log(stream, form)
    log.say("info", "x", what='a\nlevel=error event=forged\r\n\x1b[31mred "quoted" \u202e', symbol="A=B C")
    (line,) = stream.getvalue().splitlines()
    assert not re.search(r"[\x00-\x1f\x7f\u202e]", line)
    if form == "json":
        assert json.loads(line)["symbol"] == "A=B C"
    else:
        assert line.count(" level=") == 2, "the forged one is inside quotes"
        assert ' what="a level=error' in line


def report(status: str, **more: Any) -> PassReport:
    return PassReport(account="a:1", pass_number=3, at="t", kind="periodic", status=status, **more)  # type: ignore[arg-type]


def test_a_pass_is_a_line_of_the_level_that_its_status_asks_for() -> None:
    assert [of_pass(report(one))[0] for one in ("SUCCESS", "PARTIAL", "DEGRADED", "FAILED")] == [
        "info", "warning", "error", "error",
    ]  # fmt: skip
    level, event, fields = of_pass(failed_report("a:1", "periodic", "the disk is full", 1))
    assert (level, event, fields["why"]) == ("error", "pass", "the disk is full")
    assert "dry_run" not in fields
    assert of_pass(report("SUCCESS", baseline=2), dry_run=True)[2]["dry_run"] is True


def test_l60_a_storm_is_cut_and_says_so_and_grave_lines_stay() -> None:
    w = World(held("HELD", "1"), policy=Policy.guarded())
    w.sees(row("HELD", "1"), *(row(f"S{n:04}", "1") for n in range(600)), times=2)
    entries = [json.loads(line) for line in logged(w, "json", level="info")]
    (cut,) = [entry for entry in entries if entry["event"] == "log-cut"]
    assert cut["left_out"] > 600
    assert len(entries) <= LINES_PER_LOOK_MAX + 10
    assert [entry["event"] for entry in entries if entry["level"] == "error"].count("alert") == 1
    w.close()


def test_a_decision_of_a_kind_that_is_unknown_is_logged_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unheard(Decision, frozen=True, array_like=True, tag="unheard/1"):
        pass

    monkeypatch.setattr("trueup_adapters.logs.lines.sentence", lambda _: "something new")
    monkeypatch.setattr("trueup_adapters.logs.lines.name_of_event", lambda _: "unheard/1")
    ((level, event, fields),) = of_event("a:1", 7, Unheard(1, 0, b""))
    assert (level, event, fields["what"]) == ("info", "unheard", "something new")
    ((level, *_),) = of_event("a:1", 7, AlertRaised(1, 0, b"", "unheard-of", "t", "x"))  # type: ignore[arg-type]
    assert level == "error"


def test_a_journal_that_cannot_be_read_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    w = eventful()
    stream = io.StringIO()
    follower = JournalLog(Rec(w), Log(stream, "json"), after=0)

    def broken(**_: Any) -> Any:
        raise TrueupError("no such table")

    with monkeypatch.context() as patch:
        patch.setattr(w._reader, "read", broken)
        follower._guarded()
        follower._guarded()
    assert stream.getvalue().count("journal-unreadable") == 1
    follower._guarded()
    assert "gate-moved" in stream.getvalue()
    w.close()


def test_without_structlog_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "structlog", None)
    with pytest.raises(TrueupError, match=r'pip install "trueup\[metrics\]"'):
        Log(io.StringIO(), "json")


def test_an_override_is_a_warning_when_it_begins_and_when_it_ends() -> None:
    w = World(held("EURUSD", "1"))
    w.fails()
    w.says("override", scope="account", seconds="60")
    w.passes(s=60)
    w.fails()
    lines = [json.loads(line) for line in logged(w, "json", "warning")]
    found = [one["what"] for one in lines if one["event"] == "override-moved"]
    assert [what.split(" given by ")[0].split(" until ")[0] for what in found] == [
        "override of the gate for account granted", "override of the gate for account ended,",
    ]  # fmt: skip
    w.close()
