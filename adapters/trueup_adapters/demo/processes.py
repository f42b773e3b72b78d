"""How are the demo's processes started, spoken to, killed, and never left behind?

Each runs in a session of its own, so that Ctrl-C reaches only the director, who ends the others on every path. Each
ends by itself when its standard input closes, so that even a director killed with -9 leaves nothing running.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from typing import Final, Self, TypeVar

import msgspec

from trueup_adapters.demo.lines import Instruction
from trueup_adapters.gateway import Ports

PATIENCE_S: Final = 20.0
"""How long a process may take for one line before the demo gives up."""
LINES_MAX: Final = 1_000
LOG_TAIL: Final = 1_500

T = TypeVar("T")


@contextlib.contextmanager
def _signals_held() -> Generator[None]:
    """Let signals come a moment later: between a process being there and anybody knowing of it, nobody could end it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for one in came:
            signal.raise_signal(one)


class StageError(Exception):
    """A process of the demo did not do its part: the machine's trouble, or a bug; not a scene that came out wrong."""


class Child:
    """One process of the demo, and the lines that it says."""

    def __init__(self, name: str, module: str, *arguments: str, log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._lines: queue.Queue[bytes] = queue.Queue(LINES_MAX)
        self._reader = threading.Thread(target=self._read, name=f"demo-{name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def hear(self, kind: type[T]) -> T:
        """Its next line. Raises StageError when none comes, or when it is another than was expected."""
        try:
            line = self._lines.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise StageError(f"the {self.name} said nothing for {PATIENCE_S:g} s{self._tail()}") from None
        if not line:
            raise StageError(f"the {self.name} ended unexpectedly{self._tail()}")
        try:
            return msgspec.json.decode(line, type=kind)
        except msgspec.MsgspecError as error:
            raise StageError(f"the {self.name} said {line[:200]!r}: {error}") from error

    def tell(self, instruction: Instruction, kind: type[T]) -> T:
        """Give it an instruction; its reply."""
        self._write(msgspec.json.encode(instruction) + b"\n")
        return self.hear(kind)

    def dismiss(self, instruction: Instruction) -> int:
        """Give it its last instruction; its exit status."""
        self._write(msgspec.json.encode(instruction) + b"\n")
        return self.wait()

    def wait(self) -> int:
        """Its exit status, once it has ended by itself; negative: the signal that ended it."""
        try:
            status = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise StageError(f"the {self.name} does not end{self._tail()}") from None
        self._let_go()
        return status

    def kill(self) -> int:
        """`kill -9`, for real; its exit status, -9."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        status = self._process.wait(PATIENCE_S)
        self._let_go()
        return status

    def _write(self, line: bytes) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(line)
            pipe.flush()
        except OSError as error:
            raise StageError(f"the {self.name} is gone ({error.strerror}){self._tail()}") from error

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        for line in pipe:
            self._lines.put(line)
        self._lines.put(b"")

    def _let_go(self) -> None:
        """Close the pipes of a process that has ended."""
        self._reader.join()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # a line that it did not live to read
            self._process.stdin.close()
        self._process.stdout.close()

    def _tail(self) -> str:
        said = self._log.read_text("utf-8", "replace").strip()[-LOG_TAIL:]
        return f"; it wrote:\n{said}" if said else ""


class Children:
    """All processes that were started; leaving the `with` ends whichever still runs."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[Child] = []

    def start(self, name: str, module: str, *arguments: str) -> Child:
        """Start a process; its errors go to a file of its own."""
        log = self._logs / f"{len(self._started) + 1}-{name.replace(' ', '-')}.log"
        with _signals_held():
            child = Child(name, module, *arguments, log=log)
            self._started.append(child)
        return child

    def gateway(self, state: Path, ports: Ports | None = None) -> tuple[Child, Ports]:
        """Start a gateway whose terminal lives in a file; `ports` of an earlier one are taken again."""
        port, control = (0, 0) if ports is None else (ports.port, ports.control_port)
        child = self.start("gateway", "trueup_adapters.demo.broker", str(port), str(control), str(state))
        return child, child.hear(_Ready).ports()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._started:
            child.kill()


class _Ready(msgspec.Struct):
    """The line by which a gateway says where it is."""

    port: int
    control_port: int

    def ports(self) -> Ports:
        return Ports(self.port, self.control_port)
