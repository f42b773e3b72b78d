"""`trueup replay`: is every decision made again as it was recorded, and what would another policy have decided?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from trueup.audit import sentence
from trueup.decisions import Decision
from trueup.errors import InputError
from trueup.policy_file import read_policy
from trueup.replay import Redecided, differing, redecide, redecide_under, told
from trueup_adapters.cli.corpus import replay_corpus
from trueup_adapters.cli.exits import DONE, FOUND
from trueup_adapters.cli.options import Account, AsOf, Json, Position
from trueup_adapters.cli.otherwise import otherwise_shown, tell_otherwise
from trueup_adapters.cli.output import busy, give, note, say, table
from trueup_adapters.cli.stores import account_in, moment_of, reading

SHOWN_MAX: Final = 50
"""Rows of a table for people; it is said how many more there are."""


class ReplayShown(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a replay under the recorded policy."""

    account: str
    position: int
    """The last event that counted."""
    events: int
    inputs: int
    decisions: int
    compared: int
    identical: bool
    differing: int
    """How many decisions differ; `differences` names the first 10,000."""
    differences: list[dict[str, Any]]
    undetermined: list[dict[str, Any]]


def replay(
    store: Annotated[
        str | None, typer.Option("--store", metavar="URL", help="Where the journal is: sqlite:///relative.db.")
    ] = None,
    account: Account = None,
    as_of: AsOf = None,
    position: Position = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="What would this policy have decided? Its own decisions go on."),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FILE", help="Write the read models of that moment there, and decide nothing."),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option("--corpus", metavar="DIR", help="All journals of a folder, *.db, instead of one store."),
    ] = None,
    policies: Annotated[
        list[Path] | None,
        typer.Option("--policies", metavar="FILE...", help="With --corpus: the policies to be compared."),
    ] = None,
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="More files of --policies.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="With --corpus: processes; without it, one for each core."),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS", help="With --corpus: the workers of this Dask scheduler instead."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Decide on every recorded input again. 1 where a decision comes out otherwise."""
    if corpus is not None:
        if store or account or as_of or position is not None or policy or into:
            raise InputError("--corpus goes over whole journals; of the options of a single one it takes none")
        files = [*(policies or ()), *(more or ())] if policies else []
        return replay_corpus(corpus, files, workers=workers, dask=dask, as_json=as_json)
    if policies or more or workers or dask:
        raise InputError("--policies, --workers and --dask belong to --corpus; for one journal give --policy FILE")
    if store is None:
        raise InputError("which journal? Give --store, or --corpus for all of a folder")
    if into is not None and policy is not None:
        raise InputError("--into writes what was, and --policy asks what would have been; give one of them")
    if policy is not None:
        return _otherwise(store, account, as_of, position, policy, as_json)
    if into is not None:
        return _projected(store, account, as_of, position, into, as_json)
    return _again(store, account, as_of, position, as_json)


def _again(store: str, account: str | None, as_of: str | None, position: int | None, as_json: bool) -> int:
    with reading(store, account) as reader:
        moment = moment_of(reader, as_of, position)
        with busy(f"deciding again what {reader.account} decided"):
            found = redecide(reader, upto=moment.position)
    if moment.note is not None:
        note(moment.note)
    if as_json:
        give(_shown(found, moment.position))
    else:
        _for_people(found)
    return DONE if found.identical else FOUND


def _shown(found: Redecided, position: int) -> ReplayShown:
    return ReplayShown(
        account=found.account,
        position=position,
        events=found.events,
        inputs=found.inputs,
        decisions=found.decisions,
        compared=found.compared,
        identical=found.identical,
        differing=found.differing,
        differences=[
            {"position": one.position, "recorded": _told(one.recorded), "replayed": _told(one.replayed)}
            for one in found.differences
        ],
        undetermined=[{"first": one.first, "last": one.last, "why": one.why} for one in found.undetermined],
    )


def _told(decision: Decision | None) -> dict[str, Any] | None:
    return None if decision is None else told(decision)


def _for_people(found: Redecided) -> None:
    if found.differences:
        table(
            ("position", "recorded", "replayed", "where"),
            (
                (str(one.position), _said(one.recorded), _said(one.replayed), differing(one.recorded, one.replayed)[0])
                for one in found.differences[:SHOWN_MAX]
            ),
            right=("position",),
        )
        if found.differing > SHOWN_MAX:
            note(f"and {found.differing - SHOWN_MAX:,} more; --json has them")
    for one in found.undetermined:
        note(f"undetermined: events {one.first} to {one.last}, {one.why}")
    what = f"{found.account}: {found.inputs:,} inputs, {found.compared:,} of {found.decisions:,} decisions made again"
    if not found.identical:
        say(f"{what}, {found.differing:,} differ", "bold red")
    elif found.decisions and not found.compared:  # nothing was proven: no green
        say(f"{what}: nothing could be compared", "yellow")
    else:
        say(f"{what}, all identical", "green")


def _said(decision: Decision | None) -> str | None:
    return None if decision is None else sentence(decision)


# -- under another policy ----------------------------------------------------------------------------------


def _otherwise(
    store: str, account: str | None, as_of: str | None, position: int | None, file: Path, as_json: bool
) -> int:
    policy = read_policy(file)
    with reading(store, account) as reader:
        moment = moment_of(reader, as_of, position)
        with busy(f"deciding under {file} what {reader.account} would have decided"):
            found = redecide_under(reader, policy, upto=moment.position)
    if moment.note is not None:
        note(moment.note)
    if as_json:
        give(otherwise_shown(found, policy, moment.position))
    else:
        tell_otherwise(found, policy)
    return FOUND if found.compared.rows else DONE


# -- read models of any moment -----------------------------------------------------------------------------


def _projected(
    store: str, account: str | None, as_of: str | None, position: int | None, into: Path, as_json: bool
) -> int:
    from trueup_projections import project

    name = account_in(store, account)
    with reading(store, name) as reader:
        moment = moment_of(reader, as_of, position)
    if moment.note is not None:
        note(moment.note)
    with busy(f"writing the read models of {name} at {moment.position}"):
        project(store, name, moment.position, into)
    if as_json:
        give({"account": name, "position": moment.position, "into": str(into)})
    else:
        say(f"{into}: the read models of {name} as they were at {moment.position}", "green")
    return DONE
