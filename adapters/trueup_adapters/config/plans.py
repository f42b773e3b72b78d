"""What exactly is run, for each account, once flags, environment and file have all spoken?

Flags win over the environment, the environment over the file, the file over what is built in. Real money is asked for
twice: `live` has to be said by two of file, flag and environment, and contradicted by none. All problems are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final, Literal, cast

import msgspec
from msgspec.structs import replace

from trueup.errors import InputError
from trueup.model import PositionMode
from trueup.policy import Policy
from trueup_adapters.config.keys import ENVIRONMENT
from trueup_adapters.config.reading import (
    AccountSettings,
    BookSettings,
    ChannelSettings,
    Configuration,
    Environment,
    LogSettings,
    MetricsSettings,
)
from trueup_adapters.logs.secrets import hidden, hide_address, hide_environment, hide_password
from trueup_adapters.mt5.address import timeout_ms_from, url_from
from trueup_adapters.mt5.key_files import SECRET, SERVER

_YES: Final = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says; None: nothing."""

    account: str | None = None
    broker: str | None = None
    store: str | None = None
    mode: PositionMode | None = None
    policy: Policy | None = None
    baseline: bool | None = None
    insecure: bool | None = None
    curve_server: str | None = None
    curve_secret_file: str | None = None
    durability: Literal["full", "normal"] | None = None
    timeout_ms: int | None = None
    interval_s: int | None = None
    live: bool = False
    dry_run: bool | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is run for one account, every question answered but how the journal keys its positions already."""

    account: str
    store: str
    broker: str | None
    """None: what is built in, an MT5 gateway on this machine."""
    book: BookSettings | None
    """Where the bot keeps its own book, with its address; None: nowhere, or it embeds trueup."""
    policy: Policy
    environment: Environment | None
    """None: nobody says; an adapter that knows two goes to the harmless one."""
    dry_run: bool
    mode: PositionMode | None
    baseline: bool
    insecure: bool
    durability: Literal["full", "normal"]
    timeout_ms: int | None
    curve_server: str | None = None
    """An MT5 gateway's public key."""
    curve_secret_file: str | None = None
    """Where ours is; None: in the environment, if anywhere."""

    @property
    def writes_book(self) -> bool:
        """Whether corrections are written into the bot's own book: never in a rehearsal."""
        return self.book is not None and self.book.write and not self.dry_run


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """All that is run in one process."""

    plans: tuple[Plan, ...]
    channels: tuple[ChannelSettings, ...]
    """Each with its address."""
    metrics: MetricsSettings
    logs: LogSettings
    views: bool
    views_file: str | None


def planned(said: Configuration, flags: Flags, environ: Mapping[str, str]) -> Planned:
    """Flags, environment and file as one. Raises InputError, which names every problem, one a line."""
    hide_environment(environ)
    problems = _misspelled(environ)
    accounts = _chosen(said, flags, environ, problems)
    plans = tuple(_plan(one, said, flags, environ, problems) for one in accounts)
    metrics = replace(said.metrics, port=_whole("TRUEUP_METRICS_PORT", environ, said.metrics.port, 65_535, problems))
    logs = LogSettings(
        _word("TRUEUP_LOG_FORMAT", environ, said.logs.format, ("text", "json"), problems),
        cast(str, _word("TRUEUP_LOG_LEVEL", environ, said.logs.level, ("debug", "info", "warning", "error"), problems)),
    )
    channels = _channels(said, environ, problems)
    if problems:
        raise InputError("\n".join(dict.fromkeys(hidden(one) for one in problems)))
    return Planned(
        plans=tuple(one for one in plans if one is not None), channels=channels, metrics=metrics, logs=logs,
        views=said.views, views_file=said.views_file,
    )  # fmt: skip


# -- accounts ------------------------------------------------------------------------------------------------------


def _chosen(
    said: Configuration, flags: Flags, environ: Mapping[str, str], problems: list[str]
) -> tuple[AccountSettings, ...]:
    """The accounts that are meant: all that the file lists, or the one that flag or environment name."""
    name = flags.account or _text("TRUEUP_ACCOUNT", environ)
    if not said.several:
        return (replace(said.accounts[0], account=name or said.accounts[0].account),)
    if name is not None:
        found = tuple(one for one in said.accounts if one.account == name)
        if not found:
            listed = ", ".join(str(one.account) for one in said.accounts)
            problems.append(f"account {name} is none of those under [[accounts]]: {listed}")
        return found
    if len(said.accounts) > 1:
        for flag, value in (("--broker", flags.broker), ("TRUEUP_BROKER", _text("TRUEUP_BROKER", environ))):
            if value is not None:
                problems.append(f"{flag} names one broker, and there are several accounts; choose one with --account")
    return said.accounts


def _plan(
    one: AccountSettings, said: Configuration, flags: Flags, environ: Mapping[str, str], problems: list[str]
) -> Plan | None:
    store = flags.store or _text("TRUEUP_STORE", environ) or one.store
    if one.account is None:
        problems.append("whose book it is nobody says; give --account, such as mt5:5001, or name it in --config")
    if store is None:
        problems.append("where the journal is nobody says; give --store, such as sqlite:///trueup.db")
    gateway = None if said.several and one.broker is not None else _gateway(environ)
    broker = flags.broker or _text("TRUEUP_BROKER", environ) or gateway or one.broker
    own_keys = said.several and one.curve_server is not None  # as with GTW_HOST: the environment has one gateway
    curve = {} if own_keys else {name: _text(name, environ) for name in (SERVER, SECRET)}
    for address in (store, broker):
        hide_password(address)
    timeout_ms, interval_s = flags.timeout_ms, flags.interval_s
    try:
        timeout_ms = timeout_ms or timeout_ms_from(environ) or one.timeout_ms
        interval_s = interval_s or interval_from(environ)
    except InputError as error:
        problems.append(str(error))
    policy = flags.policy or one.policy
    if interval_s is not None:
        policy = replace(policy, sync_interval_s=interval_s)
    if timeout_ms is not None:
        policy = replace(policy, broker_timeout_s=-(-timeout_ms // 1000))
    environment = _environment(one, flags, environ, problems)
    dry_run = _yes("TRUEUP_DRY_RUN", environ, problems) if flags.dry_run is None else flags.dry_run
    if one.account is None or store is None:
        return None
    return Plan(
        account=one.account,
        store=store.replace("{account}", one.account.replace(":", "-")),
        broker=broker,
        book=_book(one, environ, problems),
        policy=policy,
        environment=environment,
        dry_run=bool(one.dry_run if dry_run is None else dry_run),
        mode=flags.mode or one.mode,
        baseline=_first(flags.baseline, one.baseline, built_in=True),
        insecure=_first(flags.insecure, one.insecure, built_in=False),
        durability=flags.durability or said.durability or "full",
        timeout_ms=timeout_ms,
        curve_server=flags.curve_server or curve.get(SERVER) or one.curve_server,
        curve_secret_file=flags.curve_secret_file or (None if curve.get(SECRET) else one.curve_secret_file),
    )


def _book(one: AccountSettings, environ: Mapping[str, str], problems: list[str]) -> BookSettings | None:
    """The book with its address."""
    if one.book is None or one.book.url is not None or one.book.url_env is None:
        return one.book
    url = _text(one.book.url_env, environ)
    if url is None:
        problems.append(f"book: {one.book.url_env}, which should hold its address, is not set")
    hide_password(url)
    return replace(one.book, url=url)


def _first(*said: bool | None, built_in: bool) -> bool:
    return next((one for one in said if one is not None), built_in)


def _environment(
    one: AccountSettings, flags: Flags, environ: Mapping[str, str], problems: list[str]
) -> Environment | None:
    """Paper or live. Live takes two words that agree: a file that was copied, or a variable that was left over from
    yesterday, must not be enough to touch real money."""
    named = _word("TRUEUP_ENVIRONMENT", environ, None, ("paper", "live"), problems)
    words = {"the file": one.environment, "--live": "live" if flags.live else None, "TRUEUP_ENVIRONMENT": named}
    given = {where: word for where, word in words.items() if word is not None}
    who = one.account or "this account"
    if len(set(given.values())) > 1:
        told = ", ".join(f"{where} says {word}" for where, word in given.items())
        problems.append(f"{who}: is it live or paper? {told}; make them agree")
        return None
    if "live" in given.values() and len(given) < 2:
        problems.append(
            f"{who}: live is said once, by {next(iter(given))}, and real money takes two words: write "
            'environment = "live" in the file, and give --live or set TRUEUP_ENVIRONMENT=live'
        )
        return None
    return cast("Environment | None", next(iter(given.values()), None))


# -- the environment -----------------------------------------------------------------------------------------------


def _gateway(environ: Mapping[str, str]) -> str | None:
    """The MT5 gateway that the environment names; None where it names none."""
    named = environ.get("GTW_HOST", "").strip() or environ.get("GTW_PORT", "").strip()
    return url_from(environ) if named else None


def interval_from(environ: Mapping[str, str]) -> int | None:
    """SYNC_INTERVAL_SEC, or None where it is not set. Raises InputError for what is no number of seconds."""
    text = environ.get("SYNC_INTERVAL_SEC", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 86_400 and len(text) < 9):
        raise InputError(f"SYNC_INTERVAL_SEC is {text[:40]!r}; it must be a whole number of seconds from 1 to 86400")
    return int(text)


def _channels(said: Configuration, environ: Mapping[str, str], problems: list[str]) -> tuple[ChannelSettings, ...]:
    """The channels with their addresses, those of TRUEUP_ALERTS after those of the file."""
    found: list[ChannelSettings] = []
    for one in said.alerts.channels:
        url = one.url
        if url is None and one.url_env is not None:
            url = _text(one.url_env, environ)
            if url is None:
                problems.append(f"alert channel {one.name}: {one.url_env}, which should hold its address, is not set")
        found.append(replace(one, url=url))
    for number, url in enumerate(environ.get("TRUEUP_ALERTS", "").split(), 1):
        alerts = said.alerts
        found.append(ChannelSettings(name=f"env-{number}", url=url, severity=alerts.severity, resolved=alerts.resolved))
    for one in found:
        hide_address(one.url or "")
    return tuple(found)


def _misspelled(environ: Mapping[str, str]) -> list[str]:
    """Names of ours that are nearly a variable that is read. Others that begin like ours are somebody else's."""
    known = [one.name for one in ENVIRONMENT]
    problems: list[str] = []
    for name in sorted(environ):
        if name.startswith("TRUEUP_") and name not in known:
            near = get_close_matches(name, known, 1, cutoff=0.87)
            if near:
                problems.append(f"environment: nothing reads {name}; did you mean {near[0]}?")
    return problems


def _text(name: str, environ: Mapping[str, str]) -> str | None:
    return environ.get(name, "").strip() or None


def _word(
    name: str, environ: Mapping[str, str], otherwise: str | None, words: tuple[str, ...], problems: list[str]
) -> str | None:
    text = _text(name, environ)
    if text is None:
        return otherwise
    if text.lower() not in words:
        problems.append(f"{name} is {text[:40]!r}; it must be one of {', '.join(words)}")
        return otherwise
    return text.lower()


def _whole(name: str, environ: Mapping[str, str], otherwise: int | None, most: int, problems: list[str]) -> int | None:
    text = _text(name, environ)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and int(text[:12]) <= most):
        problems.append(f"{name} is {text[:40]!r}; it must be a whole number from 0 to {most}")
        return otherwise
    return int(text)


def _yes(name: str, environ: Mapping[str, str], problems: list[str]) -> bool | None:
    text = _text(name, environ)
    if text is None:
        return None
    if text.lower() not in _YES:
        problems.append(f"{name} is {text[:40]!r}; it must be 1 or 0")
        return None
    return _YES[text.lower()]
