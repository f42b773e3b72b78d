"""What is in this checkout, as the house's tests read it: files, modules, imports, functions?

Nothing here runs the code it reads; everything goes by the syntax tree.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "trueup": ROOT / "engine" / "trueup",
    "trueup_projections": ROOT / "projections" / "trueup_projections",
    "trueup_adapters": ROOT / "adapters" / "trueup_adapters",
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, where it is, and its tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """`trueup`, `trueup_projections`, or `trueup_adapters`."""
        return self.name.partition(".")[0]

    @property
    def place(self) -> str:
        """The path as a person would write it."""
        return self.path.relative_to(ROOT).as_posix()


def read(path: Path, name: str = "") -> Module:
    """One file, parsed."""
    text = path.read_text("utf-8")
    return Module(name=name, path=path, text=text, tree=ast.parse(text, filename=str(path)))


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the three packages, by name."""
    return tuple(
        read(path, ".".join((package, *_parts(path.relative_to(folder)))))
        for package, folder in PACKAGES.items()
        for path in sorted(folder.rglob("*.py"))
    )


def _parts(path: Path) -> tuple[str, ...]:
    parts = path.with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def pure_core() -> tuple[Module, ...]:
    """The modules that scripts/pure_core.txt lists and that exist."""
    listed = ROOT / "scripts" / "pure_core.txt"
    lines = [line.strip() for line in listed.read_text("utf-8").splitlines()]
    files = {file for line in lines if line and not line.startswith("#") for file in PACKAGES["trueup"].glob(line)}
    return tuple(module for module in modules() if module.path in files)


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Every import, wherever it stands, as (line, dotted name).

    `from a import b` yields `a.b`, whether b is a module or a name in one; ask with `within`.
    """
    inside = module.name.split(".")
    if module.path.name != "__init__.py":
        inside = inside[:-1]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1] if node.level else []
            start = ".".join((*base, *filter(None, [node.module])))
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)


def within(name: str, *owners: str) -> bool:
    """Whether a dotted name is one of `owners` or lies inside one."""
    return any(name == owner or name.startswith(owner + ".") for owner in owners)


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function, however deep."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(function: Function) -> int:
    """Lines from its first (decorators apart) to its last."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def dotted(node: ast.expr) -> str:
    """`a.b.c` for such an expression, '' for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        start = dotted(node.value)
        return f"{start}.{node.attr}" if start else ""
    return ""


@cache
def tracked() -> tuple[Path, ...]:
    """The files that the repository keeps; all that look like it where there is no git."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
        files = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        hidden = re.compile(r"^(\.venv|\.git|\.hypothesis|\..*_cache|__pycache__|var|build|dist)$")
        files = [
            path for path in ROOT.rglob("*") if not any(hidden.match(part) for part in path.relative_to(ROOT).parts)
        ]
    return tuple(sorted(path for path in files if path.is_file()))


@cache
def all_tests() -> tuple[tuple[str, str], ...]:
    """Every test under tests/, as (path, function name)."""
    return tuple(
        (path.relative_to(ROOT).as_posix(), function.name)
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for function in functions(read(path).tree)
        if function.name.startswith("test_")
    )


def table(path: Path) -> Iterator[list[str]]:
    """The rows of every Markdown table in a page, headings and rulers apart."""
    rows = [line for line in path.read_text("utf-8").splitlines() if line.startswith("|")]
    for row, following in zip(rows, [*rows[1:], ""], strict=True):
        if not set(row) <= set("|-: ") and not (following and set(following) <= set("|-: ")):
            yield [cell.strip() for cell in row.strip("|").split("|")]
