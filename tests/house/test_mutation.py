"""Does what `scripts/mutate` says of a mutant hold: where it is, who runs it, whether it counts?"""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from house.source import ROOT

CODE = '''
def plain(a: int = 1) -> int:
    """Says."""
    if a:
        return (
            a
            + 1
        )
    return 0


class Kept:
    def size(self) -> int:
        return 2
'''
LINES = {line: number for number, line in enumerate(CODE.splitlines(), 1)}


def part(name: str) -> ModuleType:
    """A module of scripts/mutation, which lies in no package that is installed."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module(f"mutation.{name}")
    finally:
        sys.path.remove(str(ROOT / "scripts"))


drawn, told = part("drawn"), part("told")


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("            + 1", ["        return (", "            a", "            + 1", "        )"]),
        ("    if a:", ["    if a:"]),
        ("    return 0", ["    return 0"]),
        ("def plain(a: int = 1) -> int:", ["    if a:"]),  # whoever runs the function uses its defaults
    ],
)
def test_a_mutant_is_tried_by_who_runs_its_statement(line: str, lines: list[str]) -> None:
    assert list(drawn.statement(ast.parse(CODE), LINES[line])) == [LINES[one] for one in lines]


def test_a_mutant_is_found_in_the_file_it_was_made_from(tmp_path: Path) -> None:
    file = tmp_path / "kept.py"
    file.write_text(CODE, "utf-8")
    made = ("\n    def _(self) -> int:\n        return 2\n", "\n    def _(self) -> int:\n        return 3\n")
    reached = {str(file): {str(LINES["        return 2"]): ["b", "a"], str(LINES["    if a:"]): ["c"]}}
    one = drawn.looked_at("kept.py", str(file), "trueup.kept.xǁKeptǁsize__mutmut_1", made, reached)
    assert (one.function, one.before, one.after) == ("Kept.size", "return 2", "return 3")
    assert (one.line, one.tests) == (LINES["        return 2"], ("a", "b"))


def test_a_mutant_that_takes_lines_away_is_told_whole() -> None:
    was, now = ["f(", "  a,", "  b,", ")"], ["f(", "  b,", ")"]
    assert drawn.span(was, now) == (1, 2, 1)
    assert drawn.span(now, was) == (1, 1, 2)
    assert drawn.span(["a", "a"], ["a"]) == (1, 2, 1)


def test_the_same_seed_draws_the_same_and_a_smaller_draw_is_part_of_a_larger_one() -> None:
    names = [f"trueup.x_f__mutmut_{number}" for number in range(40)]
    ten = drawn.draw(names, 1, 10)
    assert ten == drawn.draw(reversed(names), 1, 10) == drawn.draw(names, 1, 20)[:10]
    assert ten != drawn.draw(names, 2, 10)
    assert sorted(drawn.draw(names, 1, None)) == sorted(names)
    assert [one for one in drawn.draw(names, 1, None) if one in ten] == ten


def test_the_score_leaves_out_equivalent_mutants_and_no_others() -> None:
    def mutant(after: str) -> object:
        return drawn.Mutant("m.py", "trueup.m.x_f__mutmut_1", "f", "a", after, 1, ())

    reasons = {("m.py", "f", "a", "same"): "it is"}
    ends = [
        ("b", told.KILLED),
        ("c", told.TIMEOUT),
        ("d", told.SURVIVED),
        ("e", told.UNREACHED),
        ("same", told.SURVIVED),
    ]
    verdicts = [told.judged(mutant(after), status, reasons) for after, status in ends]
    row = told.row("m.py", 9, verdicts)
    assert dict(zip(told.HEAD, row, strict=True)) == {
        "module": "m.py",
        "mutants": 9,
        "tried": 5,
        "killed": 1,
        "timed out": 1,
        "equivalent": 1,
        "survived": 1,
        "unreached": 1,
    }
    assert told.score([row]) == "2 of 4 killed: 50.0 %"
    assert told.table([row]).splitlines()[-1] == "| **all** | 9 | 5 | 1 | 1 | 1 | 1 | 1 |"


def test_a_mutant_that_a_test_kills_is_not_equivalent_whatever_is_said_of_it() -> None:
    mutant = drawn.Mutant("m.py", "trueup.m.x_f__mutmut_1", "f", "a", "same", 1, ())
    reasons = {("m.py", "f", "a", "same"): "it is"}
    assert told.row("m.py", 1, [told.judged(mutant, told.KILLED, reasons)])[told.HEAD.index("killed")] == 1


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ('x = cast("A | None", y)', 'x = cast("XXA | NoneXX", y)', True),
        ("x = cast(Decimal, y)", "x = cast(None, y)", True),
        ("x = cast(dict[str, int], y)", "x = cast(None, y)", True),
        ("x = cast(Decimal, y)", "x = cast(Decimal, None)", False),
        ("x = cast(Decimal, y)", "x = None", False),
        ("x = f(a, y)", "x = f(None, y)", False),
        ('assert a == b, "never"', 'assert a == b, "NEVER"', True),
        ('assert a == b, "never"', 'assert a != b, "never"', False),
        ('raise E("never")', 'raise E("NEVER")', False),
    ],
)
def test_what_never_shows_is_no_part_of_the_program(before: str, after: str, *, same: bool) -> None:
    assert bool(told.same_at_run_time(before, after)) is same


def test_every_mutant_called_equivalent_is_of_the_core_and_has_a_reason() -> None:
    known = told.reasons()
    core = {path.relative_to(ROOT / "engine" / "trueup").as_posix() for path in part_of_core()}
    for (module, function, before, after), why in known.items():
        assert module in core, f"{module} is no module of the core: take its mutants out of equivalent.toml"
        text = " ".join((ROOT / "engine" / "trueup" / module).read_text("utf-8").split())
        assert before in text, f"{module} {function} no longer says {before!r}"
        assert before != after
        assert why


def part_of_core() -> list[Path]:
    """The files that scripts/pure_core.txt lists."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        listed: list[Path] = importlib.import_module("_pure_core").pure_core()
        return listed
    finally:
        sys.path.remove(str(ROOT / "scripts"))
