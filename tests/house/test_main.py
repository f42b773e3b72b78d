"""Does `python -m trueup` find the command line, and say so clearly when there is none?"""

from __future__ import annotations

import sys
import types
from importlib.metadata import EntryPoint

import pytest

import trueup.__main__ as door


def install(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    points = tuple(EntryPoint("trueup", value, "console_scripts") for value in values)
    monkeypatch.setattr(door, "entry_points", lambda **_: points)


def test_without_the_command_line_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for values in [(), ("no_such_package.cli:main",), ("trueup.no_such_module:main",)]:
        install(monkeypatch, *values)
        assert door.main() == 3
        said = capsys.readouterr()
        assert "trueup_adapters" in said.err
        assert not said.out


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (1, 1), (3, 3)])
def test_the_command_line_runs_and_its_status_is_ours(
    monkeypatch: pytest.MonkeyPatch, returned: int | None, status: int
) -> None:
    stand_in = types.ModuleType("stand_in_for_the_cli")
    stand_in.main = lambda: returned  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
    install(monkeypatch, f"{stand_in.__name__}:main")
    assert door.main() == status


def test_a_command_line_that_lacks_something_of_its_own_is_not_called_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "cli_that_lacks.py").write_text("import something_nobody_has\n")  # type: ignore[operator]
    install(monkeypatch, "cli_that_lacks:main")
    with pytest.raises(ModuleNotFoundError, match="something_nobody_has"):
        door.main()
