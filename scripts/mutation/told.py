"""What do we say about the mutants that were tried?"""

from __future__ import annotations

import re
import sys
import time
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mutation.drawn import Mutant

KILLED, TIMEOUT, SURVIVED, UNREACHED = "killed", "timeout", "survived", "unreached"
EQUIVALENT = Path(__file__).resolve().parent / "equivalent.toml"


@dataclass(frozen=True)
class Verdict:
    """One mutant, what became of it, and why nobody can kill it, if nobody can."""

    mutant: Mutant
    status: str
    equivalent: str = ""

    @property
    def lives(self) -> bool:
        """Whether a test should have killed it, and none did."""
        return self.status in (SURVIVED, UNREACHED) and not self.equivalent


CAST = re.compile(r"""\bcast\((?:"[^"]*"|'[^']*'|[\w.]+(?:\[[^\]]*\])?(?: \| [\w.]+)*),""")
ASSERTED = re.compile(r"""^(assert .*), f?"[^"]*"$""")


def same_at_run_time(before: str, after: str) -> str:
    """Why two texts that differ for a reader or a type checker alone are one program; "" when they are not."""
    if CAST.sub("cast(", before) == CAST.sub("cast(", after):
        return "the type that cast names is for type checkers alone"
    was, now = ASSERTED.match(before), ASSERTED.match(after)
    if was is not None and now is not None and was[1] == now[1]:
        return "an assertion that never fails says nothing"
    return ""


def judged(mutant: Mutant, status: str, reasons: Mapping[tuple[str, str, str, str], str]) -> Verdict:
    """The reason counts only for what was not killed: a mutant that a test kills was no equivalent."""
    key = (mutant.module, mutant.function, mutant.before, mutant.after)
    return Verdict(
        mutant, status, "" if status in (KILLED, TIMEOUT) else reasons.get(key) or same_at_run_time(*key[2:])
    )


def reasons() -> dict[tuple[str, str, str, str], str]:
    """What people found out about mutants that nothing can kill, by what they change."""
    listed = tomllib.loads(EQUIVALENT.read_text("utf-8")).get("mutant", [])
    return {(one["module"], one["function"], one["before"], one["after"]): one["why"] for one in listed}


HEAD = ("module", "mutants", "tried", "killed", "timed out", "equivalent", "survived", "unreached")
Row = tuple[str, int, int, int, int, int, int, int]
"""As HEAD says."""


def row(module: str, mutants: int, verdicts: Iterable[Verdict]) -> Row:
    """One module, counted."""
    some = list(verdicts)

    def count(status: str) -> int:
        return sum(one.status == status and not one.equivalent for one in some)

    equivalent = sum(bool(one.equivalent) for one in some)
    return module, mutants, len(some), count(KILLED), count(TIMEOUT), equivalent, count(SURVIVED), count(UNREACHED)


def table(rows: list[Row]) -> str:
    """Markdown, with the sum at its end."""
    named = [(f"`{one[0]}`", *one[1:]) for one in rows]
    total = ("**all**", *(sum(int(one[n]) for one in rows) for n in range(1, len(HEAD))))
    lines = ["| " + " | ".join(HEAD) + " |", "|---" + "|---:" * (len(HEAD) - 1) + "|"]
    lines += ["| " + " | ".join(map(str, one)) + " |" for one in [*named, total]]
    return "\n".join(lines)


def score(rows: list[Row]) -> str:
    """Killed and timed out, of all that were tried and are not equivalent, in per cent."""
    killed = sum(one[3] + one[4] for one in rows)
    of = sum(one[2] - one[5] for one in rows)
    return f"{killed} of {of} killed: {killed * 100 / of:.1f} %" if of else "nothing was tried"


def shown(verdict: Verdict) -> str:
    """One mutant that lives, as a person looks at it."""
    one = verdict.mutant
    head = f"{verdict.status}: {one.module}:{one.line} {one.function}  ({len(one.tests)} tests)  {one.name}"
    return f"{head}\n  - {one.before}\n  + {one.after}"


def say(text: str) -> None:
    """Progress, apart from the result."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
