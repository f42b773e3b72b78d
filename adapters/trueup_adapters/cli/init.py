"""`trueup init`: how does a configuration begin?

Writes a commented file and never touches one that is there. What it writes rehearses only, and means paper.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trueup.errors import InputError
from trueup_adapters.cli.exits import DONE, CouldNot
from trueup_adapters.cli.options import Json
from trueup_adapters.cli.output import give, say
from trueup_adapters.config import configuration_of, template


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to write.")] = Path("trueup.toml"),
    account: Annotated[str | None, typer.Option("--account", metavar="BROKER:ID", help="Whose book it is.")] = None,
    broker: Annotated[str | None, typer.Option("--broker", metavar="URL", help="Whom to ask.")] = None,
    store: Annotated[
        str | None, typer.Option("--store", metavar="URL", help="Where the journal is, or will be.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Write a commented configuration; never over one that is there."""
    text = template(account=account, broker=broker, store=store)
    configuration_of(text, name=f"{file} (not written)")  # what was given is judged before it is written
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError as error:
        raise CouldNot(f"{file} is there already, and is not overwritten; name another file") from error
    except OSError as error:
        raise InputError(
            f"{file} cannot be written ({error.strerror or error}); name a file in a folder of yours"
        ) from error
    if as_json:
        give({"file": str(file)})
    else:
        say(f"{file} is written: it rehearses only (dry_run = true), and means paper", "green")
        say(f"next: trueup doctor --config {file}, then trueup run --config {file}")
    return DONE
