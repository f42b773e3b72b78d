"""Does the demo show what it says, end by itself, leave nothing behind, and notice when it is not so?"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from demo.pages import ROOT, blocks
from trueup.errors import InputError
from trueup.journal import verify
from trueup_adapters.demo import naive, play, run
from trueup_adapters.demo.lines import Positions
from trueup_adapters.demo.processes import Children
from trueup_adapters.demo.scene import NotSo, Scene
from trueup_adapters.demo.show import Shown
from trueup_adapters.demo.stage import ACCOUNT, Stage

SECONDS_MAX = 30
DEMO = (sys.executable, "-m", "trueup_adapters.demo")


def running(folder: Path) -> list[int]:
    """The demo's processes that are running now and work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes()
        except OSError:
            continue  # it has just ended
        if b"trueup_adapters.demo." in words and bytes(folder) in words:
            found.append(int(process.parent.name))
    return found


def wait_for_end_of(processes: list[int]) -> None:
    """Until they have ended, or the time is up."""
    for process in processes:
        try:
            end = os.pidfd_open(process)
        except ProcessLookupError:
            continue  # it has already
        try:
            select.select([end], [], [], SECONDS_MAX)
        finally:
            os.close(end)


needs_proc = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells who is running like this")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, list[dict[str, object]], Path]:
    """One run of the demo: (exit status, its text at 80 columns, its scenes as JSON, its folder)."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    scenes: list[dict[str, object]] = []
    original = Shown.done

    def done(self: Shown, scene: Scene) -> None:
        scenes.append(json.loads(json.dumps(scene.as_json())))
        original(self, scene)

    text = StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shown, "done", done)
        status = run(Console(file=text, width=80), as_json=False, directory=folder)
    return status, text.getvalue(), scenes, folder


def test_every_scene_comes_out_and_nothing_is_left_running(
    shown: tuple[int, str, list[dict[str, object]], Path],
) -> None:
    status, text, scenes, folder = shown
    assert status == 0, text
    assert [scene["scene"] for scene in scenes] == [name for name, _, _ in play.SCENES]
    assert all(scene["ok"] is True and scene["trueup"] for scene in scenes)
    assert not running(folder)


def test_the_book_equals_the_broker_in_every_scene(shown: tuple[int, str, list[dict[str, object]], Path]) -> None:
    rows = [(scene["scene"], row) for scene in shown[2] for row in scene["positions"]]  # type: ignore[attr-defined]
    assert len(rows) > 40
    assert not [(name, row) for name, row in rows if row["book"] != row["broker"]]
    assert [name for name, row in rows if row["naive"] != row["broker"]].count("empty-answer") == 6


def test_what_is_printed_is_plain(shown: tuple[int, str, list[dict[str, object]], Path]) -> None:
    text = shown[1]
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines() if "kept:" not in line and line) <= 80
    assert "..." not in text
    assert "…" not in text, "something was cut off"


def test_the_excerpt_in_the_readme_is_what_the_demo_prints(
    shown: tuple[int, str, list[dict[str, object]], Path],
) -> None:
    printed = [line.rstrip() for line in shown[1].splitlines()]
    (excerpt,) = [block for block in blocks(ROOT / "README.md") if block.info == "text demo"]
    lines = [line.rstrip() for line in excerpt.body.splitlines()]
    missing = [line for line in lines if line not in printed]
    assert lines
    assert not missing


def test_law_8_a_kept_journal_verifies_and_the_forged_one_does_not(
    shown: tuple[int, str, list[dict[str, object]], Path],
) -> None:
    folder = shown[3]
    assert verify(f"sqlite:///{folder}/journal.db", ACCOUNT).ok
    forged = verify(f"sqlite:///{folder}/tampered.db", ACCOUNT)
    assert [fault.position for fault in forged.faults]
    assert not forged.ok


# -- when it is not so -------------------------------------------------------------------------------------


def test_a_scene_that_is_not_so_ends_the_demo_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def lying(stage: Stage, scene: Scene) -> None:
        scene.trueup("The broker holds one position.", len(stage.truth()) == 1, stage.truth())

    monkeypatch.setattr(play, "SCENES", (("lying", "A lie", lying),))
    text = StringIO()
    assert run(Console(file=text, width=200), as_json=True) == play.NOT_SO
    told = json.loads(text.getvalue())
    assert told == {
        "scene": "lying",
        "title": "A lie",
        "ok": False,
        "why": "scene lying: it is not so that 'The broker holds one position.'; found: {}",
    }


def test_a_recovery_that_does_not_happen_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that nobody recorded is lost at the broker before the process comes back."""
    original = Stage.start_bot
    starts: list[int] = []

    def start_bot(self: Stage) -> object:
        starts.append(1)
        if len(starts) == 2:
            self.control.vanish("BTCUSD")
        return original(self)

    monkeypatch.setattr(Stage, "start_bot", start_bot)
    text = StringIO()
    assert run(Console(file=text, width=200)) == play.NOT_SO
    assert "scene killed: it is not so that" in text.getvalue()


def test_a_process_that_cannot_be_started_is_not_a_scene_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trueup_adapters.demo.stage.ACCOUNT", "no account at all")
    text = StringIO()
    assert run(Console(file=text, width=200)) == play.COULD_NOT
    assert "scene opening could not be played: the trading process" in text.getvalue()
    assert "is not of the form broker:id" in text.getvalue()


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me", "utf-8")
    with pytest.raises(InputError, match=r"holds mine\.txt already"):
        run(Console(file=StringIO()), directory=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_however_it_is_stopped_nothing_is_left_running(how: signal.Signals, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen((*DEMO, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as demo:
        assert demo.stdout is not None
        assert json.loads(demo.stdout.readline())["scene"] == "opening"
        (folder,) = tmp_path.iterdir()
        assert running(folder), "the gateway at least"
        demo.send_signal(how)
        demo.communicate(timeout=SECONDS_MAX)
    if how is signal.SIGKILL:
        wait_for_end_of(running(folder))  # by themselves: their director had no time to end them
    assert not running(folder)
    if how is not signal.SIGKILL:
        assert demo.returncode in (130, 143)
        assert not list(tmp_path.iterdir()), "the folder is removed"


def test_a_signal_that_comes_while_a_process_starts_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its being there and anybody's knowing of it a process could be ended by nobody."""
    started: list[subprocess.Popen[bytes]] = []
    begin = subprocess.Popen

    def interrupted(*arguments: object, **how: object) -> subprocess.Popen[bytes]:
        started.append(begin(*arguments, **how))  # type: ignore[call-overload]
        signal.raise_signal(signal.SIGINT)
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), Children(tmp_path) as children:
        children.start("gateway", "trueup_adapters.demo.broker", "0", "0", str(tmp_path / "state.json"))
    (child,) = started
    assert child.poll() == -signal.SIGKILL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# -- its parts ---------------------------------------------------------------------------------------------


def test_what_a_scene_says_has_to_be_so() -> None:
    scene = Scene("one", "One")
    scene.happened("It rains.", True)
    with pytest.raises(NotSo, match=r"scene one: it is not so that 'It snows\.'; found: rain"):
        scene.trueup("It snows.", False, "rain")
    assert [one.text for one in scene.sentences] == ["It rains."]


@pytest.mark.parametrize(
    ("believed", "real", "wrong"),
    [
        ({"A #1": "long 1"}, {"A #1": "long 1"}, []),
        ({}, {"A #1": "long 1"}, ["does not know of A #1 (long 1)"]),
        ({"A #1": "long 1"}, {}, ["still counts on A #1 (long 1)"]),
        ({"A #1": "long 1"}, {"A #1": "short 1"}, ["takes A #1 for long 1 where there is short 1"]),
    ],
)
def test_l07_a_belief_is_compared_over_both_sides(believed: Positions, real: Positions, wrong: list[str]) -> None:
    assert naive.differences(believed, real) == wrong


def test_no_sentence_of_the_demo_is_told_unchecked() -> None:
    """Every sentence goes through `Scene`, and none of them with a truth that is written down."""
    for name in ("story", "proof"):
        text = Path(play.__file__).with_name(f"{name}.py").read_text("utf-8")
        assert not re.search(r"scene\.(happened|naive|trueup)\([^)]*,\s*True\s*\)", text)
