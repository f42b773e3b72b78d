"""How does trueup ask Alpaca? `AlpacaBroker` joins the transport and the reading of replies.

Whatever Alpaca does becomes an `Answer` or an `Outcome`; nothing of it is raised. What raises is only what the caller
got wrong, and at construction: an address that is none, a key of the other environment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from trueup.clock import SystemClock
from trueup.errors import InputError
from trueup.model import Surface, account_of, exact
from trueup.ports import Action, Answer, Capabilities, Clock, Outcome, Question, failed, unsupported
from trueup_adapters.alpaca.acting import Acting
from trueup_adapters.alpaca.asking import Asking
from trueup_adapters.alpaca.cells import MALFORMED, printable
from trueup_adapters.alpaca.heads import why_not
from trueup_adapters.alpaca.hosts import Environment, checked_environment, checked_url, other_account, other_key
from trueup_adapters.alpaca.keys import Credentials
from trueup_adapters.alpaca.limiter import Limiter
from trueup_adapters.alpaca.orders import ExecutionIds, Reading
from trueup_adapters.alpaca.outcomes import not_sent, unknown
from trueup_adapters.alpaca.sending import ACTIONS, lacking
from trueup_adapters.alpaca.symbols import Symbols
from trueup_adapters.alpaca.transport import Asks, NoReply, NoTurn, Transport, Urgent, library

SURFACES: Final[tuple[Surface, ...]] = ("positions", "open_orders", "order", "fills")
LAG_MS_MAX_DEFAULT: Final = 15_000
"""How stale an answer may be: orders and positions of one moment have been seen 10 s apart (L12)."""


class MarketClock(msgspec.Struct, frozen=True):
    """Whether the US market is open, as Alpaca says. Alpaca's times are evidence, never order (L46)."""

    is_open: bool | None
    """None: nobody could tell, and `why` says why."""
    why: str = ""
    timestamp: str = ""
    next_open: str = ""
    next_close: str = ""


class _Account(msgspec.Struct):
    account_number: str


class AlpacaBroker:
    """One account at Alpaca, over its Trading API (v2). A `trueup.ports.ActingBroker`; netting.

    Surfaces: `positions`, `open_orders`, `order`, `fills`. Actions: `cancel`, `place_stop`, `close_position`, refused
    outside the configured environment. docs/reference/alpaca.md has all of it.
    """

    def __init__(
        self,
        credentials: Credentials | tuple[str, str],
        *,
        environment: str = "paper",
        account: str | None = None,
        url: str | None = None,
        insecure: bool = False,
        read_only: bool = False,
        timeout_ms: int | None = None,
        lag_ms_max: int | Mapping[Surface, int] = LAG_MS_MAX_DEFAULT,
        aliases: Mapping[str, str] | None = None,
        canonical: Callable[[str], str] | None = None,
        strategies: Mapping[str, str] | None = None,
        execution_ids: str = "activity",
        stop_limit_slack: Decimal | str | None = None,
        limiter: Limiter | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Connects to nothing yet: the first question does.

        credentials       the key's id and its secret
        environment       `paper` or `live`; everything that is not of it is refused
        account           `alpaca:` and the account's number; then nothing is believed or done before Alpaca has said
                          that these keys are that account's (L32)
        url               the API's address, where it is not Alpaca's own: a proxy, or `trueup.testing.alpaca`
        insecure          accept plain HTTP that leaves this machine
        read_only         refuse every action
        timeout_ms        after how long one attempt fails by itself; None leaves it to whoever asks
        lag_ms_max        how stale its answers may be, in ms, for all surfaces or for each
        aliases           spelling to the one name of a symbol, before any rule
        canonical         a further translation of every name, such as a policy's `canonical`
        strategies        how a client id begins, to the strategy whose order that is
        execution_ids     by which id a fill is known: the whole `activity`'s, or that of the `execution` within it; the
                          fills that the process records have to bear the same one
        stop_limit_slack  for pairs, which have no plain stop: how far behind the stop the limit lies, a fraction
        limiter           one that several brokers of one account share; 200 requests a minute by default
        clock             time, for tests

        Raises InputError when one of these cannot be meant, TrueupError where aiohttp is not installed.
        """
        library()
        world = checked_environment(environment)
        keys = credentials if isinstance(credentials, Credentials) else Credentials(*credentials)
        if why := other_key(keys.key_id, world):
            raise InputError(why)
        if timeout_ms is not None and timeout_ms < 1:
            raise InputError(f"timeout_ms is {timeout_ms}; it must be at least 1, or None")
        time = clock or SystemClock()
        self.environment: Environment = world
        self._number = _number_of(account)
        self._url = checked_url(url, world, insecure=insecure)
        self._transport = Transport(self._url, keys, world, limiter or Limiter(time), time)
        reading = Reading(Symbols(aliases, canonical), dict(strategies or {}), _ids_of(execution_ids))
        self._asking = Asking(self._transport, reading, time)
        self._acting = Acting(self._transport, reading, time, _slack_of(stop_limit_slack))
        self._timeout_ms = timeout_ms
        self._verified = False
        self._capabilities = Capabilities(
            source="alpaca",
            position_mode="netting",
            surfaces=frozenset(SURFACES),
            lag_ms_max=_lags(lag_ms_max),
            actions=frozenset() if read_only else ACTIONS,
            can_reduce_only=not read_only,
            certain=frozenset(SURFACES),
        )

    def __repr__(self) -> str:
        return f"AlpacaBroker({self._url!r}, environment={self.environment!r})"

    @property
    def capabilities(self) -> Capabilities:
        """Known without asking anybody; never changes."""
        return self._capabilities

    @property
    def connections(self) -> int:
        """How many times Alpaca has come within reach; after growth a full pass is due (L10)."""
        return self._transport.connections

    # -- asking --------------------------------------------------------------------------------------------

    async def ask(self, question: Question) -> Answer:
        """One attempt at `question`. Never raises for what the outside does; may be cancelled at any point."""
        if question.surface not in SURFACES:
            return unsupported(f"this adapter does not ask Alpaca for {question.surface}")
        if question.surface == "order" and not (question.order_id or question.client_order_id):
            return failed("not asked: an order is looked up by order_id or by client_order_id, and neither is given")
        return await self._asked(lambda: self._put(question))

    def _put(self, question: Question) -> Awaitable[Answer]:
        if question.surface == "positions":
            return self._asking.positions()
        if question.surface == "open_orders":
            return self._asking.orders("open")
        if question.surface == "order":
            return self._asking.order(question)
        return self._asking.fills(question.since_ns)

    async def position(self, symbol: str) -> Answer:
        """The live position in one symbol: a complete answer without one says flat, a failed one says nothing."""
        return await self._asked(lambda: self._asking.position(symbol))

    async def recent_orders(self, *, created_after: str) -> Answer:
        """All orders, ended ones too, that were *created* after a moment (ISO 8601). An order of before that filled
        since is not among them: absence here says nothing of it (L08)."""
        return await self._asked(lambda: self._asking.orders("all", created_after))

    async def market_clock(self) -> MarketClock:
        """Whether the US market is open."""
        try:
            async with asyncio.timeout(self._seconds()):
                reply = await self._transport.get("/v2/clock")
        except (TimeoutError, NoReply) as none:
            return MarketClock(None, str(none) or self._silence())
        if why := why_not(reply):
            return MarketClock(None, why)
        try:
            clock = msgspec.json.decode(reply.body, type=_Clock)
        except MALFORMED as error:
            return MarketClock(None, f"the reply is no clock: {printable(str(error))[:120]}")
        return MarketClock(clock.is_open, "", clock.timestamp, clock.next_open, clock.next_close)

    async def _asked(self, put: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            async with asyncio.timeout(self._seconds()):
                if self._number is not None and (why := await self._of_another(self._transport)):
                    return failed(why)
                return await put()
        except TimeoutError:
            return failed(self._silence())
        except NoReply as none:
            return failed(str(none))

    # -- acting --------------------------------------------------------------------------------------------

    async def act(self, action: Action) -> Outcome:
        """Ask for `action`, once and never again by itself (L21, L27). Never raises for what the outside does.

        Whoever cancels it may not conclude that nothing was done.
        """
        if not self._capabilities.actions:
            return not_sent("this adapter is read-only")
        if why := self._transport.refused or lacking(action):
            return not_sent(why)
        try:
            async with asyncio.timeout(self._seconds()):
                if why := await self._of_another(Urgent(self._transport)):
                    return not_sent(why)
                if action.kind == "cancel":
                    return await self._acting.cancel(action)
                return await self._acting.order(action)
        except TimeoutError:
            return unknown(self._silence())
        except NoTurn as none:
            return not_sent(str(none))
        except NoReply as none:
            return unknown(str(none) if none.sent else f"not sent: {none}")

    async def _of_another(self, transport: Asks) -> str:
        """Why what answers is not the account that is meant; '' where it is. Raises NoReply where nobody answers."""
        if self._verified:
            return ""
        reply = await transport.get("/v2/account")
        if why := why_not(reply):
            raise NoReply(f"whose account this is could not be read: {why}", sent=False)
        try:
            number = msgspec.json.decode(reply.body, type=_Account).account_number
        except MALFORMED as error:
            raise NoReply(
                f"whose account this is could not be read: {printable(str(error))[:120]}", sent=False
            ) from error
        if self._number is not None and number != self._number:
            return f"these keys are those of account {printable(number)[:64]}, and not of {self._number}"
        if why := other_account(printable(number)[:64], self.environment, self._url):
            return why
        self._verified = True
        return ""

    def _seconds(self) -> float | None:
        return None if self._timeout_ms is None else self._timeout_ms / 1000

    def _silence(self) -> str:
        return f"no reply within {self._timeout_ms} ms from {self._url}"

    async def close(self) -> None:
        """Let go of everything, promptly. Afterwards every question fails."""
        await self._transport.close()


class _Clock(msgspec.Struct):
    is_open: bool
    timestamp: str = ""
    next_open: str = ""
    next_close: str = ""


def _number_of(account: str | None) -> str | None:
    if account is None:
        return None
    source, _, number = account_of(account).partition(":")
    if source != "alpaca":
        raise InputError(f"account is {account!r}; one at Alpaca is like 'alpaca:PA3X'")
    return number


def _ids_of(execution_ids: str) -> ExecutionIds:
    if execution_ids == "activity":
        return "activity"
    if execution_ids == "execution":
        return "execution"
    raise InputError(f"execution_ids is {execution_ids[:40]!r}; it is 'activity' or 'execution'")


def _slack_of(slack: Decimal | str | None) -> Decimal | None:
    if slack is None:
        return None
    number = exact(slack, what="stop_limit_slack")
    if not 0 < number < 1:
        raise InputError(f"stop_limit_slack is {number}; it is a fraction between 0 and 1, for example '0.01'")
    return number


def _lags(given: int | Mapping[Surface, Any]) -> Mapping[Surface, int]:
    """For each surface; what is not named has the default. Raises InputError."""
    lags: dict[Surface, int] = dict.fromkeys(SURFACES, given if isinstance(given, int) else LAG_MS_MAX_DEFAULT)
    for surface, lag in () if isinstance(given, int) else given.items():
        if surface not in SURFACES:
            raise InputError(f"lag_ms_max names {surface!r}; Alpaca's surfaces are {', '.join(SURFACES)}")
        lags[surface] = int(lag)
    if any(lag < 0 for lag in lags.values()):
        raise InputError(f"lag_ms_max is {given}; it must be at least 0")
    return lags
