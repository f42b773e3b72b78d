"""Is the gateway of ours one that a broker could be, and does it do as it is told?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zmq

from broker_contract.harnesses import gateway
from trueup.errors import BadNumber, InputError
from trueup_adapters.gateway import Control, ControlError, Gateway, Terminal, TerminalError
from trueup_adapters.gateway.faults import FAULTS_MAX, KINDS, ONLY


def held(terminal: Terminal) -> list[tuple[int, str, str, str]]:
    return [(p.ticket, p.symbol, p.side, str(p.volume)) for p in terminal.positions]


def test_a_hedging_terminal_holds_a_position_per_ticket() -> None:
    terminal = Terminal("hedging")
    first = terminal.open("EURUSD", "buy", "0.01", "1.05", sl="1.04", magic=7)
    second = terminal.open("EURUSD", "sell", "0.02", "1.06")
    assert held(terminal) == [(first, "EURUSD", "buy", "0.01"), (second, "EURUSD", "sell", "0.02")]
    terminal.close(second, "0.005")
    terminal.close(first)
    assert held(terminal) == [(second, "EURUSD", "sell", "0.015")]
    assert [(d.kind, d.entry, str(d.volume), d.position) for d in terminal.deals_since(None)] == [
        ("buy", "in", "0.01", first),
        ("sell", "in", "0.02", second),
        ("buy", "out", "0.005", second),
        ("sell", "out", "0.01", first),
    ]


def test_a_netting_terminal_adds_reduces_turns_and_closes() -> None:
    terminal = Terminal("netting")
    ticket = terminal.open("EURUSD", "buy", "1", "1.10")
    assert terminal.open("EURUSD", "buy", "1", "1.20") == ticket
    (position,) = terminal.positions
    assert (position.volume, position.price) == (Decimal(2), Decimal("1.15"))
    terminal.open("EURUSD", "sell", "3", "1.30")
    assert held(terminal) == [(ticket, "EURUSD", "sell", "1")]
    assert terminal.positions[0].price == Decimal("1.30")
    terminal.open("EURUSD", "buy", "1", "1.25")
    assert held(terminal) == []
    moved = sum(d.volume if d.kind == "buy" else -d.volume for d in terminal.deals_since(None))
    assert moved == 0
    assert [d.entry for d in terminal.deals_since(None)] == ["in", "in", "inout", "out"]


def test_a_terminal_is_deterministic() -> None:
    def history() -> Terminal:
        terminal = Terminal("hedging")
        for n in range(1, 6):
            terminal.open(f"S{n % 2}", "buy", n)
        terminal.close(terminal.positions[0].ticket)
        return terminal

    assert history().state == history().state


def test_a_terminal_remembers_what_it_was() -> None:
    terminal = Terminal()
    ticket = terminal.open("EURUSD", "buy", 1)
    terminal.resize(ticket, 2)
    terminal.set_stop(ticket, "1.5")
    assert [str(p.volume) for p in terminal.positions_before(1)] == ["2"]
    assert [str(p.volume) for p in terminal.positions_before(2)] == ["1"]
    assert terminal.positions_before(3) == ()
    assert terminal.positions_before(99) == ()
    assert terminal.positions_before(0) == terminal.positions


def test_a_terminal_refuses_what_no_broker_takes() -> None:
    terminal = Terminal()
    ticket = terminal.open("EURUSD", "buy", 1)
    terminal.open("EURUSD", "sell", 1)
    before = terminal.positions
    wrongs: tuple[Callable[[], object], ...] = (
        lambda: terminal.open("EURUSD", "buy", 0),
        lambda: terminal.open("EURUSD", "long", 1),  # type: ignore[arg-type]
        lambda: terminal.close(ticket, 2),
        lambda: terminal.close("EURUSD"),
        lambda: terminal.close("GBPUSD"),
        lambda: terminal.close(5),
        lambda: terminal.resize(ticket, -1),
    )
    for wrong in wrongs:
        with pytest.raises(TerminalError):
            wrong()
    with pytest.raises(BadNumber):
        terminal.open("EURUSD", "buy", "NaN")
    with pytest.raises(InputError):
        terminal.open("", "buy", 1)
    assert terminal.positions == before


# -- the strings -------------------------------------------------------------------------------------------


def test_control_changes_what_is_held() -> None:
    with gateway() as (control, _):
        ticket = control.open("EURUSD", "buy", Decimal("0.01"), "1.0543", sl="1.05", magic=7)
        control.resize(ticket, "0.02")
        control.set_stop(ticket, None)
        (position,) = control.state()["positions"]
        assert (position["ticket"], position["volume"], position["sl"]) == (ticket, Decimal("0.02"), 0)
        assert position["price_open"] == Decimal("1.0543")  # a float of that is not equal to it (L35)
        assert control.close_position("EURUSD") == ticket
        assert control.state()["positions"] == []
        assert control.state()["deals"] == 2


def test_control_says_what_cannot_be_done() -> None:
    with gateway() as (control, _):
        wrongs: tuple[Callable[[], object], ...] = (
            lambda: control.close_position(5),
            lambda: control.open("EURUSD", "buy", "x"),
            lambda: control.misbehave("dance"),
            lambda: control.misbehave("silence", times="often"),
            lambda: control.misbehave("silence", volume=3),
        )
        for wrong in wrongs:
            with pytest.raises(ControlError):
                wrong()
        assert control.state()["faults"] == []


def test_control_takes_whatever_is_said_to_it() -> None:
    with gateway() as (control, ports), asking(ports.control_url) as req:
        for frames in ([b""], [b"x", b"y"], [b"[]"], [b"{}"], [b'{"do": ["open"]}'], [b'{"do": "open"}']):
            req.send_multipart(frames)
            assert json.loads(req.recv())["ok"] is False
        assert control.state()["positions"] == []


def test_faults_have_a_limit_and_an_end() -> None:
    with gateway() as (control, _):
        for _ in range(FAULTS_MAX):
            control.misbehave("silence")
        with pytest.raises(ControlError, match="clear them"):
            control.misbehave("silence")
        control.behave()
        assert control.state()["faults"] == []


def test_control_that_nobody_hears_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup_adapters.gateway.client.REPLY_MS_MAX", 30)
    with Control("tcp://127.0.0.1:1") as control, pytest.raises(ControlError, match="does not answer"):
        control.state()


@contextmanager
def asking(url: str) -> Generator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.REQ) as req:
        req.linger = 0
        req.rcvtimeo = 5000
        req.connect(url)
        yield req


@pytest.mark.parametrize("dialect", [1, 2])
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"silence", "frames"} - set(ONLY)))
def test_every_fault_is_one_reply_long(kind: str, dialect: Any) -> None:
    question = json.dumps({"action": "GET_POSITIONS", "req_id": "a-1"})
    with gateway(dialect=dialect) as (control, ports), asking(ports.url) as req:
        control.open("EURUSD", "buy", "0.01")
        control.resize("EURUSD", "0.02")
        replies: list[bytes] = []
        for fault in (None, kind, None):
            if fault is not None:
                control.misbehave(fault, ms=1)
            req.send_string(question)
            replies.append(req.recv())
        assert replies[0] == replies[2]
        assert (replies[1] == replies[0]) == (kind == "delay")


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"action": 5}', b"{}", b"\xff", b"[" * 70_000])
def test_a_request_that_cannot_be_read_is_answered(body: bytes) -> None:
    with gateway() as (_, ports), asking(ports.url) as req:
        req.send(body)
        assert json.loads(req.recv())["status"] == "FAILED"


def test_an_action_that_is_not_there_is_unknown() -> None:
    with gateway(dialect=2) as (_, ports), asking(ports.url) as req:
        req.send_string('{"action": "MAKE_MONEY"}')
        reply = json.loads(req.recv())
        assert (reply["status"], reply["error_code"]) == ("error", "UNKNOWN_ACTION")


# -- as a process ------------------------------------------------------------------------------------------


@contextmanager
def process(*arguments: str) -> Generator[dict[str, Any]]:
    command = [sys.executable, "-m", "trueup_adapters.gateway", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            ports = json.loads(running.stdout.readline())
            with Control(ports["control_url"]) as control:
                yield ports
                control.stop()
            assert running.wait(timeout=10) == 0
        finally:
            running.kill()


def test_a_gateway_process_keeps_its_terminal_in_a_file(tmp_path: Path) -> None:
    state = tmp_path / "terminal.json"
    with process("--state", str(state), "--mode", "netting") as ports, Control(ports["control_url"]) as control:
        control.open("EURUSD", "buy", "0.01", "1.0543")
    with (
        process("--state", str(state), "--mode", "netting", "--dialect", "2", "--no-echo") as ports,
        Control(ports["control_url"]) as control,
    ):
        told = control.state()
        assert (told["mode"], told["dialect"], told["echo"]) == ("netting", 2, False)
        assert [position["volume"] for position in told["positions"]] == [Decimal("0.01")]
    with pytest.raises(InputError, match="netting"):
        Gateway(mode="hedging", state=state)
    state.write_text("{")
    with pytest.raises(InputError, match="no terminal state"):
        Gateway(mode="netting", state=state)


def test_a_port_that_is_taken_ends_the_process_with_3() -> None:
    with gateway() as (_, ports):
        command = [sys.executable, "-m", "trueup_adapters.gateway", "--port", str(ports.port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 3
    assert "cannot listen" in ended.stderr
    assert not ended.stdout
