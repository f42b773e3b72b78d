"""Where may Alpaca be, which of its two worlds is that, and may anything be written there?

Paper and live are the same API on two hosts, and an order for the one that reaches the other costs real money. So the
environment is named by whoever configures the adapter, and checked at every door: the URL, the key, the account that
answers, and once more where a request leaves (law 9).
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from trueup.errors import InputError
from trueup_adapters.loopback import is_loopback

Environment: TypeAlias = Literal["paper", "live"]
URL_OF: Final[dict[Environment, str]] = {
    "paper": "https://paper-api.alpaca.markets",
    "live": "https://api.alpaca.markets",
}
_ENVIRONMENT_OF: Final[dict[str, Environment]] = {
    "paper-api.alpaca.markets": "paper",
    "api.alpaca.markets": "live",
}
_KEYS_OF: Final[dict[str, Environment]] = {"PK": "paper", "AK": "live"}
PAPER_ACCOUNTS: Final = "PA"
"""How the numbers of paper accounts begin."""


def checked_environment(environment: str) -> Environment:
    """`environment` if it is one of the two. Raises InputError."""
    if environment == "paper":
        return "paper"
    if environment == "live":
        return "live"
    raise InputError(f"environment is {environment[:40]!r}; it is 'paper' or 'live'")


def checked_url(url: str | None, environment: Environment, *, insecure: bool) -> str:
    """The base URL, without a version; Alpaca's own where None is given.

    Raises InputError for what is no URL, for the host of the other environment, for one that carries credentials,
    and for plain HTTP that leaves this machine without `insecure`.
    """
    if url is None:
        return URL_OF[environment]
    split = urlsplit(url.strip())
    if split.scheme not in ("http", "https") or not split.hostname:
        raise InputError(f"{url[:120]!r} is no address of Alpaca's API; give one like {URL_OF[environment]!r}")
    if split.username or split.password or split.query or split.fragment:
        raise InputError("the address of Alpaca's API carries credentials or a query; give keys by themselves")
    if split.path.rstrip("/") not in ("", "/v2"):
        raise InputError(f"{url[:120]!r} has the path {split.path[:40]!r}; give the address without one")
    if why := other_world(split.hostname, environment):
        raise InputError(why)
    if split.scheme == "http" and not insecure and not is_loopback(split.hostname):
        raise InputError(
            f"{url[:120]!r} is plain HTTP to another machine: keys and orders would go in the clear. "
            "Give an https address, or accept that with insecure=True."
        )
    return f"{split.scheme}://{split.netloc}"


def other_world(host: str, environment: Environment) -> str:
    """Why nothing may be written to a host under this environment; '' where it may."""
    found = _ENVIRONMENT_OF.get(host.lower().rstrip("."))
    if found is None or found == environment:
        return ""
    return (
        f"{host} is Alpaca's {found} environment, and this adapter is configured for {environment}: nothing is sent "
        f"there. Say environment={found!r} if that is what you mean."
    )


def other_key(key_id: str, environment: Environment) -> str:
    """Why a key does not belong to this environment, as far as its beginning tells; '' where it may."""
    found = _KEYS_OF.get(key_id[:2])
    if found is None or found == environment:
        return ""
    return (
        f"the key {key_id[:4]}... is one of a {found} account, and this adapter is configured for {environment}. "
        f"Give a {environment} key, or say environment={found!r}."
    )


def other_account(number: str, environment: Environment, url: str) -> str:
    """Why an account is not of this environment; '' where it is, or where Alpaca's own host has decided that."""
    if (urlsplit(url).hostname or "") in _ENVIRONMENT_OF:
        return ""
    found: Environment = "paper" if number.startswith(PAPER_ACCOUNTS) else "live"
    if found == environment:
        return ""
    return f"account {number} at {url} is a {found} account, and this adapter is configured for {environment}"
