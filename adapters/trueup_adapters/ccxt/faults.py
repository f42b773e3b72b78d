"""What does an exception of ccxt mean, and how is it told without anybody's keys?

ccxt's exceptions are told apart by name, so that nothing needs ccxt to be imported. Their texts hold whole addresses,
and with some exchanges those hold a key and a signature: queries and every secret of the exchange object are taken
out before a text is repeated anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

from trueup_adapters.ccxt.rows import printable

Meaning: TypeAlias = Literal["not found", "unsupported", "refused", "duplicate", "slow down", "unknown"]

_REFUSED: Final = frozenset(
    {"InsufficientFunds", "InvalidOrder", "BadRequest", "AuthenticationError", "ArgumentsRequired", "OperationRejected"}
    | {"InvalidAddress", "InvalidProxySettings"}
)
"""The exchange, or ccxt before it sent anything, said no."""
_SECRETS: Final = (
    "apiKey",
    "secret",
    "password",
    "uid",
    "login",
    "privateKey",
    "walletAddress",
    "accountId",
    "token",
    "twofa",
)
_SECRET_LENGTH_MIN: Final = 4
_QUERY: Final = re.compile(r"\?[^\s\"']+")


def meaning_of(error: BaseException) -> Meaning:
    """What an exception of ccxt says about what was asked. What nobody knows is `unknown`."""
    names = {one.__name__ for one in type(error).__mro__}
    if "OrderNotFound" in names:
        return "not found"
    if "DuplicateOrderId" in names or ("ExchangeError" in names and "duplicate" in str(error).lower()):
        return "duplicate"
    if "NotSupported" in names:
        return "unsupported"
    if names & {"RateLimitExceeded", "DDoSProtection"}:
        return "slow down"
    return "refused" if names & _REFUSED else "unknown"


def wants_symbol(error: BaseException) -> bool:
    """Whether ccxt did not ask because it was given no symbol."""
    return type(error).__name__ == "ArgumentsRequired" and "symbol" in str(error)


def secrets_of(exchange: Any) -> tuple[str, ...]:
    """Every secret that the exchange object holds, the longest first."""
    held = (getattr(exchange, name, None) for name in _SECRETS)
    return tuple(
        sorted({s for s in held if isinstance(s, str) and len(s) >= _SECRET_LENGTH_MIN}, key=len, reverse=True)
    )


def hushed(text: str, secrets: Iterable[str]) -> str:
    """`text` without queries and secrets, bounded and printable."""
    text = _QUERY.sub("?…", text)
    for secret in secrets:
        text = text.replace(secret, "***")
    return printable(text)


def hushed_raw(raw: bytes, secrets: Iterable[str]) -> bytes:
    """A raw reply without secrets: some exchanges repeat the key in what they answer."""
    for secret in secrets:
        raw = raw.replace(secret.encode(), b"***")
    return raw


def told(error: BaseException, secrets: Iterable[str]) -> str:
    """An exception as one clear sentence."""
    name = type(error).__name__
    return f"{name}: {hushed(str(error), secrets)}" if str(error) else name
