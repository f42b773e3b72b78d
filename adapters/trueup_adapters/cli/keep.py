"""`trueup backup` and `archive`: how is a store put aside, and how does it grow small again?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from trueup.errors import InputError
from trueup.journal import archive as archive_store
from trueup.journal import backup as copy_store
from trueup_adapters.cli.exits import DONE
from trueup_adapters.cli.options import Account, Json, Store
from trueup_adapters.cli.output import busy, give, say, table
from trueup_adapters.cli.seal import ExportedHead
from trueup_adapters.cli.stores import account_in, moment_of, reading


class BackedUp(msgspec.Struct, frozen=True):
    """A whole copy, and where each account ends in it."""

    to: str
    heads: tuple[ExportedHead, ...]


def backup(
    store: Store,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="A file that does not exist yet.")],
    as_json: Json = False,
) -> int:
    """Copy a whole store, all accounts, as of one moment, beside its live writer."""
    with busy(f"copying to {to}"):
        heads = copy_store(store, to)
    shown = tuple(ExportedHead(name, head.position, head.digest.hex()) for name, head in sorted(heads.items()))
    if as_json:
        give(BackedUp(str(to), shown))
        return DONE
    table(
        ("account", "events", "head"),
        ((one.account, str(one.position), one.digest) for one in shown),
        right=("events",),
    )
    say(
        f"{to} is a store of its own. Keep the heads elsewhere: `trueup verify --head` and `run --head` hold it to them"
    )
    return DONE


class ArchivedAway(msgspec.Struct, frozen=True):
    """What lies in the archive now, and only there."""

    account: str
    position: int
    """The last archived event."""
    digest: str
    file: str


def archive(
    store: Store,
    account: Account = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="TIME", help="Archive what happened until then, ISO 8601 in UTC.")
    ] = None,
    position: Annotated[
        int | None, typer.Option("--position", metavar="N", help="Or exactly: the first position that stays live.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Seal an account's older events in a file beside the store. Nothing is deleted; nobody else may have it open."""
    if (before is None) == (position is None):
        raise InputError("what to archive? Give --before TIME, or --position N, the first one that stays live")
    name = account_in(store, account)
    if position is None:
        with reading(store, name) as reader:
            position = moment_of(reader, before, None).position + 1
    with busy(f"archiving what lies before position {position}"):
        done = archive_store(store, name, before=position)
    shown = ArchivedAway(done.account, done.head.position, done.head.digest.hex(), str(done.file))
    if as_json:
        give(shown)
    else:
        say(f"{name}: events up to {shown.position} lie sealed in {shown.file}; the store goes on from there")
        say("Keep both files together: readers, `verify` and snapshots go on into the archive by themselves")
    return DONE
