"""Does every example on the pages do what the page says it does, and does every link lead somewhere?"""

from __future__ import annotations

import io
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from queue import Queue

import pytest

from demo.pages import PAGES, ROOT, Block, blocks, examples, links, place
from trueup import Reconciler
from trueup.policy_file import settings_of
from trueup_adapters.cli import main
from trueup_adapters.gateway import Control, Gateway, Ports
from trueup_adapters.mt5 import Mt5Broker

PATIENCE_S = 10
EXAMPLE_S_MAX = 60
NOT_RUN_MAX = 3
"""Blocks of Python that no test runs: those that go on for ever."""


@pytest.fixture
def ports() -> Iterator[Ports]:
    """A gateway as the pages suppose it: with two positions."""
    ready: Queue[Ports] = Queue()
    thread = threading.Thread(target=Gateway().run, args=(ready.put,), daemon=True)
    thread.start()
    found = ready.get(timeout=PATIENCE_S)
    with Control(found.control_url) as control:
        yield found
        control.stop()
    thread.join(PATIENCE_S)


def here(code: str, ports: Ports) -> str:
    """The pages' gateway is the one that listens here."""
    return code.replace("127.0.0.1:5555", f"127.0.0.1:{ports.port}").replace(
        "127.0.0.1:5556", f"127.0.0.1:{ports.control_port}"
    )


ELSEWHERE = {"postgresql.md", "backup-and-archive.md", "hand-over-evidence.md", "ccxt.md"}
ELSEWHERE |= {"write-an-adapter.md", "write-an-adapter-orders.md"}
"""Pages whose examples other tests run, on the server, the stores, the export or the exchange that they are about:
`tests/incident/test_export.py`, `tests/postgres/test_how_to.py`, `tests/ccxt_adapter/test_page.py` and
`tests/config/test_tutorial.py`."""
RUN = [pytest.param(page, id=place(page)) for page in PAGES if examples(page) and page.name not in ELSEWHERE]


@pytest.mark.parametrize("page", RUN)
def test_every_example_runs_and_prints_what_the_page_says(
    page: Path, ports: Ports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if page.stem == "first-true-up":  # it opens its positions itself, and its sidecar makes the store
        Reconciler.open("sqlite:///tutorial.db", account="mt5:demo").close()
    else:
        suppose(ports)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            play(page, ports)
        except BaseException as error:  # noqa: BLE001 - raised again below, where pytest hears it
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(EXAMPLE_S_MAX)
    assert not thread.is_alive(), (
        f"{place(page)}: an example does not end; mark it `python no-run` if it is not meant to"
    )
    if failures:
        raise failures[0]


def suppose(ports: Ports) -> None:
    """What the pages suppose to be there: two positions, and a store that knows them."""
    with Control(ports.control_url) as control:
        control.open("EURUSD", "buy", "0.10", "1.0543")
        control.open("GBPUSD", "sell", "0.20", "1.2710")
    with Reconciler.open("sqlite:///var/trueup.db", account="mt5:5001", broker=Mt5Broker(ports.url)) as rec:
        assert rec.startup_recovery().status == "SUCCESS"


def play(page: Path, ports: Ports) -> None:
    """Every example of a page, one after the other, as somebody who follows it would."""
    names: dict[str, object] = {}
    for block, said in examples(page):
        printed = io.StringIO()
        code = compile("\n" * (block.line - 1) + here(block.body, ports), place(page), "exec")
        with redirect_stdout(printed):
            exec(code, names)
        if said is not None:
            assert printed.getvalue() == said, f"{place(page)}:{block.line}"


def test_hardly_any_example_is_left_unrun() -> None:
    marked = [
        f"{place(page)}:{block.line}" for page in PAGES for block in blocks(page) if block.info == "python no-run"
    ]
    assert len(marked) <= NOT_RUN_MAX, marked


def test_every_block_says_what_it_is() -> None:
    known = {"python", "python no-run", "text", "text output", "text demo", "toml", "console", "sql", "json", "csv", ""}
    wrong = [
        f"{place(page)}:{block.line}: {block.info!r}"
        for page in PAGES
        for block in blocks(page)
        if block.info not in known
    ]
    assert not wrong


SETTINGS = [
    pytest.param(block, id=f"{place(page)}:{block.line}")
    for page in PAGES
    for block in blocks(page)
    if block.info == "toml"
]


@pytest.mark.parametrize("block", SETTINGS)
def test_every_settings_file_can_be_read(block: Block) -> None:
    assert settings_of(block.body, name="the page").policy.digest


def commands() -> dict[str, set[str]]:
    """Every `trueup` command of the pages' consoles, with the options that they give it."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        for block in blocks(page):
            for line in block.body.splitlines() if block.info == "console" else ():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                if words[:1] == ["trueup"]:
                    found.setdefault(words[1], set()).update(word for word in words if word.startswith("--"))
    return found


@pytest.mark.parametrize(("command", "options"), [pytest.param(*one, id=one[0]) for one in sorted(commands().items())])
def test_every_command_of_the_pages_exists(
    command: str, options: set[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    status = main([command, "--help"])
    help_page = capsys.readouterr().out
    assert status == 0
    known = set(re.findall(r"--[a-z][a-z\-]+", help_page))
    assert options <= known, f"trueup {command} has no {sorted(options - known)}"


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = [link for link in links(page) if not (page.parent / link.partition("#")[0]).exists()]
    assert not wrong


def test_every_page_can_be_found_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    reached = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    lost = [place(page) for page in PAGES if page not in reached and page != index and page.parent.name != "decisions"]
    assert not lost
