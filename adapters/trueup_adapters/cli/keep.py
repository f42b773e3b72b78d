"""`trueup backup`: how is a store put aside without stopping who writes it?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from trueup.journal import backup as copy_store
from trueup_adapters.cli.exits import DONE
from trueup_adapters.cli.options import Json, Store
from trueup_adapters.cli.output import busy, give, say, table
from trueup_adapters.cli.seal import ExportedHead


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
