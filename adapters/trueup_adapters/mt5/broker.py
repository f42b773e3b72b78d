"""How does trueup ask an MT5 gateway? `Mt5Broker` joins the transport and the reading of replies.

Whatever the gateway does becomes an `Answer` or an `Outcome`; nothing of it is raised. What raises is only what the
caller got wrong, and at construction: an address that is none, or one that would be unsafe.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
from collections.abc import Callable, Mapping
from typing import Self

import msgspec

from trueup.errors import InputError
from trueup.model import PositionMode
from trueup.ports import Action, Answer, Capabilities, Outcome, Question, failed, unsupported
from trueup_adapters.mt5.address import (
    URL_DEFAULT,
    CurveKeys,
    checked_keys,
    checked_url,
    says_yes,
    timeout_ms_from,
    url_from,
)
from trueup_adapters.mt5.heads import REPLY_BYTES_MAX
from trueup_adapters.mt5.memory import PositionsMemory
from trueup_adapters.mt5.outcomes import outcome_of, unknown
from trueup_adapters.mt5.positions import Reading
from trueup_adapters.mt5.requests import ACTION_OF, QUESTION_OF, action_request, lacking, request
from trueup_adapters.mt5.socket import Line, NoReply
from trueup_adapters.mt5.wire import deals_answer, order_answer, orders_answer

LAG_MS_MAX_DEFAULT = 2000
"""How stale a terminal's view may be (DESIGN 7)."""


class Mt5Broker:
    """One MetaTrader 5 account behind a gateway that speaks JSON over ZeroMQ (DESIGN 8, "On the wire").

    A `trueup.ports.ActingBroker`. Surfaces: `positions` (GET_POSITIONS), `fills` (GET_DEALS), `open_orders`
    (GET_ORDERS) and `order` (GET_ORDER). Actions: `cancel` (CANCEL_ORDER), `place_stop` (PLACE_STOP) and
    `close_position` (CLOSE_POSITION), both of them reduce-only. docs/reference/mt5-wire.md has all of it.
    """

    def __init__(
        self,
        url: str = URL_DEFAULT,
        *,
        position_mode: PositionMode = "hedging",
        timeout_ms: int | None = None,
        insecure: bool = False,
        curve: CurveKeys | tuple[str, str, str] | None = None,
        lag_ms_max: int | None = None,
        strategies: Mapping[int | str, str] | None = None,
        canonical: Callable[[str], str] | None = None,
        symbol: str = "*",
    ) -> None:
        """Connects to nothing yet: the first question does.

        url            tcp://host:port; a plain one must be on this machine unless `insecure`
        position_mode  as the account is: `hedging` keys by ticket, `netting` by symbol
        timeout_ms     after how long one attempt fails by itself; None takes GTW_TIMEOUT_MS, and where that is
                       not set leaves it to whoever asks
        insecure       accept a plain connection that leaves this machine (also GTW_INSECURE=1)
        curve          the gateway's public key and our key pair, for an encrypted connection
        lag_ms_max     how stale its answers may be, in ms; 2000 by default
        strategies     magic number to the name of the strategy that owns it
        canonical      the one name of a symbol; a policy's `canonical`
        symbol         what to ask for; `*` is all. Answers for one symbol are partial: of the others they
                       prove nothing (L08)

        Raises InputError when one of these cannot be meant.
        """
        if position_mode not in ("hedging", "netting"):
            raise InputError(f"position_mode is {position_mode!r}; it is 'hedging' or 'netting'")
        if timeout_ms is not None and timeout_ms < 1:
            raise InputError(f"timeout_ms is {timeout_ms}; it must be at least 1, or None")
        if lag_ms_max is not None and lag_ms_max < 0:
            raise InputError(f"lag_ms_max is {lag_ms_max}; it must be at least 0")
        keys = checked_keys(curve)
        insecure = insecure or says_yes(os.environ, "GTW_INSECURE")
        self._line = Line(checked_url(url, insecure=insecure, curve=keys), curve=keys)
        self._timeout_ms = timeout_ms_from(os.environ) if timeout_ms is None else timeout_ms
        self._symbol = symbol
        self._reading = Reading(
            position_mode=position_mode,
            strategies={str(magic): name for magic, name in (strategies or {}).items()},
            canonical=canonical,
        )
        self._positions = PositionsMemory(self._reading, reply_bytes_max=REPLY_BYTES_MAX)
        lag = LAG_MS_MAX_DEFAULT if lag_ms_max is None else lag_ms_max
        self._capabilities = Capabilities(
            source="mt5",
            position_mode=position_mode,
            surfaces=frozenset(QUESTION_OF),
            lag_ms_max=dict.fromkeys(QUESTION_OF, lag),
            actions=frozenset(ACTION_OF),
            can_reduce_only=True,
        )
        # A gateway may see several of our connections and lives: the prefix keeps their questions apart.
        self._req_ids = map(f"{secrets.token_hex(4)}-{{}}".format, itertools.count(1))

    @classmethod
    def from_env(
        cls,
        *,
        position_mode: PositionMode = "hedging",
        strategies: Mapping[int | str, str] | None = None,
        canonical: Callable[[str], str] | None = None,
    ) -> Self:
        """A broker as GTW_HOST, GTW_PORT, GTW_TIMEOUT_MS and GTW_INSECURE say; 127.0.0.1:5555 by default.

        Raises InputError when one of them cannot be meant.
        """
        return cls(
            url_from(os.environ),
            position_mode=position_mode,
            strategies=strategies,
            canonical=canonical,
        )

    def __repr__(self) -> str:
        return f"Mt5Broker({self._line.url!r}, position_mode={self._capabilities.position_mode!r})"

    @property
    def capabilities(self) -> Capabilities:
        """Known without asking anybody; never changes."""
        return self._capabilities

    @property
    def connections(self) -> int:
        """How many times a connection has come about; after growth a full pass is due (L10)."""
        return self._line.connections

    async def ask(self, question: Question) -> Answer:
        """One attempt at `question`. Never raises for what the outside does; may be cancelled at any point."""
        if question.surface not in QUESTION_OF:
            return unsupported(f"this adapter does not ask an MT5 gateway for {question.surface}")
        if question.surface == "order" and not (question.order_id or question.client_order_id):
            return failed("not asked: an order is looked up by order_id or by client_order_id, and neither is given")
        req_id = next(self._req_ids)
        body = request(question, req_id=req_id, symbol=self._symbol)
        try:
            async with asyncio.timeout(self._seconds()):
                raw = await self._line.exchange(req_id, body)
        except TimeoutError:
            return failed(self._silence())
        except NoReply as none:
            return failed(str(none), raw=none.raw)
        answer = self._read(question, raw)
        if self._symbol != "*" and answer.completeness == "complete" and question.surface != "order":
            return msgspec.structs.replace(answer, completeness="partial", why=f"only {self._symbol} was asked for")
        return answer

    def _read(self, question: Question, raw: bytes) -> Answer:
        """What a reply says, read as the answer to what was asked."""
        if question.surface == "positions":
            return self._positions.answer(raw)
        if question.surface == "fills":
            return deals_answer(raw, self._reading)
        if question.surface == "open_orders":
            return orders_answer(raw, self._reading)
        return order_answer(raw, self._reading, question)

    async def act(self, action: Action) -> Outcome:
        """Ask for `action`, once and never again by itself (L21, L27). Never raises for what the outside does.

        Whoever cancels it may not conclude that nothing was done: that outcome is unknown too. After an action that
        went unanswered the connection is another one, and `connections` says so.
        """
        symbol = self._spelled(action)
        why = lacking(action) or (
            f"{action.symbol} is spelled in several ways at this broker" if symbol is None else ""
        )
        if symbol is None or why:
            return Outcome(state="rejected", why=f"not sent: {why}")
        req_id = next(self._req_ids)
        body = action_request(action, req_id=req_id, symbol=symbol)
        try:
            async with asyncio.timeout(self._seconds()):
                raw = await self._line.exchange(req_id, body, acts=True)
        except TimeoutError:
            return unknown(self._silence())
        except NoReply as none:
            return unknown(str(none), raw=none.raw)
        return outcome_of(raw, action)

    def _spelled(self, action: Action) -> str | None:
        """The broker's own spelling of an action's symbol (L33); None where there are several and none is certain."""
        position = self._positions.position(action.symbol, action.ticket)
        if position is not None and position.symbol == action.symbol:
            return position.spelling or position.symbol
        met = [spelled for spelled, (name, _) in self._reading.names.items() if name == action.symbol]
        if len(met) > 1 and action.kind != "cancel":  # a cancel names its order, and no symbol
            return None
        return met[0] if met else action.symbol

    def _seconds(self) -> float | None:
        return None if self._timeout_ms is None else self._timeout_ms / 1000

    def _silence(self) -> str:
        return f"no reply within {self._timeout_ms} ms from {self._line.url} ({self._line.state()})"

    async def close(self) -> None:
        """Let go of everything, promptly. Afterwards every question fails."""
        await self._line.close()
