"""`trueup verify` and `head`: is what stands in the journal what was written (law 8)?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from trueup.errors import InputError
from trueup.journal import Head, Recorded
from trueup.journal import verify as verify_journal
from trueup.model import account_of
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import FOLD_VERSION, State
from trueup_adapters.cli.exits import DONE, FOUND, CouldNot
from trueup_adapters.cli.options import Account, Json, Store
from trueup_adapters.cli.output import busy, give, say, table
from trueup_adapters.cli.stores import account_in, reading

HEAD_BYTES_MAX: Final = 10_000


class ExportedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a journal ended, to be kept where its writer cannot reach."""

    account: str
    position: int
    digest: str
    """64 hexadecimal digits."""


class HeadShown(msgspec.Struct, frozen=True):
    """The last event up to which everything chains."""

    position: int
    digest: str


class FaultShown(msgspec.Struct, frozen=True):
    """One thing that is not as it was written."""

    position: int
    why: str


class Verified(msgspec.Struct, frozen=True):
    """What `verify` found."""

    ok: bool
    events: int
    head: HeadShown
    faults: tuple[FaultShown, ...]
    raw_missing: int
    """Raw replies lost to a crash or pruned: no fault."""


def verify(
    store: Store,
    account: Account = None,
    head: Annotated[
        Path | None,
        typer.Option("--head", metavar="FILE", help="One that `trueup head` wrote: finds a cut tail, a new history."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Recompute the whole journal: every gap, edit, splice and reorder shows. 1 where something does."""
    given = None if head is None else read_head(head)
    name = account_in(store, account or (None if given is None else given.account))
    exported = None if head is None else head_of(head, name)

    def refold(recorded: Iterable[Recorded], upto: int) -> bytes:
        return save(fold(State(account=name), ((one.position, one.event) for one in recorded)))

    with busy(f"recomputing the journal of {name}"):
        found = verify_journal(store, name, head=exported, refold=refold, fold_version=FOLD_VERSION)
    shown = Verified(
        found.ok,
        found.events,
        HeadShown(found.head.position, found.head.digest.hex()),
        tuple(FaultShown(fault.position, fault.why) for fault in found.faults),
        found.raw_missing,
    )
    if as_json:
        give(shown)
    else:
        _for_people(name, shown, against=given)
    return DONE if shown.ok else FOUND


def _for_people(name: str, shown: Verified, *, against: ExportedHead | None) -> None:
    if shown.faults:
        table(("position", "why"), ((str(one.position), one.why) for one in shown.faults), right=("position",))
        say(
            f"{name}: {len(shown.faults)} faults in {shown.events:,} events; whole up to {shown.head.position}",
            "bold red",
        )
        return
    what = "" if against is None else f", and stand behind the head of {against.position} that was given"
    say(f"{name}: {shown.events:,} events are as they were written{what}; head {shown.head.digest[:16]}", "green")
    if shown.raw_missing:
        say(f"{shown.raw_missing} raw replies are not kept (lost to a crash, or pruned); no event depends on them")


def head(
    store: Store,
    account: Account = None,
    file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there instead.")] = None,
    as_json: Json = False,
) -> int:
    """Where the journal ends, as JSON: keep it elsewhere, and `trueup verify --head` finds what was cut since."""
    with reading(store, account) as reader:
        end = reader.head()
        exported = ExportedHead(reader.account, end.position, end.digest.hex())
    if file is None:
        give(exported)
        return DONE
    _write(file, msgspec.json.encode(exported) + b"\n")
    if as_json:
        give(exported)
    else:
        say(f"{exported.account}: the head at {exported.position} is in {file}", "green")
    return DONE


def _write(path: Path, body: bytes) -> None:
    """Whole or not at all: half a head would accuse a good journal."""
    draft = path.with_name(path.name + ".draft")
    try:
        draft.write_bytes(body)
        os.replace(draft, path)
    except OSError as error:
        raise CouldNot(f"{path}: cannot be written: {error.strerror or error}") from error


def head_of(path: Path, account: str | None) -> Head:
    """The head in a file that `trueup head` wrote. Raises InputError when it is another account's."""
    given = read_head(path)
    if account is not None and given.account != account:
        raise InputError(f"{path} is the head of {given.account}, not of {account}; give the one of {account}")
    return Head(given.position, bytes.fromhex(given.digest))


def read_head(path: Path) -> ExportedHead:
    """What `trueup head` wrote. Raises CouldNot."""
    try:
        with path.open("rb") as file:
            raw = file.read(HEAD_BYTES_MAX)
        exported = msgspec.json.decode(raw, type=ExportedHead)
        account_of(exported.account)
        if exported.position < 0 or len(bytes.fromhex(exported.digest)) != 32:
            raise ValueError("its digest is not 64 hexadecimal digits")
    except OSError as error:
        raise CouldNot(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, InputError) as error:  # msgspec's own are ValueErrors
        raise CouldNot(f"{path}: is no head that `trueup head` wrote: {error}") from error
    return exported
