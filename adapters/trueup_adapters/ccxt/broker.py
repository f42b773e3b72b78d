"""How does trueup ask a crypto exchange? `CcxtBroker` joins ccxt and the reading of what it makes of the answers.

Whatever the exchange does becomes an `Answer` or an `Outcome`; nothing of it is raised. What raises is only what the
caller got wrong, and at construction.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Self, TypeVar

from msgspec.structs import replace

from trueup.errors import InputError
from trueup.model import PositionMode, exact
from trueup.ports import Action, Answer, Capabilities, Outcome, Question, failed, unsupported
from trueup_adapters.ccxt.acting import Acting, NotSent
from trueup_adapters.ccxt.asking import Asking
from trueup_adapters.ccxt.connecting import Connections
from trueup_adapters.ccxt.exchange import Kind, Offers, offers
from trueup_adapters.ccxt.faults import hushed_raw, meaning_of, secrets_of, told
from trueup_adapters.ccxt.guarding import guard
from trueup_adapters.ccxt.hearing import TOO_MANY, Heard, NoAnswer, hearing, listen, raw_of
from trueup_adapters.ccxt.markets import Reading
from trueup_adapters.ccxt.memory import Memory
from trueup_adapters.ccxt.rows import row_in

T = TypeVar("T")

LAG_MS_MAX_DEFAULT: Final = 15_000
"""How stale an exchange's answer may be (DESIGN 7): its surfaces were seen to disagree for up to 10 s (L12)."""
PAUSE_S: Final = 5.0
"""How long nothing is asked after the exchange said "too many requests" and did not say for how long."""
PAUSE_S_MAX: Final = 120.0
MARKETS_S: Final = 3600.0
"""How old the list of markets must be before a refused row lets it be loaded anew: a new listing is unknown to it."""


class CcxtBroker:
    """One account at one exchange, through an object of `ccxt.async_support`. A `trueup.ports.ActingBroker`.

    Surfaces and actions are those that the exchange declares to have; docs/reference/ccxt.md has all of it. The
    exchange object should be this broker's own: its numbers stay text, and its answers are listened to. It is
    used on one event loop, the one in which it is first asked.
    """

    def __init__(
        self,
        exchange: Any,
        *,
        market: Kind,
        position_mode: PositionMode = "netting",
        quotes: Sequence[str] = (),
        symbols: Sequence[str] = (),
        scopes: Sequence[Mapping[str, object]] = ({},),
        contract_sizes: Mapping[str, Decimal | str | int] | None = None,
        canonical: Callable[[str], str] | None = None,
        net_of_base_fees: bool = True,
        lag_ms_max: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Asks nothing yet.

        exchange          an object of one of `ccxt.async_support`'s classes, with its keys
        market            `contracts` (positions), or `spot` (a holding for each coin)
        position_mode     `netting` for one-way mode; `hedging` where a symbol has a long and a short leg
        quotes            on spot, the coins that are money; the first one names the symbols, `LTC/USDT`
        symbols           what is traded, in ccxt's spelling; for exchanges that answer by symbol
        scopes            parameters of ccxt that choose a part of the account, one mapping a part; every question is
                          asked for each (`{"settleCoin": "USDC"}`, `{"subType": "inverse"}`)
        contract_sizes    how much one contract of a symbol must be, by ccxt's spelling; another size is refused
        canonical         the one name of a symbol; a policy's `canonical`
        net_of_base_fees  on spot, executions say what they did to the holding: a fee in the coin is taken off (L37)
        lag_ms_max        how stale its answers may be, in ms; 15,000 by default
        clock             monotonic seconds

        Raises InputError when one of these cannot be meant.
        """
        _check(exchange, market, position_mode, quotes, scopes, lag_ms_max)
        self._exchange: Any = exchange
        _prepare(exchange)
        self._secrets = secrets_of(exchange)
        self._clock = clock
        self._pause_until = 0.0
        self._markets_from: float | None = None
        self._markets_lack = False
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections = Connections(self._exchange, clock)
        offered = offers(self._exchange, market)
        reading = Reading(
            position_mode=position_mode,
            exchange=str(self._exchange.id),
            contract_size=self._contract_size,
            contract_sizes={
                symbol: exact(size, what=f"contract_sizes[{symbol!r}]")
                for symbol, size in (contract_sizes or {}).items()
            },
            canonical=canonical,
            quotes=tuple(quotes),
            net_of_base_fees=net_of_base_fees and market == "spot",
        )
        memory = Memory(symbols)
        self._asking = Asking(
            self._exchange, kind=market, reading=reading, offers=offered, scopes=tuple(scopes), memory=memory
        )
        self._acting = Acting(
            self._exchange,
            kind=market,
            reading=reading,
            asking=self._asking,
            memory=memory,
            secrets=self._secrets,
            apart=len(offered.order_variants) > 1,
            slow_down=self._pause,
        )
        lag = LAG_MS_MAX_DEFAULT if lag_ms_max is None else lag_ms_max
        self._capabilities = _capabilities(self._exchange.id, market, position_mode, offered, lag)

    @classmethod
    def of(cls, name: str, config: Mapping[str, object], **options: Any) -> Self:
        """A broker for the exchange that ccxt calls `name`, such as `bybit`; `config` as ccxt takes it, `options` as
        this class does. Raises InputError where ccxt is not installed, knows no such exchange, or knows no sandbox of
        it although `config` asks for one."""
        try:
            ccxt: Any = importlib.import_module("ccxt.async_support")
        except ImportError as error:
            raise InputError('ccxt is not installed: pip install "trueup[ccxt]"') from error
        made = getattr(ccxt, name, None) if name in ccxt.exchanges else None
        if made is None:
            raise InputError(f"ccxt knows no exchange {name!r}; see ccxt.exchanges for those that it knows")
        try:
            exchange = made(dict(config))
        except Exception as error:
            if config.get("sandbox"):  # ccxt stumbles over the addresses that an exchange without a sandbox lacks
                raise InputError(f"ccxt knows no sandbox of {name}: give it keys that may read only") from error
            raise InputError(f"ccxt cannot make a {name} of this configuration: {type(error).__name__}") from error
        settings = row_in(exchange.options) or {}
        if config.get("sandbox") and not (exchange.isSandboxModeEnabled or settings.get("sandboxMode")):
            raise InputError(f"ccxt did not take {name} to its sandbox")  # what was meant as play is never real
        return cls(exchange, **options)

    def __repr__(self) -> str:
        return f"CcxtBroker({self._exchange.id!r}, position_mode={self._capabilities.position_mode!r})"

    @property
    def capabilities(self) -> Capabilities:
        """Known without asking anybody; never changes."""
        return self._capabilities

    @property
    def connections(self) -> int:
        """How many times a connection has come about; after growth a full pass is due (L10)."""
        return self._connections.count

    def _contract_size(self, symbol: str) -> object:
        market = row_in((row_in(self._exchange.markets) or {}).get(symbol))
        return None if market is None else market.get("contractSize")

    # -- asking --------------------------------------------------------------------------------------------

    async def ask(self, question: Question) -> Answer:
        """One attempt at `question`. Never raises for what the outside does; may be cancelled at any point."""
        if question.surface not in self._capabilities.surfaces:
            return unsupported(f"{self._exchange.id} does not offer {question.surface} through ccxt")
        if (why := self._not_now()) is not None:
            return failed(f"not asked: {why}")
        with self._connections.question():
            return await self._asked(question)

    async def _asked(self, question: Question) -> Answer:
        with hearing() as heard:
            try:
                await self._connect()
            except Exception as error:  # noqa: BLE001 - a broker that fails is a fact (law 4)
                return self._failed(error, heard)
        with hearing() as heard:
            try:
                answer = await self._put_by_symbol(question)
            except Exception as error:  # noqa: BLE001 - a broker that fails is a fact (law 4)
                return self._failed(error, heard)
        self._connections.answered()
        self._markets_lack = self._markets_lack or bool(answer.refused)
        return replace(answer, raw=hushed_raw(answer.raw, self._secrets))

    async def _connect(self) -> None:
        """The list of markets, without which ccxt reads nothing: loaded once, and again when rows were refused long
        after, for they may be of markets that it lacks (L03)."""
        self._connections.watch()
        now = self._clock()
        old = self._markets_from is not None and now - self._markets_from >= MARKETS_S
        reload = old and self._markets_lack
        if reload or self._markets_from is None:
            await self._as_text(lambda: self._exchange.load_markets(reload))
            self._markets_from, self._markets_lack = now, False

    async def _put_by_symbol(self, question: Question) -> Answer:
        """The answer; asked again, once, where it turns out that the exchange wants a symbol."""
        try:
            return await self._as_text(lambda: self._put(question))
        except Exception as error:
            if not self._asking.may_ask_again(question, error):
                raise
        return await self._as_text(lambda: self._put(question))

    async def _as_text(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What is asked, with numbers left as text; asked again with floats where ccxt reckons with them and stumbles.

        Floats give way to the exchange's own digits wherever a row is read (L35).
        """
        try:
            return await ask()
        except TypeError:
            if self._exchange.number is not str:
                raise
        self._exchange.number = float
        try:
            return await ask()
        finally:
            self._exchange.number = str

    def _put(self, question: Question) -> Awaitable[Answer]:
        if question.surface == "positions":
            return self._asking.positions()
        if question.surface == "open_orders":
            return self._asking.open_orders()
        if question.surface == "order":
            return self._asking.order(question)
        return self._asking.fills(question, now_ms=time.time_ns() // 1_000_000)

    def _not_now(self) -> str | None:
        """Why nothing can be asked at the moment."""
        if self._closed:
            return "this broker was closed"
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            return "this broker belongs to another event loop; make one in each"
        left = self._pause_until - self._clock()
        return None if left <= 0 else f"the exchange asked for a pause; {left:.1f} s of it are left"

    def _failed(self, error: Exception, heard: Heard) -> Answer:
        raw = hushed_raw(raw_of(heard), self._secrets)
        meaning = meaning_of(error)
        if meaning == "slow down" or heard.codes & TOO_MANY:
            self._pause()
        if isinstance(error, NoAnswer):
            return failed(str(error), raw=raw, dialect="ccxt")
        if meaning == "unsupported":
            return unsupported(told(error, self._secrets), raw=raw)
        self._connections.failed(error)
        return failed(told(error, self._secrets), raw=raw, dialect="ccxt")

    def _pause(self) -> None:
        """Ask nothing for as long as the exchange says, within bounds."""
        headers = row_in(getattr(self._exchange, "last_response_headers", None)) or {}
        said = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
        seconds = (
            int(said) if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < 6 else PAUSE_S
        )
        self._pause_until = self._clock() + min(seconds, PAUSE_S_MAX)

    # -- acting --------------------------------------------------------------------------------------------

    async def act(self, action: Action) -> Outcome:
        """Ask for `action`, once and never again by itself (L21, L27). Never raises for what the outside does.

        Whoever cancels it may not conclude that nothing was done: that outcome is unknown too.
        """
        if action.kind not in self._capabilities.actions:
            return Outcome(state="rejected", why=f"not sent: {self._exchange.id} cannot do {action.kind} through ccxt")
        if (why := self._not_now()) is not None:
            return Outcome(state="unknown" if self._closed else "rejected", why=f"not sent: {why}")
        try:
            with self._connections.question():
                await self._connect()
                outcome = await self._acting.act(action)
        except NotSent as why_not:
            return Outcome(state="rejected", why=f"not sent: {why_not}")
        except Exception as error:  # noqa: BLE001 - it failed before anything was sent, or nobody knows
            self._failed(error, Heard())
            return Outcome(state="unknown", why=told(error, self._secrets))
        self._connections.answered()
        return replace(outcome, raw=hushed_raw(outcome.raw, self._secrets))

    async def close(self) -> None:
        """Let go of everything. Afterwards every question fails."""
        if not self._closed:
            self._closed = True
            await self._exchange.close()


def _capabilities(id: str, market: Kind, position_mode: PositionMode, offered: Offers, lag_ms: int) -> Capabilities:
    """What is declared of an exchange that offers this."""
    return Capabilities(
        source=f"ccxt-{id}",
        position_mode=position_mode,
        surfaces=offered.surfaces,
        lag_ms_max=dict.fromkeys(offered.surfaces, lag_ms),
        actions=offered.actions,
        can_reduce_only=market == "contracts",
    )


def _prepare(exchange: Any) -> None:
    """Make an exchange object answer as exactly, and ask as little, as is needed here."""
    listen(exchange)
    guard(exchange)
    exchange.number = str  # the text as it came; ccxt makes floats of it otherwise (L35), and loses Decimals
    exchange.enableRateLimit = True
    exchange.verbose = False  # it would print every request, keys and all
    exchange.logger = logging.Logger("trueup.ccxt", logging.WARNING)  # and so does its log of what it debugs
    # ccxt's own retries are off for good: nothing may be sent twice (L27), and the engine asks again itself.
    # And of all working orders at once it asks binance only when told that this counts as forty questions.
    quiet = {"maxRetriesOnFailure": 0, "warnOnFetchOpenOrdersWithoutSymbol": False}
    exchange.options = {**(row_in(exchange.options) or {}), **quiet}


def _check(
    exchange: Any,
    market: str,
    position_mode: str,
    quotes: Sequence[str],
    scopes: Sequence[Mapping[str, object]],
    lag_ms_max: int | None,
) -> None:
    """Raises InputError for what cannot be meant."""
    if not all(hasattr(exchange, name) for name in ("id", "has", "options", "load_markets", "close")):
        raise InputError(
            f"exchange is {type(exchange).__name__}; give an object of one of ccxt.async_support's classes"
        )
    if not inspect.iscoroutinefunction(exchange.load_markets):
        raise InputError(f"{exchange.id} is of ccxt's blocking classes; take the one of ccxt.async_support")
    if market not in ("spot", "contracts"):
        raise InputError(f"market is {market!r}; it is 'spot' or 'contracts'")
    if position_mode not in ("hedging", "netting"):
        raise InputError(f"position_mode is {position_mode!r}; it is 'hedging' or 'netting'")
    if market == "spot" and position_mode == "hedging":
        raise InputError("a spot account holds coins and has no legs: its position_mode is 'netting'")
    if market == "spot" and not quotes:
        raise InputError("a spot account needs quotes: which coins are money, for example quotes=('USDT',)")
    if not scopes:
        raise InputError("scopes is empty; give ({},) for an account without parts")
    if lag_ms_max is not None and lag_ms_max < 0:
        raise InputError(f"lag_ms_max is {lag_ms_max}; it must be at least 0")
