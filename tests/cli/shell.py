"""How do these tests call a command, and make the stores that it looks at?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from trueup.changes import Change
from trueup.journal import open_writer
from trueup.ledger import Claim, Ledger
from trueup.policy import Policy
from trueup_adapters.cli import main

ACCOUNT = "mt5:5001"
SECOND_NS = 1_000_000_000
NOON_NS = 1_768_478_400 * SECOND_NS
"""2026-01-15T12:00:00Z"""


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout: anything else there is a failure."""
        (line,) = self.out.splitlines()
        return json.loads(line)


class Shell:
    """Runs command lines in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Ended:
        self._capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        said = self._capsys.readouterr()
        return Ended(status, said.out, said.err)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, at_ns: int = NOON_NS) -> None:
        self.at_ns = at_ns
        self.ticks = 0

    def wall_ns(self) -> int:
        return self.at_ns

    def monotonic_ns(self) -> int:
        self.ticks += 1
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


@contextmanager
def writing(store: str, clock: Clock, *, account: str = ACCOUNT, policy: Policy | None = None) -> Iterator[Ledger]:
    """A ledger on a store, as a process would have it."""
    writer = open_writer(store, account, durability="normal")
    ledger = Ledger(writer, clock, Claim(policy=policy or Policy.adopt(), position_mode="hedging"))
    try:
        yield ledger
    finally:
        ledger.close()


def recorded(store: str, *changes: Change, account: str = ACCOUNT) -> None:
    """A store whose book is what these changes make it."""
    with writing(store, Clock(), account=account) as ledger:
        ledger.record(list(changes))


def at(tmp_path: Path, name: str = "s.db") -> str:
    """The address of a store in a folder."""
    return f"sqlite:///{tmp_path / name}"
