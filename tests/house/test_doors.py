"""Does each package's `__init__` open with a map and export exactly what it says?"""

from __future__ import annotations

import ast
import importlib

import pytest

from house.source import Module, modules

DOORS = [
    pytest.param(module, id=module.name)
    for module in modules()
    if module.path.name == "__init__.py" and "__all__" in module.text
]


def exported(module: Module) -> list[str]:
    """The names in `__all__`, as written."""
    for node in module.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return list(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    return []


def brought_in(module: Module) -> set[str]:
    """The public names that the door defines or imports from its own house."""
    names: set[str] = set()
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith(module.package)):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("module", DOORS)
def test_everything_that_is_exported_can_be_imported(module: Module) -> None:
    names = exported(module)
    assert names, f"{module.place}: __all__ must be a plain list or tuple of names"
    assert len(names) == len(set(names)), "a name stands twice"
    door = importlib.import_module(module.name)
    assert not [name for name in names if not hasattr(door, name)]


@pytest.mark.parametrize("module", DOORS)
def test_everything_public_behind_the_door_is_exported(module: Module) -> None:
    assert brought_in(module) <= set(exported(module))


@pytest.mark.parametrize("module", DOORS)
def test_the_door_opens_with_a_map(module: Module) -> None:
    assert ast.get_docstring(module.tree), f"{module.place}: say what to read, in which order"
