"""`trueup import`: what would we have decided, had we been there when this was recorded?"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from trueup.incident import import_incident
from trueup.policy_file import read_policy
from trueup_adapters.cli.exits import DONE, FOUND, CouldNot
from trueup_adapters.cli.options import Account, Json, PolicyFile, Store
from trueup_adapters.cli.output import busy, complain, give, note, say


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="One JSON object a line; `-` for standard input.")],
    store: Store,
    account: Account = None,
    policy: PolicyFile = None,
    mode: Annotated[
        Literal["hedging", "netting"] | None,
        typer.Option("--mode", help="As the account is; without it hedging where the first positions carry tickets."),
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline/--no-baseline", help="Take the first answer over as the book, or compare it.")
    ] = True,
    as_json: Json = False,
) -> int:
    """Decide an incident recorded elsewhere as if it were live. Run again, it goes on. 1 where a line was refused."""
    rules = None if policy is None else read_policy(policy)
    with _opened(file) as stream, _reading(file), busy(f"deciding {file}"):
        done = import_incident(
            stream,
            store,
            account=account,
            name="stdin" if file == "-" else Path(file).stem,
            policy=rules,
            mode=mode,
            baseline=baseline,
            refused=lambda line, why: complain(f"line {line}: {why}"),
            noted=lambda line, said: note(f"line {line}: {said}"),
        )
    if as_json:
        give(done)
    else:
        after = f" after line {done.before}, which an earlier run had reached" if done.before else ""
        say(
            f"{done.account}: {done.taken:,} lines taken{after}, {done.refused_count:,} refused; "
            f"{done.decisions:,} decisions, {done.corrections:,} corrections; "
            f"{done.open_breaks:,} breaks open, gate {done.gate.replace('_', '-')}",
            "yellow" if done.refused_count else "green",
        )
        say(f"the journal ends at {done.position:,}, digest {done.digest[:16]}; `trueup verify` and `audit` read it")
    return FOUND if done.refused_count else DONE


@contextmanager
def _reading(file: str) -> Generator[None]:
    """What was journalled before the file could not be read on stays; the next run goes on behind it."""
    try:
        yield
    except OSError as error:
        raise CouldNot(f"{file}: cannot be read on: {error.strerror or error}; run it again to go on") from error


def _opened(file: str) -> AbstractContextManager[BinaryIO]:
    """The lines to come. Raises CouldNot."""
    if file == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise CouldNot(f"{file}: cannot be read: {error.strerror or error}") from error
