"""Do the pages about incidents and evidence show what really happens?"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cli.shell import Shell, recorded
from house.source import ROOT
from trueup import PositionSet

HOW_TO = ROOT / "docs" / "how-to"


def blocks(page: str) -> list[tuple[str, str]]:
    """What a page marks for its test: (name, text), in order."""
    text = (HOW_TO / page).read_text("utf-8")
    return re.findall(r"(?s)<!-- test: ([^\n]+?) -->\n```\w+\n(.*?)```", text)


def ran(shell: Shell, script: str) -> list[tuple[int, str]]:
    """Each `trueup` command of a script, in turn: its exit status and what it said."""
    lines = [line.removeprefix("$ ") for line in script.splitlines()]
    ended = [shell(*shlex.split(line)[1:]) for line in lines if line.startswith("trueup ")]
    return [(one.status, one.out) for one in ended]


def test_importing_as_the_page_says(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (_, recording), (_, script) = blocks("import-an-incident.md")
    Path("incident.jsonl").write_text(recording)
    imported, audit, verified = ran(shell, script)
    assert imported[0] == audit[0] == verified[0] == 0
    assert "import:incident: 6 lines taken, 0 refused" in imported[1]
    assert "1 corrections" in imported[1]
    assert "GBPUSD" in audit[1]


def test_every_recipe_is_on_its_page() -> None:
    page = (HOW_TO / "recipes-recordings.md").read_text("utf-8")
    written = {path.name for path in (ROOT / "scripts" / "recipes").glob("*.py")}
    assert set(re.findall(r"scripts/recipes/(\w+\.py)", page)) == written


def test_signing_as_the_page_says(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recorded("sqlite:///trueup.db", PositionSet(symbol="A", side="long", quantity=1, ticket="1"))
    scripts = dict(blocks("hand-over-evidence.md"))
    assert [status for status, _ in ran(shell, scripts["sign"])] == [0, 0, 0]
