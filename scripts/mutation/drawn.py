"""Which mutants are tried, and by which tests?

Drawn without a random generator: the names of a module's mutants in the order of a hash of seed and name, the first so
many of them. The same code and seed always draw the same, and a change in one function moves no mutant of another.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Lines = Mapping[str, Mapping[str, Sequence[str]]]
"""File, line (as text), tests."""


@dataclass(frozen=True)
class Mutant:
    """One change of one expression in one function."""

    module: str
    """As in scripts/pure_core.txt: `reconciliation/decide.py`."""
    name: str
    """mutmut's: dotted module, mangled function, number."""
    function: str
    """`decide`, or `Policy.digest`."""
    before: str
    """The lines that change, without indentation, joined by one blank."""
    after: str
    line: int
    """In the file, counted from 1."""
    tests: tuple[str, ...]
    """Those that run the statement."""

    @property
    def key(self) -> str:
        """What a verdict is kept under. mutmut's numbers alone shift when the function is edited."""
        return f"{self.name}: {self.before} -> {self.after}"


def draw(all_names: Iterable[str], seed: int, count: int | None) -> list[str]:
    """The first `count` in the order that the seed gives; all without one."""
    ordered = sorted(all_names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    return ordered if count is None else ordered[:count]


def looked_at(module: str, path: str, name: str, texts: tuple[str, str], lines: Lines) -> Mutant:
    """What a mutant changes, and who runs it.

    texts  the function as mutmut wrote it, sound and mutated; both under the name "_"
    """
    was, now = (text.splitlines() for text in texts)
    first, last_was, last_now = span(was, now)
    owner, function = readable(name)
    tree = ast.parse(Path(path).read_text("utf-8"))
    head = next(number for number, text in enumerate(was) if text.lstrip().startswith(("def ", "async def ")))
    line = found(tree, owner, function).lineno + first - head
    reached = {test for one in statement(tree, line) for test in lines.get(path, {}).get(str(one), ())}
    return Mutant(
        module=module,
        name=name,
        function=f"{owner}.{function}" if owner else function,
        before=" ".join(text.strip() for text in was[first:last_was]),
        after=" ".join(text.strip() for text in now[first:last_now]),
        line=line,
        tests=tuple(sorted(reached)),
    )


def span(was: Sequence[str], now: Sequence[str]) -> tuple[int, int, int]:
    """Where two texts begin to differ, and where each ends to."""
    first = next(n for n, (a, b) in enumerate(zip([*was, None], [*now, None], strict=False)) if a != b)
    same = 0
    while same < min(len(was), len(now)) - first and was[-1 - same] == now[-1 - same]:
        same += 1
    return first, len(was) - same, len(now) - same


def readable(name: str) -> tuple[str, str]:
    """Class (or "") and function of a mangled name."""
    mangled = name.rpartition(".")[2].partition("__mutmut_")[0]
    if mangled.startswith("xǁ"):
        _, owner, function = mangled.split("ǁ")
        return owner, function
    return "", mangled.removeprefix("x_")


def found(tree: ast.Module, owner: str, function: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """The function in the original file."""
    bodies = (
        [tree.body] if not owner else [n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == owner]
    )
    return next(
        node
        for body in bodies
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
    )


def statement(tree: ast.Module, line: int) -> range:
    """The lines of the innermost statement around a line; of one that holds others, its head alone.

    A default in the head of a function is used by whoever runs the function: its first statement stands for it.
    """
    inner = tree.body[0]
    for node in ast.walk(tree):  # outer ones first
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            inner = node
    body: list[ast.stmt] = getattr(inner, "body", [])
    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
        first = body[1] if len(body) > 1 and ast.get_docstring(inner) is not None else body[0]
        return range(first.lineno, first.lineno + 1)
    if body:
        return range(inner.lineno, max(body[0].lineno, inner.lineno + 1))
    return range(inner.lineno, (inner.end_lineno or inner.lineno) + 1)
