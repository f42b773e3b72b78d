"""How is the demo played from beginning to end, and what becomes of it when something goes wrong?"""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, TypeAlias

from rich.console import Console

from trueup.errors import InputError, TrueupError
from trueup_adapters.demo import acting, proof, story
from trueup_adapters.demo.processes import Children, StageError
from trueup_adapters.demo.scene import NotSo, Scene
from trueup_adapters.demo.show import Failure, Shown
from trueup_adapters.demo.stage import STORE, Stage
from trueup_adapters.gateway import ControlError

Part: TypeAlias = Callable[[Stage, Scene], None]

DONE: Final = 0
NOT_SO: Final = 1
COULD_NOT: Final = 3

SCENES: Final[tuple[tuple[str, str, Part], ...]] = (
    ("opening", "A trading process and its book", story.opening),
    ("killed", "Killed between sending an order and recording it", story.killed),
    ("closed-by-hand", "A position is closed by hand", story.closed_by_hand),
    ("changed-at-broker", "A volume changes at the broker", story.changed_at_broker),
    ("empty-answer", "The gateway answers: nothing there", story.empty_answer),
    ("gateway-lost", "The gateway goes away", story.gateway_lost),
    ("gateway-back", "The gateway is back", story.gateway_back),
    ("second-process", "A second copy on the same account", story.second_process),
    ("lost-acknowledgement", "An order is sent, and its acknowledgement is lost", acting.lost_acknowledgement),
    ("unprotected", "Positions without a stop", acting.unprotected),
    ("audit", "What was done, and why", proof.audit),
    ("verified", "Is the journal as it was written?", proof.verified),
    ("tampered", "One byte is changed", proof.tampered),
)


def run(console: Console, *, as_json: bool = False, directory: Path | None = None) -> int:
    """Play the demo: real processes, real sockets, a real `kill -9`.

    console    where it is shown; works piped as in a terminal
    as_json    one JSON object a scene, a line each, instead of text
    directory  keep the journal and everything else there; None: nothing is kept

    Returns 0 when all came out as it has to, 1 when a scene did not (it is named), 3 when the machine did not let it
    be played. Raises InputError for a directory that holds something already. Leaves no process running, also after
    Ctrl-C, which is passed on.
    """
    shown = Shown(console, as_json=as_json, total=len(SCENES))
    with _folder(directory) as folder, _terminable():
        with Children(folder) as children:
            sentences = _play(shown, folder, children)
        if isinstance(sentences, Failure):
            shown.failed(sentences)
            return sentences.status
        shown.end(sentences=sentences, kept=None if directory is None else str(folder / STORE))
    return DONE


def _play(shown: Shown, folder: Path, children: Children) -> int | Failure:
    """All scenes; how many sentences they told, or what went wrong."""
    scene = Scene("stage", "Setting the stage")
    sentences = 0
    try:
        with closing(Stage(folder, children)) as stage:
            for number, (name, title, part) in enumerate(SCENES, 1):
                scene = Scene(name, title)
                shown.begin(number, scene)
                part(stage, scene)
                shown.done(scene)
                sentences += len(scene.sentences)
    except NotSo as wrong:
        return Failure(NOT_SO, scene.name, scene.title, str(wrong))
    except (StageError, ControlError, TrueupError, OSError, LookupError) as error:
        return Failure(COULD_NOT, scene.name, scene.title, f"scene {scene.name} could not be played: {error}")
    return sentences


@contextmanager
def _folder(directory: Path | None) -> Generator[Path]:
    """A folder of our own, removed afterwards; or the given one, which must be empty, and is kept."""
    if directory is None:
        folder = Path(tempfile.mkdtemp(prefix="trueup-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        held = next(directory.iterdir(), None)
    except OSError as error:
        raise InputError(
            f"{directory} cannot hold the demo's journal: {error.strerror}; name another folder"
        ) from error
    if held is not None:
        raise InputError(f"{directory} holds {held.name} already; name an empty folder, or one that is not there yet")
    yield directory


@contextmanager
def _terminable() -> Generator[None]:
    """Let SIGTERM and SIGHUP end the demo as Ctrl-C does: by way of every `finally`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
