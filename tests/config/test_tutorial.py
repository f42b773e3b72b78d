"""Does the adapter of the tutorial come about as the page says, mistake and all?"""

from __future__ import annotations

import io
import json
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cli.shell import Shell
from demo.pages import Block, blocks, examples
from house.source import ROOT

PAGE = ROOT / "docs" / "tutorial" / "write-an-adapter.md"
ORDERS = ROOT / "docs" / "tutorial" / "write-an-adapter-orders.md"
DESK, BEGINNING, READING, MISTAKEN, SUITE, MENDED, USE, OPENING = [
    block.body for block in blocks(PAGE) if block.info == "python"
]
ORDERS_DESK, ORDERS_ADAPTER, ORDERS_SUITE, ORDERS_USE = [
    block.body for block in blocks(ORDERS) if block.info == "python"
]


def shown(info: str) -> list[Block]:
    return [block for block in blocks(PAGE) if block.info == info]


def module(name: str, *parts: str) -> ModuleType:
    """One file, as somebody who follows the page has it by then."""
    made = ModuleType(name)
    exec(compile("\n\n".join(parts), f"{name}.py", "exec"), vars(made))
    return made


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """What can be imported: the desk, and whatever a test adds."""
    made = {"harbor_desk": module("harbor_desk", DESK)}
    for name in ("harbor_desk", "harbor", "test_harbor", "orders_desk", "harbor_orders"):
        monkeypatch.setitem(sys.modules, name, made.get(name, ModuleType(name)))
    return made


def reds(*parts: str) -> tuple[list[str], int]:
    """(tests of the page's suite that fail with an adapter of these parts, how many there are)."""
    sys.modules["harbor"] = module("harbor", *parts)
    return failing(module("test_harbor", SUITE).__dict__["TestHarbor"])


def failing(suite: Any) -> tuple[list[str], int]:
    tests = [name for name in dir(suite) if name.startswith("test_")]
    found: list[str] = []
    for name in tests:
        try:
            getattr(suite(), name)()
        except AssertionError:
            found.append(name)
    return found, len(tests)


def test_the_suite_finds_the_mistake_and_is_green_without_it(files: dict[str, ModuleType]) -> None:
    first, second = [block.body for block in shown("text") if "passed" in block.body]
    found, count = reds(BEGINNING, READING, MISTAKEN)
    assert [f"FAILED test_harbor.py::TestHarbor::{name}" for name in found] == re.findall(r"(?m)^FAILED .*$", first)
    assert f"{len(found)} failed, {count - len(found)} passed" in first
    assert reds(BEGINNING, READING, MENDED) == ([], count)
    assert second == f"{count} passed\n"


def test_it_keeps_a_book(files: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sys.modules["harbor"] = module("harbor", BEGINNING, READING, MENDED)
    (said,) = [said for block, said in examples(PAGE) if block.body == USE]
    printed = io.StringIO()
    with redirect_stdout(printed):
        module("use", USE)
    assert printed.getvalue() == said


def orders_adapter(text: str = ORDERS_ADAPTER) -> Any:
    """The suite of the second page around an adapter."""
    sys.modules["harbor"] = module("harbor", BEGINNING, READING, MENDED)
    sys.modules["test_harbor"] = module("test_harbor", SUITE)
    sys.modules["orders_desk"] = module("orders_desk", ORDERS_DESK)
    sys.modules["harbor_orders"] = module("harbor_orders", text)
    return module("test_orders", ORDERS_SUITE).__dict__["TestHarborWithOrders"]


def test_with_orders_the_second_suite_is_green(files: dict[str, ModuleType]) -> None:
    (said,) = [block.body for block in blocks(ORDERS) if block.info == "text" and "passed" in block.body]
    red, count = failing(orders_adapter())
    assert (red, f"{count} passed\n") == ([], said)


@pytest.mark.parametrize(
    ("right", "wrong", "found_by"),
    [
        (
            "OrderStatus.UNKNOWN)",
            "OrderStatus.CANCELED)",
            "test_l41_a_status_that_nobody_knows_is_kept_in_its_own_word",
        ),
        (
            '{"id": question.order_id, "client": question.client_order_id}',
            '{"id": question.order_id} if question.order_id else {"client": question.client_order_id}',
            "test_l04_an_order_that_is_not_there_is_a_complete_answer_without_one",
        ),
    ],
)
def test_what_the_page_invites_to_try_is_found(
    right: str, wrong: str, found_by: str, files: dict[str, ModuleType]
) -> None:
    assert ORDERS_ADAPTER.count(right) == 1
    suite = orders_adapter(ORDERS_ADAPTER.replace(right, wrong))
    with pytest.raises(AssertionError):
        getattr(suite(), found_by)()


def test_it_keeps_orders(files: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    orders_adapter()
    (said,) = [said for block, said in examples(ORDERS) if block.body == ORDERS_USE]
    printed = io.StringIO()
    with redirect_stdout(printed):
        module("use", ORDERS_USE)
    assert printed.getvalue() == said


def test_the_command_line_takes_it_once_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], files: dict[str, ModuleType]
) -> None:
    sys.modules["harbor"] = module("harbor", BEGINNING, READING, MENDED, OPENING)
    (points,) = [block.body for block in shown("text") if "trueup.brokers" in block.body]
    (line,) = [line for block in shown("console") for line in block.body.splitlines() if "doctor" in line]
    package = tmp_path / "harbor-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: harbor\nVersion: 1.0\n")
    written = points.replace('[project.entry-points."trueup.brokers"]', "[trueup.brokers]").replace('"', "")
    (package / "entry_points.txt").write_text(written)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    arguments = [*line.removeprefix("$ trueup ").split(), "--json"]

    def broker() -> tuple[str, str]:
        told = json.loads(Shell(capsys)(*arguments).out)["findings"]
        (one,) = [one for one in told if one["part"] == "broker"]
        return one["state"], one["what"]

    assert broker() == ("wrong", "HARBOR_TOKEN is not set: Harbor's access token belongs there")
    monkeypatch.setenv("HARBOR_TOKEN", "a-token-of-nobody")
    desk = files["harbor_desk"].HarborDesk()
    arguments = [one.replace("//api.harbor.example", f"//{desk.url.partition('//')[2]}") for one in arguments]
    sys.modules["harbor"] = module("harbor", BEGINNING, READING, MENDED, OPENING.replace("https://", "http://"))
    try:
        assert broker()[0] == "ok"
    finally:
        desk.stop()
