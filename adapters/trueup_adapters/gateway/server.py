"""How does the gateway listen? One socket for questions, one for whoever holds the strings, one loop for both.

The questions' socket is a ROUTER, which a REQ or a DEALER takes for a REP, because a REP cannot stay silent and
cannot be late. Everything runs in one thread and nothing is shared: a change through the control socket is
complete before the next question is read.
"""

from __future__ import annotations

import heapq
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import zmq

from trueup.errors import InputError
from trueup.model import PositionMode
from trueup_adapters.gateway.faults import Fault, Faults, Outgoing, Setting
from trueup_adapters.gateway.replies import Dialect, encoded, failure, order_cells, position_cells
from trueup_adapters.gateway.terminal import State, Terminal, TerminalError
from trueup_adapters.gateway.vocabulary import ACTING, request_of
from trueup_adapters.loopback import is_loopback

LATE_MAX: Final = 1_000
"""Delayed replies that are kept; beyond that the earliest leaves early (law 12)."""
BIND_ATTEMPTS_MAX: Final = 1_000
BIND_PAUSE_MS: Final = 5


class Ports(NamedTuple):
    """Where a gateway can be reached, once it can be."""

    port: int
    control_port: int

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def control_url(self) -> str:
        return f"tcp://127.0.0.1:{self.control_port}"


class Gateway:
    """A gateway and its terminal. `run` listens until told to stop."""

    def __init__(
        self,
        *,
        port: int = 0,
        control_port: int = 0,
        host: str = "127.0.0.1",
        mode: PositionMode = "hedging",
        dialect: Dialect = 1,
        echo: bool = True,
        state: str | Path | None = None,
        curve: tuple[str, str] | None = None,
        now_s: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        """Listens to nothing yet.

        port, control_port  0 chooses a free one; the control socket is on this machine only
        host                where questions may come from; elsewhere than this machine takes `curve`
        mode                the account's: hedging or netting
        dialect             1 or 2
        echo                whether replies repeat the request's `req_id`
        state               a file that keeps the terminal across restarts of the process
        curve               the gateway's public and secret key; whoever knows the public one may connect

        Raises InputError when one of these cannot be meant.
        """
        if curve is None and not is_loopback(host):
            raise InputError(f"{host} is not this machine: give the gateway CURVE keys, or let it listen on 127.0.0.1")
        self._endpoint = f"tcp://{host}:{port or '*'}"
        self._control_endpoint = f"tcp://127.0.0.1:{control_port or '*'}"
        self._curve = curve
        self._setting = Setting(dialect, echo)
        self._file = None if state is None else Path(state)
        self.terminal = Terminal(mode, now_s=now_s, state=_loaded(self._file, mode))
        self.faults = Faults()
        self.asked = 0
        """How many requests have come in."""
        self._late: list[tuple[int, int, list[bytes], bytes | None]] = []
        """When, how many before it, the frames; and the request, where that is still to be read."""
        self._late_count = 0
        self._running = False
        self._saved_changes = self.terminal.state.changes

    def run(self, ready: Callable[[Ports], None] | None = None) -> None:
        """Listen until `stop` comes through the control socket. `ready` is called once, with the ports."""
        self._context = zmq.Context()
        try:
            self._control = self._context.socket(zmq.REP)
            self._control.linger = 1_000
            self._control.bind(self._control_endpoint)
            self._questions: zmq.Socket[bytes] | None = None
            self._up()
            if ready is not None:
                ready(Ports(_port_of(self._endpoint), _port_of(_endpoint_of(self._control))))
            self._running = True
            while self._running:
                self._turn()
            self._control.close()  # its last reply still leaves
            self._down()
            self._context.term()
        finally:
            self._context.destroy(linger=0)

    # -- the loop ------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        poller = zmq.Poller()
        poller.register(self._control, zmq.POLLIN)
        if self._questions is not None:
            poller.register(self._questions, zmq.POLLIN)
        ready = dict(poller.poll(self._wait_ms()))
        self._send_late()
        if self._control in ready:
            self._control.send(self._commanded(self._control.recv_multipart()[0]))
        if self._questions is not None and self._questions in ready:
            self._answer(self._questions)

    def _wait_ms(self) -> int | None:
        if not self._late:
            return None
        return max(0, (self._late[0][0] - time.monotonic_ns()) // 1_000_000 + 1)

    def _send_late(self) -> None:
        while self._late and (self._late[0][0] <= time.monotonic_ns() or len(self._late) > LATE_MAX):
            _, _, frames, body = heapq.heappop(self._late)
            if self._questions is None:
                continue
            if body is None:
                self._questions.send_multipart(frames)
            else:
                self._reply(self._questions, frames, body)

    def _answer(self, questions: zmq.Socket[bytes]) -> None:
        frames = questions.recv_multipart()
        self.asked += 1
        if len(frames) < 3 or frames[-2]:
            return  # neither a REQ nor one that speaks like it: there is nobody to answer
        *envelope, body = frames
        self._reply(questions, envelope, body)

    def _reply(self, questions: zmq.Socket[bytes], envelope: list[bytes], body: bytes) -> None:
        """Do what is asked, and let the answer leave, now or later."""
        outgoing = self._outgoing(body)
        reply = [*envelope, *outgoing.bodies]
        if outgoing.again:
            self._later(outgoing.delay_ms, envelope, body)
        elif not outgoing.bodies:
            return
        elif outgoing.delay_ms > 0:
            self._later(outgoing.delay_ms, reply, None)
        else:
            questions.send_multipart(reply)

    def _later(self, delay_ms: int, frames: list[bytes], body: bytes | None) -> None:
        self._late_count += 1
        due_ns = time.monotonic_ns() + delay_ms * 1_000_000
        heapq.heappush(self._late, (due_ns, self._late_count, frames, body))

    def _outgoing(self, body: bytes) -> Outgoing:
        request = request_of(body)
        if request is None:
            return Outgoing((encoded(failure(self._setting.dialect, "the request cannot be read")),))
        outgoing = self.faults.outgoing(self.terminal, request, self._setting)
        if request.action in ACTING:
            self._save(answered=True)  # what was done, and under which client id, before anybody hears of it
        return outgoing

    # -- the strings ---------------------------------------------------------------------------------------

    def _commanded(self, body: bytes) -> bytes:
        """Do what a control message says; what went wrong goes back as text."""
        try:
            message = msgspec.json.decode(body, type=dict[str, Any])
            result = self._do(message.pop("do", None), message)
            self._save()
        except (TerminalError, InputError, ValueError, TypeError, msgspec.MsgspecError) as error:
            return encoded({"ok": False, "error": str(error)})
        return encoded({"ok": True, "result": result})

    def _do(self, what: object, arguments: dict[str, Any]) -> object:
        terminal = self.terminal
        changes: dict[str, Callable[..., object]] = {
            "open": terminal.open,
            "close": terminal.close,
            "resize": terminal.resize,
            "set_stop": terminal.set_stop,
            "vanish": terminal.vanish,
            "deposit": terminal.deposit,
            "place": terminal.place,
            "fill": terminal.fill,
            "cancel": terminal.cancel,
            "reject": terminal.reject,
            "set_state": terminal.set_state,
            "misbehave": self._misbehave,
            "behave": self._behave,
            "state": self._state,
            "stop": self._stop,
        }
        if not isinstance(what, str) or what not in changes:
            raise ValueError(f"there is nothing called {what!r} to do; there is {', '.join(changes)}")
        return changes[what](**arguments)

    def _misbehave(self, kind: str, **arguments: object) -> None:
        if kind == "restart":
            self._down()
            self._up()
        elif kind == "down":
            self._down()
        else:
            self.faults.add(msgspec.convert({"kind": kind, **arguments}, Fault))

    def _behave(self) -> None:
        self.faults.clear()
        if self._questions is None:
            self._up()

    def _state(self) -> dict[str, object]:
        terminal = self.terminal
        return {
            "mode": terminal.position_mode,
            "dialect": self._setting.dialect,
            "echo": self._setting.echo,
            "asked": self.asked,
            "listening": self._questions is not None,
            "positions": [position_cells(position, 1) for position in terminal.positions],
            "orders": [order_cells(order, 1) for order in terminal.orders],
            "deals": len(terminal.state.deals),
            "faults": [msgspec.to_builtins(fault) for fault in self.faults.pending],
        }

    def _stop(self) -> None:
        self._running = False

    # -- sockets and file ----------------------------------------------------------------------------------

    def _up(self) -> None:
        """Listen for questions, on the same port as before; the old listener may take a moment to let go."""
        questions = self._context.socket(zmq.ROUTER)
        questions.linger = 0
        questions.ipv6 = "[" in self._endpoint
        if self._curve is not None:
            questions.curve_server = True
            questions.curve_publickey = self._curve[0].encode()
            questions.curve_secretkey = self._curve[1].encode()
        for attempt in range(1, BIND_ATTEMPTS_MAX + 1):
            try:
                questions.bind(self._endpoint)
                break
            except zmq.ZMQError as error:
                if error.errno != zmq.EADDRINUSE or attempt == BIND_ATTEMPTS_MAX or not self._running:
                    questions.close()
                    raise
                self._control.poll(BIND_PAUSE_MS, zmq.POLLERR)
        self._endpoint = _endpoint_of(questions)
        self._questions = questions

    def _down(self) -> None:
        """Stop listening and drop every connection, with whatever was still to be said."""
        self._late.clear()
        if self._questions is not None:
            self._questions.close(linger=0)
            self._questions = None

    def _save(self, *, answered: bool = False) -> None:
        """Write the terminal to its file where something changed, or an action was answered (a refusal too)."""
        if self._file is None or not (answered or self._saved_changes != self.terminal.state.changes):
            return
        draft = self._file.with_name(self._file.name + ".draft")
        draft.write_bytes(msgspec.json.encode(self.terminal.state))
        os.replace(draft, self._file)
        self._saved_changes = self.terminal.state.changes


def _loaded(file: Path | None, mode: PositionMode) -> State | None:
    """The terminal's state as its file has it; None where there is none yet. Raises InputError."""
    if file is None or not file.exists():
        return None
    try:
        state = msgspec.json.decode(file.read_bytes(), type=State)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} holds no terminal state: {error}") from error
    if state.position_mode != mode:
        raise InputError(f"{file} holds a {state.position_mode} terminal, and {mode} was asked for")
    return state


def _endpoint_of(socket: zmq.Socket[bytes]) -> str:
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def _port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


def print_ready(ports: Ports) -> None:
    """One line of JSON that says where the gateway is."""
    line = {"port": ports.port, "control_port": ports.control_port, "url": ports.url}
    sys.stdout.write(json.dumps({**line, "control_url": ports.control_url}) + "\n")
    sys.stdout.flush()


def serve(
    port: int = 5555,
    control_port: int = 0,
    *,
    mode: PositionMode = "hedging",
    dialect: Dialect = 1,
    echo: bool = True,
    state: str | Path | None = None,
    ready: Callable[[Ports], None] | None = print_ready,
) -> None:
    """Run a gateway on this machine until it is stopped; `ready` learns the ports, and prints them by default.

    Raises InputError for what cannot be meant, and zmq.ZMQError where a port is taken.
    """
    gateway = Gateway(port=port, control_port=control_port, mode=mode, dialect=dialect, echo=echo, state=state)
    gateway.run(ready)
