"""How does a trading process use trueup?

`Reconciler` for threads, `AsyncReconciler` for asyncio: two faces of one shell. Broker I/O runs on a background
thread (or on the caller's loop) and is never under the ledger's lock, so recording never waits for the network.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from trueup.clock import SystemClock
from trueup.deliveries import OnCorrection
from trueup.errors import InputError, StartupFailed
from trueup.gate import Intent
from trueup.journal import Durability, Head
from trueup.model import PositionMode
from trueup.policy import Policy
from trueup.ports import Broker, Clock
from trueup.proving import AwaitableGate, BlockingGate, Proof
from trueup.report import PassReport
from trueup.shell import Shell, open_ledger

NEVER_NS: Final = 2**62
T = TypeVar("T")


def _required(report: PassReport, require: bool) -> PassReport:
    if require and report.status in ("DEGRADED", "FAILED"):
        why = "; ".join(report.errors) or "nothing could be verified"
        raise StartupFailed(
            f"{report.account}: start-up ended {report.status}: {why}. The gate stays closed; repair the connection "
            "and start again, or start with require=False and wait for the gate"
        )
    return report


class Reconciler(Shell):
    """One account, kept true, for a process with threads. Use it as a context manager; any thread may call."""

    _thread: _LoopThread
    _gate: BlockingGate

    @classmethod
    def open(
        cls,
        url: str,
        *,
        account: str,
        broker: Broker | None = None,
        policy: Policy | None = None,
        durability: Durability = "full",
        position_mode: PositionMode | None = None,
        baseline: bool = True,
        on_correction: OnCorrection | None = None,
        clock: Clock | None = None,
        wait_s: float = 0,
        head: Head | None = None,
        restored: bool = False,
        keep_every_raw: bool = False,
    ) -> Self:
        """Become the account's writer.

        url            where the journal is: `sqlite:///relative.db`, `sqlite:////absolute.db`
        account        `broker:id`
        broker         whom to ask; None: only record
        policy         None: `Policy.adopt()`
        durability     `full` survives a power cut, `normal` only a killed process
        position_mode  None: as the broker declares
        baseline       False: the first complete answer is compared like any other
        on_correction  called with each `BookChange`, on its own thread, at least once
        wait_s         how long to wait for another writer to let go
        head           one exported earlier, which the journal must hold: a store behind it is a restored backup
        restored       it is known to be one: go on from it. The gate is closed until a pass has verified the book;
                       fills of our own since the backup are not in it and enter as corrections
        keep_every_raw keep every raw reply, not only those that decisions rest on

        Raises WriterFenced when another process writes this account, InputError, JournalError.
        """
        clock = clock or SystemClock()
        ledger, reader = open_ledger(
            url, account, broker=broker, policy=policy, clock=clock, durability=durability,
            position_mode=position_mode, baseline=baseline, delivers=on_correction is not None, wait_s=wait_s,
            head=head, restored=restored, keep_every_raw=keep_every_raw,
        )  # fmt: skip
        self = cls(ledger, reader, url, broker, clock, on_correction)
        self._gate = ledger.gate = BlockingGate(ledger.gate, self._prove_now)
        self._thread = _LoopThread(f"trueup-{account}")
        self._thread.start(self._watch())
        return self

    @property
    def gate(self) -> BlockingGate:
        """Ask it before sending an order: `gate.check(intent)`; `gate.prove_reducing(intent)` where it needs proof."""
        return self._gate

    def _prove_now(self, intent: Intent, timeout_s: float) -> Proof:
        return self._call(self._prove(intent, timeout_s))

    # -- passes --------------------------------------------------------------------------------------------

    def startup_recovery(
        self, *, timeout_s: float | None = None, require: bool = False, dry_run: bool = False
    ) -> PassReport:
        """The epoch's first pass: ask, compare, correct, and ask again where that settles something.

        Waits at most `timeout_s` (default: the policy's `startup_timeout_s`). A silent broker gives DEGRADED,
        never an exception; with `require`, DEGRADED and FAILED raise StartupFailed.
        """
        return _required(self._call(self._pass("startup", timeout_s=timeout_s, dry_run=dry_run)), require)

    def sync_positions(self, *, timeout_s: float | None = None, dry_run: bool = False) -> PassReport:
        """One pass now, and its report. `dry_run`: on a copy of the fold; nothing is journalled."""
        return self._call(self._pass("manual", timeout_s=timeout_s, dry_run=dry_run))

    def detect_drift(self, *, timeout_s: float | None = None) -> PassReport:
        """What differs now: asks the broker, compares, corrects nothing and journals nothing."""
        return self._call(self._pass("manual", timeout_s=timeout_s, dry_run=True))

    def sync_continuous(self) -> PassReport | None:
        """Start a pass if one is due; returns the last finished report, or None. Never waits: call it as often
        as you like. Raises only what broke one of our own laws."""
        if self._clock.monotonic_ns() >= self._due_ns:
            self._due_ns = NEVER_NS  # until this one is done
            self._thread.launch(self._pass("periodic"))
        if self._thread.broken is not None:
            raise self._thread.broken
        return self._last

    def close(self) -> None:
        """Stop asking, keep what still waits, and let go of the account. Again is harmless."""
        if self._thread.stop(self._close_broker()):
            self._let_go()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return self._thread.submit(work).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncReconciler(Shell):
    """One account, kept true, for a process with an event loop. `async with AsyncReconciler.open(...) as rec`.

    The same as `Reconciler`, with the passes awaited on the caller's own loop; `record`, `gate.check` and whatever
    else asks nobody stay plain calls.
    """

    _gate: AwaitableGate
    _watching: asyncio.Task[None] | None = None
    _running: asyncio.Task[PassReport] | None = None

    @classmethod
    def open(
        cls,
        url: str,
        *,
        account: str,
        broker: Broker | None = None,
        policy: Policy | None = None,
        durability: Durability = "full",
        position_mode: PositionMode | None = None,
        baseline: bool = True,
        on_correction: OnCorrection | None = None,
        clock: Clock | None = None,
        wait_s: float = 0,
        head: Head | None = None,
        restored: bool = False,
        keep_every_raw: bool = False,
    ) -> Self:
        """Become the account's writer; arguments and errors as `Reconciler.open`."""
        clock = clock or SystemClock()
        ledger, reader = open_ledger(
            url, account, broker=broker, policy=policy, clock=clock, durability=durability,
            position_mode=position_mode, baseline=baseline, delivers=on_correction is not None, wait_s=wait_s,
            head=head, restored=restored, keep_every_raw=keep_every_raw,
        )  # fmt: skip
        self = cls(ledger, reader, url, broker, clock, on_correction)
        self._gate = ledger.gate = AwaitableGate(ledger.gate, self._prove)
        return self

    @property
    def gate(self) -> AwaitableGate:
        """As `Reconciler.gate`; `await gate.prove_reducing(intent)`."""
        return self._gate

    async def startup_recovery(
        self, *, timeout_s: float | None = None, require: bool = False, dry_run: bool = False
    ) -> PassReport:
        """As `Reconciler.startup_recovery`."""
        return _required(await self._pass("startup", timeout_s=timeout_s, dry_run=dry_run), require)

    async def sync_positions(self, *, timeout_s: float | None = None, dry_run: bool = False) -> PassReport:
        """As `Reconciler.sync_positions`."""
        return await self._pass("manual", timeout_s=timeout_s, dry_run=dry_run)

    async def detect_drift(self, *, timeout_s: float | None = None) -> PassReport:
        """As `Reconciler.detect_drift`."""
        return await self._pass("manual", timeout_s=timeout_s, dry_run=True)

    def sync_continuous(self) -> PassReport | None:
        """Start a pass as a task if one is due; returns the last finished report, or None. Never waits."""
        if self._running is not None and self._running.done():
            done, self._running = self._running, None
            done.result()  # raises what broke one of our own laws
        if self._clock.monotonic_ns() >= self._due_ns:
            self._due_ns = NEVER_NS
            self._running = asyncio.get_running_loop().create_task(self._pass("periodic"))
        return self._last

    async def close(self) -> None:
        """Stop asking, keep what still waits, and let go of the account. Again is harmless."""
        if self._closed:
            return
        self._closed = True
        for task in (self._watching, self._running):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await self._close_broker()
        self._let_go()

    async def __aenter__(self) -> Self:
        self._watching = asyncio.get_running_loop().create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _LoopThread:
    """A daemon thread with an event loop of its own, on which all broker I/O of one account happens."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._stopped = False
        self._guard = threading.Lock()
        self.broken: BaseException | None = None
        """What broke in work that nobody waits for; only ever a bug of ours."""

    def start(self, background: Coroutine[Any, Any, None]) -> None:
        """Begin, with a coroutine that runs for as long as the thread does."""
        self._thread.start()
        self.launch(background)

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine there; the caller may wait for it."""
        with self._guard:
            if self._stopped:
                work.close()
                raise InputError("this reconciler is closed; open another one")
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def launch(self, work: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine there for which nobody waits."""
        self.submit(work).add_done_callback(self._done)

    def _done(self, future: Future[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self.broken = error

    def stop(self, last: Coroutine[Any, Any, None]) -> bool:
        """Cancel what runs, do `last`, and end; False when that has happened already."""
        with self._guard:
            if self._stopped:
                last.close()
                return False
            self._stopped = True
        asyncio.run_coroutine_threadsafe(self._wind_down(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        return True

    async def _wind_down(self, last: Coroutine[Any, Any, None]) -> None:
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await last

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
