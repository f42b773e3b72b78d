"""What does a wrong word get, and what does no word at all?"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.console import Console

import trueup_adapters.demo
from cli.shell import Shell, at, recorded
from trueup import InvariantBroken, JournalError, PositionSet
from trueup_adapters.cli import look, main, output


def test_version_and_help(shell: Shell) -> None:
    assert shell("--version") == (0, f"trueup {version('trueup')}\n", "")
    for word in ("--help", "-h"):
        ended = shell(word)
        assert ended.status == 0
        for command in ("demo", "run", "check", "gateway", "simulate", "override"):
            assert f" {command} " in ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("chekc",), "Did you mean 'check'?"),
        (("statsu",), "'status'"),
        (("nonsense",), "No such command 'nonsense'"),
        (("check", "a", "b", "--polcy", "x"), "Did you mean --policy?"),
        (("status", "--sotre", "x"), "Did you mean --store?"),
        (("status",), "--store"),
        (("check", "a"), "BROKER"),
        (("check", "a", "b", "c"), "c"),
        (("audit", "--store", "sqlite:///x", "--limit", "many"), "'--limit'"),
        (("positions", "--store", "sqlite:///x", "--side", "both"), "both"),
        (("gateway", "--dialect", "3"), "'--dialect'"),
        (("gateway", "--port", "70000"), "65535"),
    ],
)
def test_a_wrong_word_gets_one_sentence_and_where_to_read_on(words: tuple[str, ...], said: str, shell: Shell) -> None:
    ended = shell(*words)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert "--help`" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_no_word_shows_the_help(shell: Shell) -> None:
    ended = shell()
    assert ended.status == 2
    assert "check" in ended.out + ended.err


def test_a_policy_that_cannot_be_meant(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("confirmatoins = 3\nretries_max = -1\n")
    ended = shell("check", "a", "b", "--policy", tmp_path / "p.toml")
    assert ended.status == 2
    assert ended.err.splitlines() == [
        f"trueup: {tmp_path}/p.toml, line 1: there is no knob 'confirmatoins'; did you mean 'confirmations'?",
        f"trueup: {tmp_path}/p.toml, line 2: retries_max is -1; it must be at least 0",
    ]


def test_a_broken_law_is_never_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(at(tmp_path), PositionSet(symbol="A", side="long", quantity=1, ticket="1"))

    def broken(*_: object) -> None:
        raise InvariantBroken("a law was broken")

    monkeypatch.setattr(look, "state_at", broken)
    with pytest.raises(InvariantBroken):
        main(["status", "--store", at(tmp_path)])


def test_a_failing_store_is_a_sentence(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(at(tmp_path), PositionSet(symbol="A", side="long", quantity=1, ticket="1"))

    def failing(*_: object) -> None:
        raise JournalError("the disk is gone")

    monkeypatch.setattr(look, "state_at", failing)
    assert shell("status", "--store", at(tmp_path)) == (3, "", "trueup: the disk is gone\n")


def test_interrupted(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(at(tmp_path), PositionSet(symbol="A", side="long", quantity=1, ticket="1"))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(look, "state_at", interrupted)
    assert shell("status", "--store", at(tmp_path)).status == 130


def test_python_m_trueup_is_the_same_command(tmp_path: Path) -> None:
    recorded(at(tmp_path), PositionSet(symbol="A", side="long", quantity=1, ticket="1"))
    command = [sys.executable, "-m", "trueup", "status", "--store", at(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "mt5:5001" in ended.stdout
    assert "\x1b" not in ended.stdout
    command[2:] = ["trueup", "status", "--store", at(tmp_path, "gone.db")]
    assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 3


def test_symbols_of_all_the_world_and_a_terminal_that_knows_ascii(tmp_path: Path) -> None:
    recorded(at(tmp_path), PositionSet(symbol="日経225", side="long", quantity=1, ticket="1"))
    command = [sys.executable, "-m", "trueup", "positions", "--store", at(tmp_path), "--json"]
    environ = os.environ | {"PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(command, capture_output=True, env=environ, check=True)
    assert b'"symbol": "\\u65e5\\u7d4c225"' in ended.stdout


def test_whoever_reads_us_may_go_away(tmp_path: Path) -> None:
    changes = [PositionSet(symbol=f"S{n}", side="long", quantity=1, ticket=str(n + 1)) for n in range(2000)]
    recorded(at(tmp_path), *changes)
    command = [sys.executable, "-m", "trueup", "positions", "--store", at(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 1


def test_colour_means_something_and_goes_where_nobody_sees_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True)
    output.table(("kind", "n"), [("ghost", "1"), (None, "22")], right=("n",))
    coloured = capsys.readouterr().out
    assert "\x1b[35mghost" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    output.table(("kind", "n"), [("ghost", "1"), (None, "22")], right=("n",))
    plain = capsys.readouterr().out
    assert "\x1b[35m" not in plain
    assert " 1" in plain


def test_a_sign_of_life_only_where_somebody_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with output.busy("reading"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(output.sys.stderr, "isatty", lambda: True)
    with output.busy("reading"):
        pass
    assert "reading" in capsys.readouterr().err


def test_demo_is_played_as_it_was_asked_for(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[bool, Path | None]] = []

    def played(console: Console, *, as_json: bool, directory: Path | None) -> int:
        asked.append((as_json, directory))
        console.print("played")
        return 1

    monkeypatch.setattr(trueup_adapters.demo, "run", played)
    assert shell("demo") == (1, "played\n", "")
    assert shell("demo", "--json", "--directory", tmp_path).status == 1
    assert asked == [(False, None), (True, tmp_path)]
