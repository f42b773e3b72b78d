"""Which commands are there, and what is a wrong word answered with?

`main` is the entry point `trueup`, and `python -m trueup`. Errors leave as one sentence on stderr and an exit status
(`exits`); what is no error of ours or of the caller's, above all a broken law, leaves as the traceback that it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from trueup.errors import TrueupError
from trueup_adapters.cli import (
    INTERRUPTED,
    ack,
    bring,
    check,
    diff,
    doctor,
    explain,
    export,
    init,
    keep,
    look,
    operate,
    orders,
    play,
    replay,
    run,
    seal,
    simulate,
    timeline,
)
from trueup_adapters.cli.exits import USAGE, status_of
from trueup_adapters.cli.output import admit_every_character, complain
from trueup_adapters.logs import hide_environment, veil

app = typer.Typer(
    name="trueup",
    help="Keeps a trading process's book equal to its broker, and proves it from an append-only journal.",
    epilog="Exit status: 0 agree or done, 1 differs or found, 2 usage, 3 could not or queued.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"trueup {version('trueup')}\n")
        raise typer.Exit


@app.callback()
def _root(
    shown: Annotated[
        bool, typer.Option("--version", help="Show the version, and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Keeps a trading process's book equal to its broker, and proves it from an append-only journal."""


for command in (
    play.demo,
    run.run,
    check.check,
    look.status,
    look.positions,
    orders.orders,
    look.breaks,
    look.audit,
    replay.replay,
    diff.diff,
    seal.verify,
    seal.head,
    keep.backup,
    keep.archive,
    ack.ack,
    operate.adopt,
    operate.close,
    operate.release,
    operate.override,
    play.gateway,
    init.init,
    doctor.doctor,
):
    app.command()(command)

app.command("import")(bring.import_)
app.command("explain")(explain.explain_command)
app.command("timeline")(timeline.timeline_command)
app.command()(export.export)
app.command()(simulate.simulate)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line (default: `sys.argv`) and returns its exit status."""
    admit_every_character()
    hide_environment(os.environ)
    if arguments is None:  # a process of our own
        veil()
    try:
        status = app(args=None if arguments is None else list(arguments), prog_name="trueup", standalone_mode=False)
    except typer.TyperException as error:
        complain(_said(error))
        return USAGE
    except TrueupError as error:
        complain(str(error))
        return status_of(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status if isinstance(status, int) else 0


def _said(error: typer.TyperException) -> str:
    """The command line's own complaint as one sentence, with where to read on."""
    said = error.format_message().rstrip(".").replace("Value error, ", "")
    near = getattr(error, "possibilities", None)
    if near:
        said = f"{error.message}. Did you mean {near[0]}?"  # the nearest comes first
    path = getattr(getattr(error, "ctx", None), "command_path", "trueup")
    said = said or "no command was given"
    return f"{said}{'' if said.endswith('?') else '.'} See `{path} --help`"
