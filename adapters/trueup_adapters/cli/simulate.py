"""`trueup simulate`: do the laws hold in thousands of histories that nobody thought of?

One seed is one history; `--seed S` alone repeats one and tells it, shortened where it fails.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trueup.errors import InputError
from trueup.simulation import Scenario, Summary, campaign, draw, from_json, leave, shrink, story, told
from trueup.simulation.beside import Making
from trueup.simulation.campaign import Broken
from trueup.simulation.faults import FAULTS
from trueup.simulation.leaving import Left
from trueup.simulation.results import read_results
from trueup.simulation.story import law_said
from trueup_adapters.cli.exits import DONE, FOUND, CouldNot
from trueup_adapters.cli.options import Json
from trueup_adapters.cli.output import err, give, note, say
from trueup_adapters.pictures.campaign import campaign_svg, said

RUNS_DEFAULT: Final = 100
SEED_FIRST: Final = 1
VIOLATIONS_SHOWN_MAX: Final = 20


Runs = Annotated[
    int | None,
    typer.Option("--runs", metavar="N", min=0, help="How many histories; 100, or 1 with --seed; 0: only draw."),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="S", min=0, help="The first seed; alone: tell that one.")]
Hard = Annotated[Literal["light", "heavy", "all"], typer.Option("--faults", help="How hard.")]
Minutes = Annotated[
    int | None,
    typer.Option("--minutes", metavar="M", min=1, max=600_000, help="Virtual minutes until faults stop, in each."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", min=1, help="Processes; without it one for each core.")
]
ResultsFile = Annotated[
    Path | None, typer.Option("--results", metavar="FILE", help="An SQLite file to write every run into.")
]
Picture = Annotated[
    Path | None,
    typer.Option("--picture", metavar="FILE", help="Draw what was tried, and how soon both sides agreed, as SVG."),
]
Export = Annotated[
    Path | None,
    typer.Option(
        "--export",
        metavar="DIR",
        help="Leave journal, bundle, scenario and story of failing runs there; of one run always.",
    ),
]
AllTried = Annotated[bool, typer.Option("--all-tried", help="Exit 1 also where a kind of fault never had an effect.")]
ScenarioFile = Annotated[
    Path | None, typer.Option("--scenario", metavar="FILE", help="Repeat a scenario that --export wrote.")
]
Scheduler = Annotated[
    str | None, typer.Option("--dask", metavar="URL", help="Let the workers of this Dask scheduler do it.")
]


def simulate(
    runs: Runs = None,
    seed: Seed = None,
    faults: Hard = "all",
    minutes: Minutes = None,
    workers: Workers = None,
    results: ResultsFile = None,
    picture: Picture = None,
    export: Export = None,
    all_tried: AllTried = False,
    scenario: ScenarioFile = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> int:
    """Try the laws on histories drawn from seeds, in virtual time, on trueup's own code. 1 where one was broken."""
    if picture is not None and results is None:
        raise InputError("--picture draws what --results holds; give --results FILE, too")
    if runs == 0:
        if picture is None or results is None:
            raise InputError("--runs 0 only draws what a campaign left: give --results FILE and --picture FILE")
        return _draw(results, picture)
    if scenario is not None:
        if seed is not None or runs is not None:
            raise InputError("--scenario says what happens; --seed and --runs draw something else: give one of them")
        return _one(_read(scenario), export, as_json)
    if seed is not None and runs is None and results is None:
        return _one(draw(seed, faults, minutes), export, as_json)
    seeds = _seeds(seed, runs)
    with _progress(len(seeds)) as advance, _complaining(results):
        found = campaign(
            seeds,
            faults=faults,
            minutes=minutes,
            workers=workers,
            results=results,
            on_progress=advance,
            scheduler=scheduler,
            beside=_beside(),
        )
    if export is not None:
        for failed in sorted({one.seed for one in found.violations}):
            laws = frozenset(one.law for one in found.violations if one.seed == failed)
            _leave(draw(failed, faults, minutes), export, laws)
    if picture is not None and results is not None:
        _draw(results, picture)
    if as_json:
        give(found)
    else:
        _summarise(found)
    if found.untried and (all_tried or not as_json):
        note(f"never seen, so nothing was learnt of them: {', '.join(found.untried)}")
    return FOUND if found.violations or (all_tried and found.untried) else DONE


def _seeds(seed: int | None, runs: int | None) -> range:
    first = SEED_FIRST if seed is None else seed
    return range(first, first + (runs or (RUNS_DEFAULT if seed is None else 1)))


def _beside() -> Making:
    """Read models beside the histories. Loaded only here: sqlite-utils brings pandas in where it is installed."""
    from trueup_projections.trial import ReadModels

    return ReadModels


def _one(scenario: Scenario, export: Path | None, as_json: bool) -> int:
    """One history: told whole, or shortened where it fails; left where it is asked for, whatever came of it."""
    first = told(scenario, narrated=not as_json, beside=_beside())
    outcome = first.outcome
    broken = tuple(Broken(one.law, outcome.seed, one.what) for one in outcome.violations)
    shown = scenario
    if export is not None:
        if broken:
            note("a law was broken; looking for the shortest history that still breaks it")
        left = _leave(scenario, export, frozenset(one.law for one in broken))
        shown, first = left.scenario, left.told
    elif broken and not as_json:
        note("a law was broken; looking for the shortest history that still breaks it")
        shown = shrink(scenario, frozenset(one.law for one in broken), beside=_beside())
        first = told(shown, narrated=True, beside=_beside())
    if as_json:
        counted = dict.fromkeys(FAULTS, 0) | outcome.faults
        give(Summary(runs=1, steps=outcome.steps, violations=broken, faults=counted, coverage=outcome.coverage))
        return FOUND if broken else DONE
    for line in story(shown, first):
        say(line, "bold red" if line.startswith("BROKEN") else "")
    if shown != scenario:
        note(f"{len(scenario.happenings)} happenings were cut down to {len(shown.happenings)}")
    return FOUND if broken else DONE


def _leave(scenario: Scenario, folder: Path, laws: frozenset[int]) -> Left:
    """What remains of a history: of one that fails the shortest that still does."""
    try:
        left = leave(scenario, folder, laws=laws, beside=_beside())
    except OSError as error:
        raise CouldNot(f"{folder}: nothing can be left there: {error.strerror or error}") from error
    bundle = f"no bundle, because {left.unbundled}" if left.unbundled else ".zip a bundle that `trueup replay` accepts"
    note(f"{left.stem}: .db is its journal, {bundle}, .json what happens in it, .txt its story")
    return left


@contextmanager
def _complaining(results: Path | None) -> Generator[None]:
    """What keeps a campaign from being run, in a sentence."""
    try:
        yield
    except sqlite3.Error as error:
        raise CouldNot(f"{results}: the results cannot be written ({error}); name another file") from error
    except ImportError as error:
        raise CouldNot(str(error)) from error
    except OSError as error:
        raise CouldNot(f"the campaign could not be run: {error}") from error


def _draw(results: Path, picture: Path) -> int:
    """What a file of results holds, as a picture."""
    try:
        kept = read_results(results)
    except (sqlite3.Error, LookupError) as error:
        raise CouldNot(f"{results}: holds no results of a campaign that could be drawn ({error})") from error
    try:
        picture.write_text(campaign_svg(kept), "utf-8")
    except OSError as error:
        raise CouldNot(f"{picture}: cannot be written: {error.strerror or error}") from error
    note(f"{picture}: {said(kept)}")
    return DONE


def _read(path: Path) -> Scenario:
    try:
        return from_json(path.read_bytes())
    except OSError as error:
        raise CouldNot(f"{path}: cannot be read: {error.strerror or error}") from error
    except msgspec.MsgspecError as error:
        raise CouldNot(f"{path}: is no scenario that `trueup simulate --export` wrote: {error}") from error


def _summarise(found: Summary) -> None:
    """For a person: the figures, what was broken, and what was never tried."""
    say(f"{found.runs:,} histories, {found.steps:,} steps, {sum(found.faults.values()):,} faults that had an effect")
    for one in found.violations[:VIOLATIONS_SHOWN_MAX]:
        say(f"BROKEN {law_said(one.law)}, seed {one.seed}: {one.what}", "bold red")
    more = len(found.violations) - VIOLATIONS_SHOWN_MAX
    if more > 0:
        say(f"and {more:,} more", "bold red")
    if not found.violations:
        say("no law was broken", "green")
    else:
        say(f"`trueup simulate --seed {found.violations[0].seed}` repeats the first and shortens it")


@contextmanager
def _progress(total: int) -> Generator[Callable[[int], object]]:
    """A bar for whoever watches."""
    console = err()
    if not console.is_terminal:
        yield int
        return
    columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)
