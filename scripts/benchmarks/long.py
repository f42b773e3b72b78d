"""What only shows over many passes: memory, growth with size and with the journal's length, and restarts."""

from __future__ import annotations

import gc
import itertools
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Measured, in_turn, seconds
from benchmarks.material import BARE, MovableClock, reply
from benchmarks.rows import ACCOUNT, Passing, open_ledger
from trueup.journal import open_reader, open_writer
from trueup.ledger import Claim, Ledger
from trueup.policy import Policy
from trueup.storage import rehydrate


def resident_bytes() -> int:
    """What this process occupies in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def memory(directory: Path, passes: int, size: int = 200) -> Measured:
    """How much the process grows from one tenth of the passes to the last, over an unchanged book."""
    clock = MovableClock()
    ledger = open_ledger(directory / "memory.db", clock, durability="normal")
    passing = Passing(ledger, clock, [reply(size)])
    for _ in range(passes // 10):
        passing()
    ledger.maintain()
    gc.collect()
    early = resident_bytes()
    for turn in range(passes - passes // 10):
        passing()
        if turn % 1_000 == 0:
            ledger.maintain()
    ledger.maintain()
    gc.collect()
    grown = (resident_bytes() - early) / 1e6
    ledger.close()
    return Measured(f"memory grown over {passes:,} passes of an unchanged book", "MB", grown, 4.0)


def linear(directory: Path, sizes: Sequence[int], rounds: int) -> tuple[list[Measured], dict[int, float]]:
    """A steady pass at every size: time per position must not grow with the size."""
    clock = MovableClock()
    times: dict[int, float] = {}
    bare: dict[int, float] = {}
    for size in sizes:
        replies = [reply(size, profit=profit) for profit in range(2)]
        passing = Passing(open_ledger(directory / f"linear{size}.db", clock), clock, replies)
        bare[size], times[size] = in_turn([lambda replies=replies: BARE.decode(replies[0]), passing], rounds=rounds)
        passing.ledger.close()
    large = [size for size in sizes if size >= 1_000]
    found = [
        Measured(
            f"steady pass per position, {larger:,} against {smaller:,}",
            "x",
            (times[larger] / larger) / (times[smaller] / smaller),
            1.5,
            detail=f"{times[larger] * 1e3:.2f} ms against {times[smaller] * 1e3:.2f} ms",
        )
        for smaller, larger in itertools.pairwise(large)
    ]
    return found, times


def independent_of_length(directory: Path, passes: int, size: int = 1_000) -> Measured:
    """A pass on a long journal against a pass on a young one."""
    clock = MovableClock()
    young = Passing(open_ledger(directory / "young.db", clock), clock, [reply(size)])
    aged = Passing(open_ledger(directory / "aged.db", clock, durability="full"), clock, [reply(size)])
    for _ in range(passes):
        aged()
    young_s, aged_s = in_turn([young, aged], rounds=101)
    young.ledger.close()
    aged.ledger.close()
    return Measured(f"pass after {passes:,} passes against one of the first", "x", aged_s / young_s, 1.25)


def restarts(directory: Path, lengths: Sequence[int]) -> list[Measured]:
    """How long a restart takes against the journal's length, with and without a snapshot."""
    found: list[Measured] = []
    for length in lengths:
        clock = MovableClock()
        path = directory / f"restart{length}.db"
        ledger = open_ledger(path, clock, durability="normal")
        passing = Passing(ledger, clock, [reply(1_000)])
        for _ in range(length):
            passing()
        ledger._journal.close()  # pyright: ignore[reportPrivateUsage] - died without a last snapshot
        bare_s = statistics.median(seconds(lambda path=path: _fold(path)) for _ in range(3))
        ledger = _reopen(path, clock)
        ledger.save_snapshot()
        ledger._journal.close()  # pyright: ignore[reportPrivateUsage]
        kept_s = statistics.median(seconds(lambda path=path: _fold(path)) for _ in range(3))
        found.append(Measured(f"restart after {length:,} passes, no snapshot", "ms", bare_s * 1e3, None))
        found.append(Measured(f"restart after {length:,} passes, with a snapshot", "ms", kept_s * 1e3, None))
    return found


def _fold(path: Path) -> None:
    with open_reader(f"sqlite:///{path}", ACCOUNT) as reader:
        rehydrate(ACCOUNT, reader)


def _reopen(path: Path, clock: MovableClock) -> Ledger:
    claim = Claim(policy=Policy.adopt(), position_mode="hedging", source="mt5", lag_ms_max={"positions": 2000})
    return Ledger(open_writer(f"sqlite:///{path}", ACCOUNT, durability="normal"), clock, claim)
