"""`trueup replay --corpus`: which of these policies does best over all these journals?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trueup.errors import InputError
from trueup.policy import Policy
from trueup.policy_file import read_policy
from trueup.replay import Measured, Summary, Tally, Task, journals_in, measure_all, summed
from trueup_adapters.cli.exits import COULD_NOT, DONE
from trueup_adapters.cli.otherwise import seconds
from trueup_adapters.cli.output import complain, err, give, say, table

POLICIES_MAX = 100
"""Policies of one comparison (law 12)."""
RECORDED = "(as recorded)"


def replay_corpus(folder: Path, files: Sequence[Path], *, workers: int | None, dask: str | None, as_json: bool) -> int:
    """Every journal of a folder under every policy; 3 where a journal could not be read."""
    if not files:
        raise InputError("under which policies? Give --policies FILE, and more files behind it")
    if len(files) > POLICIES_MAX:
        raise InputError(f"{len(files)} policies at once; at most {POLICIES_MAX}")
    policies: dict[str, Policy] = {}
    for file in files:
        if str(file) in policies:
            raise InputError(f"--policies names {file} twice")
        policies[str(file)] = read_policy(file)
    journals, left_out = journals_in(folder)
    tasks = [Task(journal, policy, name) for journal in journals for name, policy in policies.items()]
    found = list(_watched(measure_all(tasks, workers=workers, dask=dask), len(tasks)))
    failed = _failed(found, left_out)
    recorded = summed(RECORDED, _tallies(found, next(iter(policies)), recorded=True))
    summaries = [summed(name, _tallies(found, name)) for name in policies]
    if as_json:
        give(_shown(folder, len(journals), failed, recorded, summaries, policies))
    else:
        _for_people(folder, len(journals), [recorded, *summaries])
        for one in failed:
            complain(f"{one['file']}: {one['why']}")
    return COULD_NOT if failed else DONE


def _watched(results: Iterator[Measured], total: int) -> Iterator[Measured]:
    """With a bar for whoever watches a terminal."""
    console = err()
    if not console.is_terminal:
        yield from results
        return
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(
        *Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn(), console=console
    ) as bar:
        task = bar.add_task("replaying", total=total)
        for one in results:
            bar.advance(task)
            yield one


def _failed(found: Sequence[Measured], left_out: dict[str, str]) -> list[dict[str, str | None]]:
    """Each journal that could not be read, once, whichever policy met it."""
    failed: dict[tuple[str, str | None], str] = {(name, None): why for name, why in left_out.items()}
    for one in found:
        if one.failure:
            failed[Path(one.task.journal.path).name, one.task.journal.account] = one.failure
    return [
        {"file": file, "account": account, "why": failed[file, account]}
        for file, account in sorted(failed, key=lambda one: (one[0], one[1] or ""))
    ]


def _tallies(found: Sequence[Measured], policy: str, *, recorded: bool = False) -> Iterator[Tally]:
    for one in found:
        tally = one.recorded if recorded else one.replayed
        if one.task.name == policy and tally is not None:
            yield tally


def _shown(
    folder: Path,
    journals: int,
    failed: Sequence[dict[str, str | None]],
    recorded: Summary,
    summaries: Sequence[Summary],
    policies: dict[str, Policy],
) -> dict[str, Any]:
    return {
        "corpus": str(folder),
        "journals": journals,
        "failed": failed,
        "recorded": msgspec.structs.asdict(recorded),
        "policies": [
            msgspec.structs.asdict(one)
            | {"preset": policies[one.policy].preset, "digest": policies[one.policy].digest.hex()}
            for one in summaries
        ],
    }


def _for_people(folder: Path, journals: int, summaries: Sequence[Summary]) -> None:
    numbers = ("corrections", "wrong", "missed", "median", "95 %", "questions", "unasked", "undetermined")
    table(
        ("policy", *numbers),
        (
            (
                one.policy, f"{one.corrections:,}", f"{one.wrong:,}", f"{one.missed:,}", _seconds(one.heal_ms_median),
                _seconds(one.heal_ms_p95), f"{one.asked:,}", f"{one.unasked:,}", f"{one.undetermined:,}",
            )
            for one in summaries
        ),
        right=numbers,
    )  # fmt: skip
    say(f"{folder}: {journals:,} journals under {len(summaries) - 1} policies; median and 95 % of the time to heal")


def _seconds(ms: int | None) -> str | None:
    return None if ms is None else seconds(ms)
