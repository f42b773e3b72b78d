"""Does the set-up know a .venv that fits from one that does not, and what may be installed over?"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from house.source import ROOT


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The set-up script, at work in an empty checkout whose .venv has a Python that runs and has pip."""
    spec = importlib.util.spec_from_file_location("setup_on_trial", ROOT / "scripts" / "_setup.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    venv = tmp_path / ".venv"
    places = {
        "ROOT": tmp_path,
        "VENV": venv,
        "PYTHON": venv / "bin" / "python",
        "STAMP": venv / module.STAMP.name,
        "UNFINISHED": venv / module.UNFINISHED.name,
    }
    for name, value in places.items():
        monkeypatch.setattr(module, name, value)
    for name in module.INPUTS["dev"]:
        (tmp_path / name).write_text("as it was\n")
    (venv / "bin").mkdir(parents=True)
    module.PYTHON.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    module.PYTHON.chmod(0o755)
    (venv / "bin" / "pip").write_text(f"#!{venv}/bin/python\n")
    module.STAMP.write_text(json.dumps(module.wanted("dev")))
    return module


NEEDS = ("run", "dev")


@pytest.mark.parametrize("need", NEEDS)
def test_what_was_made_from_the_same_is_ready(setup: ModuleType, need: str) -> None:
    assert setup.ready(need)
    assert setup.usable()


def test_what_was_made_to_run_lacks_what_tests_need(setup: ModuleType) -> None:
    setup.STAMP.write_text(json.dumps(setup.wanted("run")))
    assert setup.ready("run")
    assert not setup.ready("dev")
    assert setup.usable()
    assert "tests and checks" in setup.said("dev", begin_anew=False)


@pytest.mark.parametrize(
    ("name", "left"), [("requirements.txt", ()), ("pyproject.toml", ()), ("requirements-dev.txt", ("run",))]
)
def test_other_inputs_are_installed_over_what_is_there(setup: ModuleType, name: str, left: tuple[str, ...]) -> None:
    (setup.ROOT / name).write_text("as it is now\n")
    assert tuple(filter(setup.ready, NEEDS)) == left
    assert setup.usable()


@pytest.mark.parametrize("need", NEEDS)
def test_each_need_is_installed_from_its_list_and_told_in_the_stamp(
    setup: ModuleType, need: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[object, ...]] = []
    monkeypatch.setattr(setup, "run", lambda *command: commands.append(command))
    setup.STAMP.write_text(json.dumps(setup.place()))
    setup.make(need)
    lists = [command[-1] for command in commands if "--require-hashes" in command]
    assert lists == [setup.ROOT / setup.REQUIREMENTS[need]]
    assert commands[-1][-2:] == ("--editable", setup.ROOT)
    assert tuple(filter(setup.ready, NEEDS)) == NEEDS[: NEEDS.index(need) + 1]
    setup.make(need)
    assert len(commands) == 2, "what is ready is left alone"


def test_one_that_was_made_by_hand_is_installed_over(setup: ModuleType) -> None:
    setup.STAMP.unlink()
    assert not setup.ready("run")
    assert setup.usable()


def test_one_whose_stamp_is_garbage_is_not_ready(setup: ModuleType) -> None:
    setup.STAMP.write_text("{")
    assert not setup.ready("run")


def test_an_interrupted_one_begins_anew(setup: ModuleType) -> None:
    setup.UNFINISHED.touch()
    assert not setup.ready("run")
    assert not setup.usable()


@pytest.mark.parametrize("change", [{"root": "/elsewhere"}, {"python": "3.9"}])
def test_one_of_another_place_or_python_begins_anew(setup: ModuleType, change: dict[str, str]) -> None:
    setup.STAMP.write_text(json.dumps(setup.wanted("dev") | change))
    assert not setup.ready("run")
    assert not setup.usable()


def test_one_that_was_moved_before_it_had_a_stamp_begins_anew(setup: ModuleType) -> None:
    setup.STAMP.unlink()
    (setup.VENV / "bin" / "pip").write_text("#!/elsewhere/.venv/bin/python\n")
    assert not setup.usable()


def test_one_whose_python_does_not_run_begins_anew(setup: ModuleType) -> None:
    setup.PYTHON.write_text("#!/no/such/interpreter\n")
    assert not setup.usable()
    setup.PYTHON.unlink()
    assert not setup.usable()
