"""Does the reference name every command and every option, and none that is not there?"""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main

from house.source import ROOT
from trueup.policy import PRESETS, Policy
from trueup_adapters.cli.app import app

PAGE = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8")
POLICY_PAGE = (ROOT / "docs" / "policy.md").read_text("utf-8")
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
CONTRACT = {"demo", "run", "check", "status", "positions", "breaks", "audit", "verify", "head", "ack", "gateway"}
CONTRACT |= {"backup", "archive"}
CONTRACT |= {"explain", "timeline"}
CONTRACT |= {"import", "export"}
CONTRACT |= {"simulate"}
CONTRACT |= {"adopt", "close", "release", "override"}
CONTRACT |= {"replay", "diff"}
CONTRACT |= {"init", "doctor"}
CONTRACT |= {"orders"}


def section(command: str) -> str:
    """The page's part about one command."""
    found = re.search(rf"(?ms)^## trueup {command}$(.*?)(?=^## |\Z)", PAGE)
    assert found, f"docs/reference/cli.md has no section 'trueup {command}'"
    return found[1]


def options(command: str) -> set[str]:
    """What the command takes, as it is typed; --help apart, which all have."""
    params = COMMANDS[command].params
    return {word for one in params for word in (*one.opts, *one.secondary_opts) if word.startswith("-")} - {
        "--help",
        "-h",
    }


def test_the_commands_are_those_of_this_version() -> None:
    assert set(COMMANDS) == CONTRACT


@pytest.mark.parametrize("command", sorted(CONTRACT))
def test_every_option_is_documented_and_every_documented_one_exists(command: str) -> None:
    rows = "\n".join(line.split("|")[1] for line in section(command).splitlines() if line.startswith("| `--"))
    assert set(re.findall(r"--[a-z][a-z-]*", rows)) == options(command)


def test_the_page_has_no_command_too_many() -> None:
    assert set(re.findall(r"(?m)^## trueup (\w+)$", PAGE)) == CONTRACT


@pytest.mark.parametrize("command", sorted(CONTRACT))
def test_every_command_and_option_explains_itself(command: str) -> None:
    assert COMMANDS[command].help
    assert all(one.help for one in COMMANDS[command].params)


def test_every_knob_and_preset_is_documented() -> None:
    named = re.findall(r"(?m)^\| `(\w+)`", POLICY_PAGE)
    assert set(named) == {*Policy.__struct_fields__, *PRESETS} - {"preset"}
    assert len(named) == len(set(named))


@pytest.mark.parametrize(
    "knob", [name for name in Policy.__struct_fields__ if isinstance(getattr(Policy(), name), int)]
)
def test_the_documented_default_is_the_default(knob: str) -> None:
    cells = re.search(rf"(?m)^\| `{knob}` \| ([^|]+) \|", POLICY_PAGE)
    assert cells
    assert cells[1].strip() == str(getattr(Policy(), knob))
