"""Does an answer reach whoever has a narrow terminal, one that lacks characters, or a quick hand at Ctrl-C?"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cli.shell import ACCOUNT, Shell, at, recorded
from trueup import PositionSet
from trueup_adapters.cli import INTERRUPTED, main, output


@pytest.fixture
def store(tmp_path: Path) -> str:
    recorded(at(tmp_path), PositionSet(symbol="ÉUR漢", side="long", quantity="1"))
    return at(tmp_path)


class Interrupted(ModuleType):
    """Somebody presses Ctrl-C while this is loaded."""

    def __getattr__(self, name: str) -> object:
        raise KeyboardInterrupt


def test_ctrl_c_while_the_commands_are_loaded_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trueup_adapters.cli.app", Interrupted("app"))
    assert main(["status"]) == INTERRUPTED == 130


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("command", ["positions", "audit"])
def test_a_terminal_that_lacks_a_character_is_shown_its_number(
    command: str, encoding: str, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(said, encoding=encoding))
    assert main([command, "--store", store]) == 0
    sys.stdout.flush()
    first = "\\xc9" if encoding == "ascii" else "É"
    assert f"{first}UR\\u6f22" in said.getvalue().decode(encoding)


def test_a_program_is_told_the_same_in_any_encoding(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(said, encoding="ascii"))
    assert main(["positions", "--store", store, "--json"]) == 0
    sys.stdout.flush()
    assert json.loads(said.getvalue())[0]["symbol"] == "ÉUR漢"


def test_a_narrow_terminal_folds_what_is_long_and_drops_none_of_it(
    store: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "PIPED_WIDTH", 28)
    whole = "".join(shell("status", "--store", store).out.split())
    assert "2026-01-15T12:00:00Z" in whole
    assert ACCOUNT in whole
    assert "…" not in whole


def test_what_the_broker_says_is_text_and_never_markup(shell: Shell, tmp_path: Path) -> None:
    """A symbol that looks like a style of the terminal's library is shown as it is (L60)."""
    recorded(at(tmp_path), PositionSet(symbol="[bold]EUR[/bold]", side="long", quantity="1", ticket=":x:"))
    for command in ("positions", "audit"):
        assert "[bold]EUR[/bold]" in shell(command, "--store", at(tmp_path)).out
    assert "[red]no.db[/red]" in shell("status", "--store", f"sqlite:///{tmp_path}/[red]no.db[/red]").err
