"""How do several policies do over many recorded journals: what is measured of one journal under one policy?

A task is one journal and one policy; tasks know nothing of each other, so they can be measured anywhere. What they came
to is added up here, policy by policy.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from trueup.errors import InputError, TrueupError
from trueup.journal import accounts, open_reader
from trueup.model import elapsed_ns
from trueup.policy import Policy
from trueup.replay.elsewhere import World
from trueup.replay.ending import wrong
from trueup.replay.journals import both_worlds
from trueup.replay.machines import measured
from trueup.replay.pairing import compared

JOURNALS_MAX: Final = 100_000
"""Journals of one folder (law 12)."""
HEALS_MAX: Final = 100_000
"""Times to heal that are kept of one journal; of more, every second, third, ... one: still a fair sample."""
VIEWS: Final = ".views.db"


class Journal(msgspec.Struct, frozen=True):
    """One account's journal in one file."""

    path: str
    account: str


class Task(msgspec.Struct, frozen=True):
    """One journal under one policy."""

    journal: Journal
    policy: Policy
    name: str
    """What the policy is called: its file."""


class Tally(msgspec.Struct, frozen=True):
    """What one world of one journal came to."""

    corrections: int = 0
    wrong: int = 0
    """Undone later by a compensating one, or contradicted by the broker's last complete answer."""
    missed: int = 0
    """Breaks that still stand at the end."""
    undetermined: int = 0
    """Breaks of which the recording cannot tell whether this policy would have corrected them."""
    asked: int = 0
    """Questions that were put."""
    unasked: int = 0
    """Times that this policy would have put one, and the recording has none."""
    heal_ms: tuple[int, ...] = ()
    """How long each corrected break stood, from its first sight."""


class Measured(msgspec.Struct, frozen=True):
    """What a task came to."""

    task: Task
    recorded: Tally | None
    replayed: Tally | None
    failure: str = ""
    """Why it came to nothing; '' when it did not."""


class Summary(msgspec.Struct, frozen=True):
    """One policy over all journals."""

    policy: str
    journals: int
    corrections: int
    wrong: int
    missed: int
    undetermined: int
    asked: int
    unasked: int
    healed: int
    """How many times to heal the next two figures rest on."""
    heal_ms_median: int | None
    heal_ms_p95: int | None


def journals_in(folder: Path) -> tuple[list[Journal], dict[str, str]]:
    """(every account's journal in the folder's `*.db` files, why a file was left out, by its name), in order of name.

    Read models and archives are no journals of their own: a store reads what was archived of it itself. Raises
    InputError when the folder is none, holds none, or too many.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one that holds journals, *.db")
    found: list[Journal] = []
    left_out: dict[str, str] = {}
    for path in sorted(folder.glob("*.db")):
        if path.name.endswith(VIEWS):
            continue
        url = f"sqlite:///{path.absolute()}"
        try:
            names = accounts(url)
        except TrueupError as error:
            left_out[path.name] = str(error)
            continue
        found += (Journal(str(path.absolute()), name) for name in names)
        if len(found) > JOURNALS_MAX:
            raise InputError(f"{folder} holds more than {JOURNALS_MAX:,} journals; divide them over several folders")
    if not found:
        raise InputError(f"{folder} holds no journal, *.db; " + "; ".join(left_out.values()))
    return found, left_out


def measure(task: Task) -> Measured:
    """One journal under one policy. A journal that cannot be read is a failure of its own, and stops no other."""
    journal = task.journal
    try:
        with open_reader(f"sqlite:///{journal.path}", journal.account) as reader:
            elsewhere = both_worlds(reader, task.policy)
    except TrueupError as error:
        return Measured(task, None, None, str(error))
    undetermined = len(compared(elsewhere.recorded.lives, elsewhere.other.lives).undetermined)
    asked = elsewhere.asked
    return Measured(
        task,
        _tally(elsewhere.recorded, asked, 0, 0),
        _tally(elsewhere.other, asked, elsewhere.questions.unasked, undetermined),
    )


def measure_sealed(task: bytes) -> bytes:
    """`measure` for another process or machine: the task and what it came to as bytes.

    In our own encoding, not pickled: what does not fit (another version of trueup over there) is an error, not a guess.
    """
    return _encode(measure(_TASK.decode(task)))


def measure_all(tasks: Sequence[Task], *, workers: int | None = None, dask: str | None = None) -> Generator[Measured]:
    """What each task comes to, in no particular order, as soon as it is there; where, see `machines.measured`."""
    for result in measured(measure_sealed, [_encode(task) for task in tasks], workers=workers, dask=dask):
        yield _MEASURED.decode(result)


_encode: Final = msgspec.msgpack.Encoder(decimal_format="string").encode
_TASK: Final = msgspec.msgpack.Decoder(Task)
_MEASURED: Final = msgspec.msgpack.Decoder(Measured)


def _tally(world: World, asked: int, unasked: int, undetermined: int) -> Tally:
    corrected = world.lives.corrected()
    heals = [
        elapsed_ns(one.opened_at, one.ended_at) // 1_000_000
        for one in corrected
        if one.ended_at is not None and one.kind != "missed-fill"
    ]
    return Tally(
        corrections=len(corrected),
        wrong=len(wrong(world.lives)),
        missed=len(world.lives.standing),
        undetermined=undetermined,
        asked=asked,
        unasked=unasked,
        heal_ms=tuple(heals[:: 1 + len(heals) // HEALS_MAX]),
    )


def summed(policy: str, tallies: Iterable[Tally]) -> Summary:
    """One policy's tallies, added up."""
    every = list(tallies)
    heals = sorted(ms for one in every for ms in one.heal_ms)
    return Summary(
        policy=policy,
        journals=len(every),
        corrections=sum(one.corrections for one in every),
        wrong=sum(one.wrong for one in every),
        missed=sum(one.missed for one in every),
        undetermined=sum(one.undetermined for one in every),
        asked=sum(one.asked for one in every),
        unasked=sum(one.unasked for one in every),
        healed=len(heals),
        heal_ms_median=_ranked(heals, 50),
        heal_ms_p95=_ranked(heals, 95),
    )


def _ranked(ordered: Sequence[int], percent: int) -> int | None:
    """The smallest value that at least so many percent of them do not exceed; None of none."""
    return ordered[(len(ordered) * percent + 99) // 100 - 1] if ordered else None
