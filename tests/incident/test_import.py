"""Is a recorded incident decided as if it were live, each line exactly once?"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.shell import Shell
from incident.told import adopting, brought, events, fails, fill, is_sound, jsonl, pos, sees, when
from trueup import Command, InputError, Policy
from trueup.decisions import AlertRaised, BreakMoved, MassAbsenceMoved
from trueup.facts import (
    CommandGiven,
    FillRecorded,
    InboxTaken,
    Observed,
    OrderRecorded,
    PositionRecorded,
    WriterClaimed,
)
from trueup.incident import recording
from trueup.journal import InboxItem, open_inbox, open_reader, open_writer
from trueup.ledger import Ledger

ACCOUNT = "import:recording"
STORY: list[object] = [
    sees(0, pos("EURUSD"), pos("GBPUSD", side="short")),
    fill(20, "x1", "EURUSD"),
    fails(40),
    sees(60, pos("EURUSD", "2"), pos("GBPUSD", side="short")),
    sees(100, pos("EURUSD", "2")),
    sees(140, pos("EURUSD", "2")),
    {"at": when(150), "kind": "local", "position": {"symbol": "XAUUSD", "side": "long", "quantity": "1"}},
    {
        "at": when(151),
        "kind": "local",
        "order": {
            "client_order_id": "c1",
            "symbol": "EURUSD",
            "side": "buy",
            "type": "limit",
            "quantity": "1",
            "status": "accepted",
        },
    },
    {"at": when(160), "kind": "command", "name": "ack", "who": "ada", "why": "", "arguments": {"what": "mass-absence"}},
    sees(200, pos("XAUUSD"), pos("EURUSD", "3", stop=None), complete=False),
    {
        "at": when(210),
        "kind": "snapshot",
        "surface": "fills",
        "complete": True,
        "fills": [{"execution_id": "x9", "symbol": "EURUSD", "side": "buy", "quantity": "1", "price": None}],
    },
    {
        "at": when(220),
        "kind": "snapshot",
        "surface": "open_orders",
        "complete": True,
        "orders": [
            {
                "order_id": 7,
                "client_order_id": "c1",
                "symbol": "EURUSD",
                "side": "buy",
                "type": "LIMIT",
                "quantity": 1,
                "status": "accepted",
                "limit": "1.1",
            }
        ],
    },
    {"at": when(230), "kind": "local", "position": {"symbol": "XAUUSD", "side": "long", "quantity": "0"}},
    sees(300, pos("EURUSD", "3"), step=1),
]
"""Every kind of line, a ghost, and two policies' worth of breaks."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


def test_a_story_is_decided_as_if_it_were_live(url: str) -> None:
    done = brought(url, STORY)
    assert (done.account, done.lines, done.taken, done.refused_count) == (ACCOUNT, len(STORY), len(STORY), 0)
    found = events(url, ACCOUNT)
    ghost = [e for e in found if isinstance(e, BreakMoved) and e.correction and e.correction.kind == "ghost"]
    assert [e.symbol for e in ghost] == ["GBPUSD"]
    assert [
        type(e) for e in found if isinstance(e, FillRecorded | PositionRecorded | OrderRecorded | CommandGiven)
    ] == [
        FillRecorded,
        PositionRecorded,
        OrderRecorded,
        CommandGiven,
        PositionRecorded,
    ]
    surfaces = [(e.surface, e.completeness) for e in found if isinstance(e, Observed)]
    assert surfaces[-3:] == [("fills", "complete"), ("open_orders", "complete"), ("positions", "complete")]
    state = is_sound(url, ACCOUNT)
    assert state.position == done.position
    assert state.held("EURUSD") is not None
    assert state.held("XAUUSD") is None


def test_the_times_of_the_lines_are_the_clock(url: str) -> None:
    brought(url, STORY)
    inputs = [e for e in events(url, ACCOUNT) if not isinstance(e, WriterClaimed) and hasattr(e, "at")]
    seconds = [e.at.tick_ns / 1e9 for e in inputs]  # type: ignore[union-attr]
    assert seconds[-1] == 300
    assert seconds == sorted(seconds)
    assert all(e.at.at_ns - inputs[0].at.at_ns == e.at.tick_ns for e in inputs)  # type: ignore[union-attr]


def test_the_policy_decides_and_stays_when_going_on(url: str) -> None:
    brought(url, STORY[:6], policy=Policy.observe())
    assert not [e for e in events(url, ACCOUNT) if isinstance(e, BreakMoved) and e.correction]
    brought(url, STORY)
    assert is_sound(url, ACCOUNT).policy.preset == "observe"


def test_l02_a_glitch_in_a_recording_closes_nothing(url: str) -> None:
    rows = [pos(f"S{n}") for n in range(6)]
    brought(url, [sees(0, *rows), sees(30), sees(60), sees(90, *rows)])
    found = events(url, ACCOUNT)
    assert any(isinstance(e, MassAbsenceMoved) for e in found)
    assert any(isinstance(e, AlertRaised) for e in found)
    assert len(is_sound(url, ACCOUNT).book) == 6


# -- time --------------------------------------------------------------------------------------------------


def test_l16_time_that_goes_back_is_said_and_no_interval_grows(url: str) -> None:
    told: list[tuple[int, str]] = []
    story = [sees(0, pos("A")), sees(100, pos("A"), pos("B")), sees(10, pos("A"), pos("B")), sees(101, pos("A"))]
    done = brought(url, story, noted=lambda number, said: told.append((number, said)))
    assert done.backwards == 1
    assert [number for number, _ in told] == [3]
    assert "90 s before" in told[0][1]
    seen = [e for e in events(url, ACCOUNT) if isinstance(e, Observed)]
    assert [e.at.tick_ns // 10**9 for e in seen] == [0, 100, 100, 101]
    assert [(e.at.at_ns - seen[0].at.at_ns) // 10**9 for e in seen] == [0, 100, 10, 101]
    assert is_sound(url, ACCOUNT).held("B") is None, "one line later is not a second, independent answer"


def test_times_are_exact_to_the_nanosecond(url: str) -> None:
    brought(url, [{**sees(0, pos("A")), "at": "2026-01-15T09:30:00.123456789Z"}])
    (seen,) = [e for e in events(url, ACCOUNT) if isinstance(e, Observed)]
    assert seen.at.at_ns % 10**9 == 123_456_789


# -- again -------------------------------------------------------------------------------------------------


def inputs(url: str) -> list[Any]:
    """What was journalled, claims apart: an epoch more is all that a second run may add."""
    kept = (Observed, FillRecorded, PositionRecorded, OrderRecorded, CommandGiven)
    return [(type(e).__name__, e.at.at_ns) for e in events(url, ACCOUNT) if isinstance(e, kept)]


def test_law_5_again_adds_nothing_not_even_an_epoch(url: str) -> None:
    first = brought(url, STORY)
    again = brought(url, STORY)
    assert (again.taken, again.before, again.events, again.position) == (0, len(STORY), 0, first.position)
    assert again.digest == first.digest


@pytest.mark.parametrize("cut", range(1, len(STORY)))
def test_law_5_a_file_that_has_grown_goes_on(url: str, tmp_path: Path, cut: int) -> None:
    whole = f"sqlite:///{tmp_path / 'whole.db'}"
    brought(whole, STORY)
    half = jsonl(STORY[:cut])
    brought(url, half[:-1])  # its writer had not ended the line yet
    done = brought(url, STORY)
    assert (done.before, done.taken) == (cut, len(STORY) - cut)
    assert inputs(url) == inputs(whole)
    assert set(is_sound(url, ACCOUNT).book) == set(is_sound(whole, ACCOUNT).book)


class Killed(BaseException):
    """As `kill -9`: nothing of ours handles it."""


@settings(max_examples=40, deadline=None)
@given(at=st.integers(1, 45), where=st.sampled_from(["observe", "take_inbox", "put"]), after=st.booleans())
def test_law_7_killed_anywhere_each_line_is_journalled_once(
    tmp_path_factory: pytest.TempPathFactory, at: int, where: str, after: bool
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    url, whole = f"sqlite:///{folder / 'a.db'}", f"sqlite:///{folder / 'whole.db'}"
    brought(whole, STORY)
    from trueup.journal import Inbox

    owner: Any = Inbox if where == "put" else Ledger
    original, calls = getattr(owner, where), 0

    def dying(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 7 == at % 7 and not after:
            raise Killed
        result = original(self, *args, **more)
        if calls % 7 == at % 7:
            raise Killed
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, where, dying)
        for _ in range(at % 5):
            try:
                brought(url, STORY)
            except Killed:
                continue
    brought(url, STORY)
    assert inputs(url) == inputs(whole)
    is_sound(url, ACCOUNT)


def test_an_operators_word_left_in_between_is_taken_too(url: str) -> None:
    brought(url, STORY[:3])
    with open_inbox(url, ACCOUNT) as inbox:
        inbox.put(InboxItem("w1", "ada", 1, Command(name="ack", who="ada", why="", arguments={"what": "mass-absence"})))
    brought(url, STORY)
    found = events(url, ACCOUNT)
    assert sum(isinstance(e, InboxTaken) for e in found) == 6
    assert sum(isinstance(e, CommandGiven) for e in found) == 2
    assert brought(url, STORY).taken == 0


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (STORY[:2], "it ends after line 2"),
        ([sees(0, pos("OTHER")), *STORY[1:]], "first 6 lines are not those"),
        ([STORY[1], STORY[0], *STORY[2:]], "first 6 lines are not those"),
    ],
)
def test_another_file_is_recognised_and_nothing_is_journalled(url: str, other: list[object], why: str) -> None:
    first = brought(url, STORY[:6])
    with pytest.raises(InputError, match=why):
        brought(url, other)
    with open_reader(url, ACCOUNT) as reader:
        assert reader.head().position == first.position


def test_a_live_journal_takes_no_recording(url: str) -> None:
    brought(url, STORY[:2])
    from trueup import Reconciler

    Reconciler.open(url, account="mt5:1").close()
    with pytest.raises(InputError, match="several accounts"):
        brought(url, STORY)
    with pytest.raises(InputError, match="not made by `trueup import`"):
        brought(url, STORY, account="mt5:1")
    with open_writer(url, ACCOUNT) as writer:
        from cli.shell import Clock
        from trueup.ledger import Claim

        Ledger(writer, Clock(), Claim(policy=adopting(), source="mt5"))
    with pytest.raises(InputError, match="not made by `trueup import`"):
        brought(url, STORY, account=ACCOUNT)


# -- whose, and how ----------------------------------------------------------------------------------------


def test_the_account_and_the_mode_are_found_in_the_lines(url: str) -> None:
    line = sees(0, pos("A", ticket=1), pos("A", ticket=2), account="mt5:77")
    done = brought(url, ["junk", line])
    assert done.account == "mt5:77"
    assert set(is_sound(url, "mt5:77").book) == {"#1", "#2"}


def test_without_a_word_it_is_named_after_the_file_and_netting(url: str) -> None:
    assert brought(url, [sees(0, pos("A"))], name="a b/c").account == "import:a_b_c"
    assert is_sound(url, "import:a_b_c").mode == "netting"


def test_l29_the_mode_can_be_said(url: str) -> None:
    brought(url, [sees(0, pos("A", ticket=1))], mode="netting")
    assert set(is_sound(url, ACCOUNT).book) == {"A"}
    assert brought(url.replace("store", "other"), [sees(0, pos("A"))], mode="hedging").taken == 1
    (seen,) = [e for e in events(url.replace("store", "other"), ACCOUNT) if isinstance(e, Observed)]
    assert "--mode netting" in seen.refused[0].why


def test_nothing_that_can_be_meant_is_an_error(url: str) -> None:
    for raw in (b"", b"\n\n", b"junk\n"):
        with pytest.raises(InputError, match=r"no line of it says anything.* by the recipes in"):
            brought(url, raw)


# -- limits ------------------------------------------------------------------------------------------------


def test_law_12_a_line_too_long_is_passed_over(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "LINE_BYTES_MAX", 300)
    story = [sees(0, pos("A")), sees(30, pos("A"), note="x" * 1000), sees(60, pos("B"))]
    done = brought(url, story)
    assert [(one.line, "longer than" in one.why) for one in done.refused] == [(2, True)]
    assert brought(url, [*story, sees(90, pos("B"))]).before == 3


class Endless(RawIOBase):
    """A stream that is made while it is read."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines

    def readline(self, size: int | None = -1, /) -> bytes:
        return next(self._lines, b"")


def test_law_12_memory_is_flat(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        lines = (jsonl([sees(n * 20, pos("A"), pos("B"), filler="x" * 2_000)]) for n in range(count))
        from trueup.incident import import_incident

        gc.collect()
        gc.freeze()  # else how much waits to be collected depends on all that was left by the tests before
        tracemalloc.start()
        import_incident(Endless(lines), f"sqlite:///{tmp_path / f'{count}.db'}")  # type: ignore[arg-type]
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        gc.unfreeze()
        return size

    peak(600)  # everything that is loaded once
    grown = peak(1_800) - peak(600)
    # The ids of lines are remembered, up to a limit; of the lines themselves, 2,000 bytes each, nothing is.
    assert grown < 1_200 * 2_000 / 4


# -- the command -------------------------------------------------------------------------------------------


def test_the_command(url: str, shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "night.jsonl"
    file.write_bytes(jsonl([STORY[0], "junk", *STORY[1:]]))
    ended = shell("import", file, "--store", url, "--json")
    assert ended.status == 1
    assert ended.json["account"] == "import:night"
    assert ended.json["refused"] == [{"line": 2, "why": ended.json["refused"][0]["why"]}]
    assert "line 2: it is not JSON" in ended.err
    again = shell("import", file, "--store", url)
    assert again.status == 0
    assert "0 lines taken after line 15" in again.out
    assert shell("verify", "--store", url).status == 0


def test_the_command_reads_standard_input_and_a_policy(
    url: str, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.toml").write_text('preset = "observe"\n')
    monkeypatch.setattr("sys.stdin", type("In", (), {"buffer": BytesIO(jsonl(STORY))}))
    ended = shell("import", "-", "--store", url, "--account", "mt5:9", "--policy", tmp_path / "p.toml", "--json")
    assert (ended.status, ended.json["account"], ended.json["corrections"]) == (0, "mt5:9", 0)


def test_the_command_says_when_its_file_breaks_off(url: str, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[bytes]:
        yield jsonl(STORY[:1])
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stdin", type("In", (), {"buffer": Endless(broken())}))
    ended = shell("import", "-", "--store", url, "--mode", "netting", "--account", "mt5:9")
    assert ended.status == 3
    assert "cannot be read on: Input/output error" in ended.err


def test_the_command_without_its_file(url: str, shell: Shell, tmp_path: Path) -> None:
    ended = shell("import", tmp_path / "none.jsonl", "--store", url)
    assert ended.status == 3
    assert "cannot be read" in ended.err


def test_l04_a_look_up_names_its_order_and_what_it_misses_takes_proof(url: str) -> None:
    def order(seconds: float, status: str, **more: object) -> dict[str, object]:
        body = {"client_order_id": "c1", "symbol": "A", "side": "buy", "type": "limit", "quantity": "1", **more}
        return {"at": when(seconds), "kind": "local", "order": {**body, "status": status, "limit": "1.1"}}

    def asks(seconds: float, surface: str, **more: object) -> dict[str, object]:
        return {"at": when(seconds), "kind": "snapshot", "surface": surface, "complete": True, "orders": [], **more}

    lines = [sees(0), order(10, "pending"), order(11, "accepted")]
    lines += [
        one
        for n in range(3)
        for one in (asks(100 + 60 * n, "open_orders"), asks(130 + 60 * n, "order", client_order_id="c1"))
    ]
    assert brought(url, lines).corrections == 1
    sought = [
        (e.sought.client_order_id, e.sought.order_id)
        for e in events(url, ACCOUNT)
        if isinstance(e, Observed) and e.sought
    ]
    assert sought == [("c1", None)] * 3
    is_sound(url, ACCOUNT)
    moves = [e for e in events(url, ACCOUNT) if isinstance(e, BreakMoved) and e.of == "order"]
    assert [move.steps[-1].state for move in moves][:1] == ["opened"], "one absence proves nothing"
    assert moves[-1].steps[-1].state == "corrected"
