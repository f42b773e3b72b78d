"""Which adapter does a broker's address mean, and how is it made?

    tcp://host:port, ipc://...     an MT5 gateway
    alpaca://[paper|live]          Alpaca; keys in APCA_API_KEY_ID and APCA_API_SECRET_KEY, or ?key_file=PATH
    alpaca+http://127.0.0.1:PORT   something that speaks Alpaca's API
    ccxt://EXCHANGE?market=spot    an exchange that ccxt knows; keys in CCXT_API_KEY, CCXT_SECRET, CCXT_PASSWORD
    NAME://...                     an adapter that an installed package brings (`installed`)

What an exchange has to be told further stands in its address: `type` (ccxt's `defaultType`), `quotes`, `symbols`,
`scope=settleCoin=USDC` and `contract_size=BTC/USDT:USDT=0.01`, the last two as often as they are needed.

Adapters are imported only when they are asked for, and one that is not installed says which extra brings it. Keys are
never part of an address: addresses are shown, stored and committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from trueup.errors import InputError, TrueupError
from trueup.model import PositionMode, exact
from trueup.ports import Broker
from trueup_adapters.config.installed import GATEWAY, BrokerWanted, open_installed, scheme_of, unanswered
from trueup_adapters.config.plans import Plan
from trueup_adapters.logs.secrets import hidden, hide
from trueup_adapters.mt5 import Mt5Broker
from trueup_adapters.mt5.address import URL_DEFAULT
from trueup_adapters.mt5.key_files import curve_of

_CCXT_KEYS: Final = {"apiKey": "CCXT_API_KEY", "secret": "CCXT_SECRET", "password": "CCXT_PASSWORD"}
_CCXT_PARAMETERS: Final = ("market", "type", "quotes", "symbols")
_CCXT_PARTS: Final = ("scope", "contract_size")
_ALPACA_NUMBER: Final = re.compile(r"alpaca:(?:PA[0-9A-Z]{8,14}|[0-9]{8,14})\Z")
"""What Alpaca itself calls an account. `alpaca:mine` is a name that somebody gave it: no answer can be held to it."""


def address_of(plan: Plan) -> str:
    """Whom a plan asks."""
    return plan.broker or URL_DEFAULT


def mode_of(plan: Plan) -> PositionMode:
    """How an account keeps positions where neither plan nor journal say: most brokers net, MT5 usually hedges."""
    return "hedging" if scheme_of(address_of(plan)) in GATEWAY else "netting"


def open_broker(plan: Plan, mode: PositionMode, environ: Mapping[str, str] | None = None) -> Broker:
    """The broker of a plan; it connects to nothing yet.

    Raises InputError for an address that is none, unsafe, or of the other environment, TrueupError for a missing extra.
    """
    given = os.environ if environ is None else environ
    scheme = scheme_of(address_of(plan))
    if scheme == "alpaca":
        return _alpaca(plan, given)
    if scheme == "ccxt":
        return _ccxt(plan, mode, given)
    if scheme not in GATEWAY and "://" in address_of(plan):
        return _of_a_package(scheme, plan)
    return Mt5Broker(
        address_of(plan),
        position_mode=mode,
        timeout_ms=plan.timeout_ms,
        insecure=plan.insecure,
        curve=curve_of(plan.curve_server, plan.curve_secret_file, given),
        strategies=_strategies(plan),
        canonical=plan.policy.canonical,
    )


def _of_a_package(scheme: str, plan: Plan) -> Broker:
    """What an installed package makes of it. Raises InputError where none is called so."""
    why = unanswered(address_of(plan))
    if why is not None:
        raise InputError(f"broker {hidden(address_of(plan))[:80]!r}: {why}")
    return open_installed(
        scheme,
        BrokerWanted(
            address=address_of(plan), account=plan.account, mode=plan.mode, environment=plan.environment,
            timeout_ms=plan.timeout_ms,
        ),
    )  # fmt: skip


def _strategies(plan: Plan) -> dict[int | str, str]:
    return {mark: name for mark, name in plan.policy.strategies.items()}  # noqa: C416 - wider keys


def _parameters(address: str, known: tuple[str, ...], *, often: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """What stands behind the question mark. Raises InputError for a name that is not known, or is there twice."""
    found: dict[str, list[str]] = {}
    plain = address.partition("?")[0]
    for name, value in parse_qsl(urlsplit(address).query, keep_blank_values=True):
        if name not in (*known, *often):
            raise InputError(f"broker {plain}: there is no {name!r}; there are {', '.join((*known, *often))}")
        if name in found and name not in often:
            raise InputError(f"broker {plain}: {name} is there twice; say it once")
        found.setdefault(name, []).append(value)
    return found


def _scope_of(text: str) -> dict[str, object]:
    """`settleCoin=USDC,category=linear` as parameters of ccxt; '' is the account as it is asked without any."""
    found: dict[str, object] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise InputError(
                f"scope is {text[:80]!r}; write it like scope=settleCoin=USDC, with commas between several"
            )
        found[name] = {"true": True, "false": False}.get(value, value)
    return found


def _size_of(text: str) -> tuple[str, Decimal]:
    """`BTC/USDT:USDT=0.01`: a symbol in ccxt's spelling, and how much one contract of it must be."""
    symbol, _, size = text.rpartition("=")
    if not symbol:
        raise InputError(f"contract_size is {text[:80]!r}; write it like contract_size=BTC/USDT:USDT=0.01")
    return symbol, exact(size, what=f"contract_size of {symbol[:80]!r}")


def _alpaca(plan: Plan, environ: Mapping[str, str]) -> Broker:
    address = address_of(plan)
    plain, _, _ = address.partition("?")
    parameters = _parameters(address, ("key_file",))
    named = plain.partition("://")[2].strip("/").lower()
    settings: dict[str, Any] = {"insecure": plan.insecure}
    settings |= {name: values[0] for name, values in parameters.items()}
    if _ALPACA_NUMBER.match(plan.account):
        settings["account"] = plan.account  # whose keys these are is asked before anything is believed (L32)
    if "+" in plain.partition("://")[0]:
        settings["url"] = plain.partition("+")[2]
        settings["environment"] = plan.environment or "paper"
    else:
        settings["environment"] = _agreed(plan, named)
    if plan.timeout_ms is not None:
        settings["timeout_ms"] = plan.timeout_ms
    if plan.policy.strategies:
        settings["strategies"] = dict(plan.policy.strategies)
    try:
        from trueup_adapters.alpaca import from_config
    except ImportError as error:
        raise TrueupError(f'{plan.account}: Alpaca needs its extra; pip install "trueup[alpaca]"') from error
    aliases = any(one.aliases for one in plan.policy.instruments.values())
    return from_config(settings, environ=environ, canonical=plan.policy.canonical if aliases else None)


def _agreed(plan: Plan, named: str) -> str:
    """Paper or live, as address and configuration say together. Raises InputError where they do not."""
    if named not in ("", "paper", "live"):
        raise InputError(f"broker {hidden(address_of(plan))[:80]!r}: write alpaca://paper or alpaca://live")
    if named and plan.environment is not None and named != plan.environment:
        raise InputError(f"{plan.account}: the broker is alpaca://{named}, and environment says {plan.environment}")
    if named == "live" and plan.environment is None:
        raise InputError(
            f'{plan.account}: alpaca://live is real money, which takes two words: write environment = "live" in the '
            "file, and give --live or set TRUEUP_ENVIRONMENT=live"
        )
    return named or plan.environment or "paper"


def _ccxt(plan: Plan, mode: PositionMode, environ: Mapping[str, str]) -> Broker:
    address = address_of(plan)
    exchange = urlsplit(address).netloc.lower()
    parameters = _parameters(address, _CCXT_PARAMETERS, often=_CCXT_PARTS)
    once = {name: values[0] for name, values in parameters.items()}
    market = once.get("market", "contracts")
    if not exchange or market not in ("contracts", "spot"):
        raise InputError(
            f"broker {hidden(address)[:80]!r}: write ccxt://EXCHANGE?market=contracts, or market=spot&quotes=USDT"
        )
    if plan.environment is None:
        raise InputError(
            f'{plan.account}: an exchange has real money and, some of them, a sandbox: say environment = "paper" or '
            '"live" in the file'
        )
    try:
        from trueup_adapters.ccxt import CcxtBroker
    except ImportError as error:
        raise TrueupError(f'{plan.account}: ccxt needs its extra; pip install "trueup[ccxt]"') from error
    keys = {name: environ[variable].strip() for name, variable in _CCXT_KEYS.items() if environ.get(variable)}
    for secret in keys.values():
        hide(secret)
    options: dict[str, object] = {"options": {"defaultType": once["type"]}} if once.get("type") else {}
    return CcxtBroker.of(
        exchange,
        {**keys, **options, "sandbox": plan.environment == "paper"},
        market=market,
        position_mode=mode,
        quotes=tuple(filter(None, once.get("quotes", "").split(","))),
        symbols=tuple(filter(None, once.get("symbols", "").split(","))),
        scopes=tuple(map(_scope_of, parameters.get("scope", [""]))),
        contract_sizes=dict(map(_size_of, parameters.get("contract_size", ()))),
        canonical=plan.policy.canonical,
    )
