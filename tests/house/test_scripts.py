"""Can anyone run the scripts from a clean clone, and does nothing in the repository tie it to one machine?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from house.source import ROOT, tracked

RUN, DEV, MUTATE = (ROOT / f"requirements{kind}.txt" for kind in ("", "-dev", "-mutate"))
"""What trueup itself imports; everything that its tests and checks need; and what scripts/mutate lays beside that."""
LISTS = pytest.mark.parametrize("path", [RUN, DEV, MUTATE], ids=lambda path: path.name)
COMMANDS = [path for path in sorted((ROOT / "scripts").iterdir()) if path.is_file() and "." not in path.name] + [
    ROOT / ".ci" / "run"
]

REGISTRIES = re.compile(
    r"py[p]i\.org|python[h]osted|registry\.np[m]js|index-[u]rl\s*[= ]\s*\w|find-li[n]ks\s*[= ]\s*[\w/]"
)
MACHINE = re.compile(r"(?<![\w.\-~])/(?:ro[o]t|wo[r]k|ho[m]e/\w+|Us[e]rs/\w+)/")
"""Absolute places that exist on one machine only. (The brackets keep these lines from finding themselves.)"""


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.name)
def test_a_command_can_be_run_and_is_sound_shell(path: Path) -> None:
    assert os.access(path, os.X_OK), f"chmod +x {path.name}"
    first = path.read_text("utf-8").splitlines()[0]
    if "sh" in first.rpartition("/")[2]:
        checked = subprocess.run(["bash", "-n", path], check=False, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        assert "set -euo pipefail" in path.read_text("utf-8"), f"{path.name} goes on after a failure"


@pytest.mark.parametrize(
    ("folder", "locale", "becomes"),
    [("ünï", "C", "C.UTF-8"), ("ünï", "POSIX", "C.UTF-8"), ("ünï", "en_US.UTF-8", "en_US.UTF-8"), ("plain", "C", "C")],
)
def test_a_checkout_whose_path_is_not_ascii_runs_in_the_c_locale(
    tmp_path: Path, folder: str, locale: str, becomes: str
) -> None:
    """Python's first line there is a traceback: it reads the path of an editable install in the locale's encoding."""
    scripts = tmp_path / folder / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "_setup.sh").write_text((ROOT / "scripts" / "_setup.sh").read_text("utf-8"), "utf-8")
    python = scripts.parent / ".venv" / "bin" / "python"  # one that finds everything ready
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", '. "$1"; echo "$LC_ALL"', "bash", scripts / "_setup.sh"],
        env={"PATH": os.environ["PATH"], "LC_ALL": locale},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{becomes}\n"


def test_git_keeps_commands_executable() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-s", "scripts", ".ci"], check=False, cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    rows = [line.split(None, 3) for line in listed.stdout.splitlines()]
    wrong = [name for mode, _, _, name in rows if mode != "100755" and "." not in Path(name).name]
    assert not wrong, f"git add --chmod=+x {wrong}"


@LISTS
def test_every_requirement_is_pinned_and_hashed(path: Path) -> None:
    text = path.read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9][a-z0-9.\-_]*==\S+ ", line), f"not pinned: {line[:60]}"
        assert "--hash=sha256:" in line, f"no hash: {line[:60]}"


@LISTS
def test_the_requirements_say_nothing_of_where_packages_come_from(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"https?:|file:/|^\s*-(?!-hash)", text, re.MULTILINE)


def test_every_dependency_that_the_project_declares_is_pinned() -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = whole["project"]
    built_in = named([*project["dependencies"], *whole["build-system"]["requires"]])
    extras = named(line for lines in project["optional-dependencies"].values() for line in lines)
    for path, names in ((RUN, built_in), (DEV, built_in | extras)):
        lacking = names - pinned(path).keys()
        assert not lacking, f"run scripts/pin: {path.name} lacks {sorted(lacking)}"


def named(lines: Iterable[str]) -> set[str]:
    """The names of requirements."""
    return {re.match(r"[\w.\-]+", line)[0].lower().replace("_", "-") for line in lines}  # type: ignore[index]


def pinned(path: Path) -> dict[str, str]:
    """Name and version of what a list pins."""
    return dict(re.findall(r"(?m)^([a-z0-9][\w.\-]*)==(\S+)", path.read_text("utf-8")))


def test_both_lists_pin_what_they_share_alike() -> None:
    run, dev = pinned(RUN), pinned(DEV)
    assert run.items() <= dev.items(), f"run scripts/pin: {sorted(run.items() - dev.items())}"
    assert len(run) * 2 < len(dev), "the demo waits for as few packages as can be"


def test_what_mutates_the_core_disturbs_nothing_that_tests_it() -> None:
    """It comes first on the path: another version of pytest there would be the one that runs."""
    dev, mutate = pinned(DEV), pinned(MUTATE)
    assert "mutmut" in mutate
    shared = mutate.keys() & dev.keys()
    assert {"pytest", "coverage"} <= shared
    assert {name: mutate[name] for name in shared} == {name: dev[name] for name in shared}, "run scripts/pin"


def test_the_demo_imports_nothing_that_a_fresh_machine_lacks() -> None:
    """What `scripts/demo` and every command of trueup load at their start is in requirements.txt."""
    code = (
        "import pkgutil, sys, importlib, importlib.metadata as metadata\n"
        "import trueup_adapters.cli.app, trueup_adapters.demo\n"
        "for one in pkgutil.iter_modules(trueup_adapters.demo.__path__, 'trueup_adapters.demo.'):\n"
        "    one.name.endswith('__main__') or importlib.import_module(one.name)\n"
        "of = metadata.packages_distributions()\n"
        "print(*{name for module in list(sys.modules) if '.' not in module for name in of.get(module, ())})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = named(done.stdout.split()) - {"trueup", "setuptools"}  # setuptools hooks itself into every start
    assert {"eventsourcing", "pyzmq"} <= loaded
    assert loaded <= pinned(RUN).keys(), sorted(loaded - pinned(RUN).keys())


def test_no_tracked_file_names_a_registry_or_one_machine() -> None:
    wrong = []
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # not text
        wrong += [
            f"{path.relative_to(ROOT)}:{number}: {found[0]}"
            for number, line in enumerate(text.splitlines(), 1)
            if (found := REGISTRIES.search(line) or MACHINE.search(line))
        ]
    assert not wrong


def test_the_lint_bans_the_folder_names_as_imports() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    assert {"engine", "projections", "adapters"} <= set(lint["flake8-tidy-imports"]["banned-api"])
