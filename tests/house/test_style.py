"""Is the code written as CONTRIBUTING.md says: a first sentence, one screen, exact, nothing swallowed?"""

from __future__ import annotations

import ast
import re

import pytest

from house.source import PACKAGES, ROOT, Module, dotted, functions, length, modules, read

FUNCTION_LINES_MAX = 75
FILE_LINES_MAX = 450

PACKAGED = [pytest.param(module, id=module.name) for module in modules()]
TESTS = [
    pytest.param(read(path), id=path.relative_to(ROOT).as_posix()) for path in sorted((ROOT / "tests").rglob("*.py"))
]


@pytest.mark.parametrize("module", PACKAGED)
def test_every_module_says_what_it_is_for(module: Module) -> None:
    if module.path.name == "__init__.py" and not module.tree.body and _is_alone(module):
        return  # nothing has moved into this package yet
    said = ast.get_docstring(module.tree) or ""
    first = re.split(r"\n\s*\n", said, maxsplit=1)[0]
    assert first, f"{module.place} has no docstring: begin with the question it answers"
    assert first[0].isupper() or not first[0].isalpha(), f"{module.place}: {first!r} is no sentence"
    assert first.rstrip()[-1] in "?.:", f"{module.place}: {first!r} is no whole sentence"


def _is_alone(module: Module) -> bool:
    return not [path for path in module.path.parent.glob("*.py") if path != module.path]


@pytest.mark.parametrize("module", PACKAGED + TESTS)
def test_functions_fit_a_screen(module: Module) -> None:
    long = [f"{f.name} has {length(f)}" for f in functions(module.tree) if length(f) > FUNCTION_LINES_MAX]
    assert not long, f"{module.place}: {long} lines; at most {FUNCTION_LINES_MAX}: find the seam"


@pytest.mark.parametrize("module", PACKAGED + TESTS)
def test_files_hold_one_idea(module: Module) -> None:
    lines = len(module.text.splitlines())
    assert lines <= FILE_LINES_MAX, f"{module.place} has {lines} lines; at most {FILE_LINES_MAX}: find the seam"


@pytest.mark.parametrize("module", PACKAGED)
def test_no_number_goes_through_float(module: Module) -> None:
    wrong = [
        f"{module.place}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and dotted(node.func) == "float"
    ]
    assert not wrong, f"float() makes an exact number inexact (L35): {wrong}"


@pytest.mark.parametrize("module", PACKAGED)
def test_nothing_is_swallowed(module: Module) -> None:
    wrong = [
        f"{module.place}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type) and not _does_something(node)
    ]
    wrong += [
        f"{module.place}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and dotted(node.func).endswith("suppress")
        and any(_catches_all(argument) for argument in node.args)
    ]
    assert not wrong, f"every error is caught here and nobody hears of it: {wrong}"


def _catches_all(what: ast.expr | None) -> bool:
    return what is None or dotted(what) in ("Exception", "BaseException")


def _does_something(handler: ast.ExceptHandler) -> bool:
    return not all(
        isinstance(node, ast.Pass | ast.Continue)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in handler.body
    )


@pytest.mark.parametrize("module", PACKAGED + TESTS)
def test_nothing_is_left_for_later(module: Module) -> None:
    wrong = [
        f"{module.place}:{number}"
        for number, line in enumerate(module.text.splitlines(), 1)
        if re.search(r"#.*\b(?:TO[D]O|FIX[M]E|X[X]X)\b", line)
    ]
    assert not wrong, f"do it, or write it down where readers look: {wrong}"


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_tell_type_checkers_that_they_are_typed(package: str) -> None:
    assert (PACKAGES[package] / "py.typed").is_file()
