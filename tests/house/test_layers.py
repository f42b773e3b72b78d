"""Does every module import only what its place in the house allows?

engine <- projections <- adapters; the event store's library in one folder; and a core that cannot see a
clock, a file, a socket or a coin to toss (law 1).
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator

import pytest

from house.source import ROOT, Module, dotted, imports, modules, pure_core, within

FORBIDDEN = {
    "trueup": ("trueup_projections", "trueup_adapters"),
    "trueup_projections": ("trueup_adapters",),
    "trueup_adapters": (),
}
STORE = "trueup.journal"

PURE_IMPORTS = re.findall(
    r"\w+",
    "__future__ abc base64 bisect collections contextlib copy dataclasses datetime decimal difflib enum fractions "
    "functools hashlib heapq itertools json math operator re string struct textwrap types typing "
    "msgspec immutables",
)
"""What the pure core may import besides itself: none of it knows the time, the machine or a random number."""

IMPURE_CALLS = {
    "open": "reads or writes a file",
    "print": "writes to a stream",
    "input": "reads from a stream",
    "hash": "differs from process to process for text",
    "id": "is an address",
    "eval": "runs what nobody has read",
    "exec": "runs what nobody has read",
    "__import__": "hides an import",
}
IMPURE_METHODS = {
    "datetime.now": "reads the clock",
    "datetime.utcnow": "reads the clock",
    "datetime.today": "reads the clock",
    "date.today": "reads the clock",
}


def named(module: Module) -> object:
    return pytest.param(module, id=module.name)


@pytest.mark.parametrize("module", [named(module) for module in modules()])
def test_dependencies_run_from_adapters_to_engine(module: Module) -> None:
    wrong = [
        f"{module.place}:{line} imports {name}"
        for line, name in imports(module)
        if within(name, *FORBIDDEN[module.package])
    ]
    hidden = [
        f"{module.place}:{node.lineno} names {node.value!r}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[\w.]+(:\w+)?", node.value)
        and within(node.value.partition(":")[0], *FORBIDDEN[module.package])
    ]
    assert not wrong + hidden


@pytest.mark.parametrize("module", [named(module) for module in modules() if not within(module.name, STORE)])
def test_only_the_journal_knows_the_event_store_library(module: Module) -> None:
    wrong = [f"{module.place}:{line}" for line, name in imports(module) if within(name, "eventsourcing")]
    assert not wrong, f"only engine/trueup/journal imports eventsourcing; put what you need behind it: {wrong}"


@pytest.mark.parametrize("module", [named(module) for module in modules()])
def test_every_library_that_is_imported_is_declared(module: Module) -> None:
    allowed = {*declared(), *sys.stdlib_module_names, *FORBIDDEN}
    wrong = [f"{module.place}:{line} {name}" for line, name in imports(module) if name.split(".")[0] not in allowed]
    assert not wrong, f"not in pyproject.toml: {wrong}"


IMPORTED_AS = {"pyzmq": "zmq", "google_cloud_firestore": "google"}
"""Libraries whose modules are called otherwise; Google's share one root, with what they need themselves."""


def declared() -> set[str]:
    """The import names of the libraries that pyproject.toml declares, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project.get("optional-dependencies", {})
    wanted = [*project["dependencies"], *(line for lines in extras.values() for line in lines)]
    names = {re.match(r"[A-Za-z0-9_.\-]+", line)[0].lower().replace("-", "_") for line in wanted}  # type: ignore[index]
    return {IMPORTED_AS.get(name, name) for name in names}


@pytest.mark.parametrize("module", [named(module) for module in pure_core()])
def test_the_pure_core_imports_nothing_impure(module: Module) -> None:
    pure = {other.name for other in pure_core()}
    wrong = [
        f"{module.place}:{line} imports {name}"
        for line, name in imports(module)
        if not within(name, *PURE_IMPORTS) and not _is_pure(name, pure)
    ]
    assert not wrong, (
        "the pure core sees no clock, file, network, thread or random number; a library that has none of "
        f"them may be added to PURE_IMPORTS: {wrong}"
    )


def _is_pure(name: str, pure: set[str]) -> bool:
    """`trueup.model`, `trueup.model.Key`, and `trueup.reconciliation` through its pure modules."""
    return within(name, *pure) or any(within(module, name) for module in pure if name != "trueup")


@pytest.mark.parametrize("module", [named(module) for module in pure_core()])
def test_the_pure_core_calls_nothing_impure(module: Module) -> None:
    wrong = [
        f"{module.place}:{node.lineno} {name}() {why}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and (name := dotted(node.func))
        for call, why in (IMPURE_CALLS | IMPURE_METHODS).items()
        if name == call or (call in IMPURE_METHODS and name.endswith("." + call))
    ]
    assert not wrong


@pytest.mark.parametrize("module", [named(module) for module in pure_core()])
def test_the_pure_core_walks_no_set_in_its_own_order(module: Module) -> None:
    wrong = [f"{module.place}:{node.lineno}" for node in _walked(module.tree) if _is_a_set(node)]
    assert not wrong, f"a set of text comes in another order in every process; walk sorted(...): {wrong}"


def _walked(tree: ast.Module) -> Iterator[ast.expr]:
    """What is iterated where the order can show."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For):
            yield node.iter
        elif isinstance(node, ast.ListComp | ast.DictComp):
            yield from (part.iter for part in node.generators)
        elif isinstance(node, ast.Call) and dotted(node.func) in ("tuple", "list") and node.args:
            yield node.args[0]


def _is_a_set(node: ast.expr) -> bool:
    """As far as the syntax shows it: set displays, set(...), and keys() joined with | & - ^."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        return dotted(node.func) in ("set", "frozenset")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return any(_is_a_set(side) or _is_keys(side) for side in (node.left, node.right))
    return False


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys"
