"""What does a configuration file say, and where exactly is it wrong?

One TOML file: settings at the top, `[policy]` and what belongs to it, `[[accounts]]`, `[alerts]`, `[metrics]`,
`[logs]`, `[views]`. All problems are told at once, each with file, line, key, what is wrong with the value and the
nearest key that exists. Values of secret keys are never shown.
"""

from __future__ import annotations

from collections.abc import Mapping as Entries
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec

from trueup.decisions import Severity
from trueup.errors import InputError, PolicyError
from trueup.journal.urls import location
from trueup.model import PositionMode, account_of
from trueup.policy import Policy
from trueup.policy_file import Problem, policy_of, stated, table_of, text_of, told
from trueup.toml_lines import Path as KeyPath
from trueup.toml_lines import line_of, meant
from trueup_adapters.books import Mapping, OrderMapping
from trueup_adapters.config.installed import unanswered
from trueup_adapters.config.keys import TABLES, Key
from trueup_adapters.logs.secrets import hidden, hide_address, hide_password

ACCOUNTS_MAX: Final = 200
"""Accounts of one process (law 12)."""
CHANNELS_MAX: Final = 20
Environment: TypeAlias = Literal["paper", "live"]


class OrderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[book.orders]: where it keeps orders, and how; at the book's own address."""

    table: str
    mapping: OrderMapping


class BookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """[book]: where a bot keeps its own book, and how."""

    url: str | None = None
    url_env: str | None = None
    table: str
    mapping: Mapping
    write: bool = True
    orders: OrderSettings | None = None
    """None: it keeps none, or they are not looked at."""

    def __repr__(self) -> str:
        return f"BookSettings(table={self.table!r})"


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of one account; None: nothing."""

    account: str | None = None
    broker: str | None = None
    store: str | None = None
    book: BookSettings | None = None
    environment: Environment | None = None
    dry_run: bool | None = None
    mode: PositionMode | None = None
    baseline: bool | None = None
    insecure: bool | None = None
    curve_server: str | None = None
    curve_secret_file: str | None = None
    timeout_ms: int | None = None
    policy: Policy


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One channel of alerts."""

    name: str
    url: str | None = None
    """A secret."""
    url_env: str | None = None
    severity: Severity
    resolved: bool

    def __repr__(self) -> str:
        return f"ChannelSettings(name={self.name!r}, severity={self.severity!r})"


class AlertSettings(msgspec.Struct, frozen=True):
    """[alerts]"""

    channels: tuple[ChannelSettings, ...] = ()
    severity: Severity = "warning"
    resolved: bool = True


class MetricsSettings(msgspec.Struct, frozen=True):
    """[metrics]"""

    port: int | None = None
    """None: none are served."""
    host: str = "127.0.0.1"


class LogSettings(msgspec.Struct, frozen=True):
    """[logs]"""

    format: str | None = None
    """None: calm lines for people on stdout, and no log."""
    level: str = "info"


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """All that a file says."""

    accounts: tuple[AccountSettings, ...]
    """At least one; without [[accounts]] the one at the top of the file."""
    several: bool = False
    """Whether they stand under [[accounts]]."""
    durability: Literal["full", "normal"] | None = None
    alerts: AlertSettings = AlertSettings()
    metrics: MetricsSettings = MetricsSettings()
    logs: LogSettings = LogSettings()
    views: bool = True
    views_file: str | None = None


def read_configuration(path: Path | None) -> Configuration:
    """What a file says; without one, nothing. Raises PolicyError, which names every problem, one a line."""
    if path is None:
        return Configuration(accounts=(AccountSettings(policy=Policy.adopt()),))
    return configuration_of(text_of(path), name=str(path))


def configuration_of(text: str, *, name: str) -> Configuration:
    """The same from the file's text; `name` is what errors call it."""
    reading = _Reading(table_of(text, name=name))
    found = reading.configuration()
    if reading.problems:
        in_order = sorted(reading.problems, key=lambda one: line_of(text, one.path) or 0)
        raise PolicyError("\n".join(dict.fromkeys(told(name, text, one) for one in in_order)))
    return found


class _Reading:
    """One file, judged whole: problems are gathered, and nothing stops at the first."""

    def __init__(self, given: dict[str, object]) -> None:
        self._given = given
        self.problems: list[Problem] = []

    def configuration(self) -> Configuration:
        """All that it says; to be used only where there are no problems."""
        top = self._keys("", self._given, (), judge_unknown=False)
        knobs = self._knobs(self._given, (), dict.fromkeys(("account", "broker", "store")))
        listed = self._list("accounts", self._given.get("accounts"), ("accounts",), ACCOUNTS_MAX)
        if listed and top.get("account") is not None:
            self._wrong(("account",), "account stands at the top and [[accounts]] too; name each under [[accounts]]")
        book = self._book(self._given.get("book"), ("book",))
        accounts = (
            tuple(self._account(top, knobs, entry, ("accounts", place), book) for place, entry in enumerate(listed))
            if listed
            else (self._settings(top, knobs, (), book),)
        )
        self._apart(accounts)
        views = self._keys("views", self._table("views", self._given.get("views"), ("views",)), ("views",))
        metrics = self._keys("metrics", self._table("metrics", self._given.get("metrics"), ("metrics",)), ("metrics",))
        logs = self._keys("logs", self._table("logs", self._given.get("logs"), ("logs",)), ("logs",))
        return Configuration(
            accounts=accounts,
            several=bool(listed),
            durability=top.get("durability"),
            alerts=self._alerts(),
            metrics=MetricsSettings(**metrics),
            logs=LogSettings(**logs),
            views=views.get("keep", True),
            views_file=views.get("file"),
        )

    # -- accounts --------------------------------------------------------------------------------------------

    def _account(
        self,
        top: dict[str, Any],
        knobs: dict[str, object],
        entry: dict[str, object],
        at: KeyPath,
        book: BookSettings | None,
    ) -> AccountSettings:
        """One of [[accounts]]: its own word, else that of the top; knobs of its policy over those of the top."""
        own = self._keys("accounts", entry, at, beside=("policy", "book"))
        policy = self._table("policy", entry.get("policy"), (*at, "policy"))
        merged = knobs | self._knobs({"policy": policy}, at, {})
        if own.get("account") is None:
            self._wrong(at, "an account lacks its name; write account = 'broker:id'")
        own_book = self._book(entry.get("book"), (*at, "book"))
        return self._settings({**top, **own}, merged, at, own_book or book)

    def _settings(
        self, keys: dict[str, Any], knobs: dict[str, object], at: KeyPath, book: BookSettings | None
    ) -> AccountSettings:
        policy = Policy.adopt()
        if not self.problems:
            try:
                policy = policy_of(knobs)
            except PolicyError as error:
                self._wrong((*at, "policy") if at else (), str(error))
        account = keys.get("account")
        if account is not None:
            try:
                account_of(account)
            except InputError as error:
                self._wrong((*at, "account"), str(error))
        fields = {name: keys.get(name) for name in AccountSettings.__struct_fields__ if name not in ("policy", "book")}
        for address in (fields["broker"], fields["store"]):
            hide_password(address)
        return AccountSettings(policy=policy, book=book, **fields)

    def _book(self, value: object, at: KeyPath) -> BookSettings | None:
        """[book], or None where there is none."""
        if value is None:
            return None
        given = self._table("book", value, at)
        if not isinstance(value, dict):
            return None
        keys = self._keys("book", given, at, beside=("only", "added", "orders"))
        orders = self._book_orders(given.get("orders"), (*at, "orders"), keys)
        hide_password(keys.get("url"))
        if (keys.get("url") is None) == (keys.get("url_env") is None):
            self._wrong(at, "a book has either url, its address, or url_env, a variable that holds it")
        rows: dict[str, Any] = {name: self._texts(name, given.get(name), (*at, name)) for name in ("only", "added")}
        place: dict[str, Any] = {name: keys.pop(name, None) for name in ("url", "url_env")}
        table, write = keys.pop("table", "positions"), keys.pop("write", True)
        mapping = Mapping(**keys, **rows)
        try:
            mapping.check()
        except InputError as error:
            self._wrong(at, str(error))
        return BookSettings(**place, table=table, mapping=mapping, write=write, orders=orders)

    def _book_orders(self, value: object, at: KeyPath, book: dict[str, Any]) -> OrderSettings | None:
        """[book.orders], or None where there is none. Times and floats are as in [book] unless it says otherwise."""
        given = self._table("book.orders", value, at)
        if not isinstance(value, dict):
            return None
        shared = {name: book[name] for name in ("time_zone", "floats") if name in book}
        texts = ("only", "added", "statuses", "types")
        keys = shared | self._keys("book.orders", given, at, beside=texts)
        rows: dict[str, Any] = {name: self._texts(name, given.get(name), (*at, name)) for name in texts}
        table = keys.pop("table", "orders")
        mapping = OrderMapping(**keys, **rows)
        try:
            mapping.check()
        except InputError as error:
            self._wrong(at, str(error))
        return OrderSettings(table=table, mapping=mapping)

    def _texts(self, name: str, value: object, at: KeyPath) -> dict[str, str]:
        """A table of texts."""
        given = self._table(name, value, at)
        for key, one in given.items():
            if not isinstance(one, str):
                self._wrong((*at, key), f"{name}.{key} is {one}; it must be text")
        return {key: one for key, one in given.items() if isinstance(one, str)}

    def _apart(self, accounts: tuple[AccountSettings, ...]) -> None:
        names = [one.account for one in accounts if one.account is not None]
        for name in sorted({one for one in names if names.count(one) > 1}):
            again = max(place for place, one in enumerate(accounts) if one.account == name)
            self._wrong(("accounts", again, "account"), f"account {name} is listed twice; one account has one writer")

    def _knobs(self, given: Entries[str, object], at: KeyPath, without: Entries[str, object]) -> dict[str, object]:
        """The knobs of a policy that a table states, judged one by one."""
        _, knobs, problems = stated({name: value for name, value in given.items() if name not in without})
        self.problems += [Problem((*at, *one.path), _as_key(one, at)) for one in problems]
        return knobs

    # -- alerts ----------------------------------------------------------------------------------------------

    def _alerts(self) -> AlertSettings:
        given = self._table("alerts", self._given.get("alerts"), ("alerts",))
        keys = self._keys("alerts", given, ("alerts",), beside=("channels",))
        severity: Any = keys.get("severity", "warning")
        resolved: Any = keys.get("resolved", True)
        channels: list[ChannelSettings] = []
        where = ("alerts", "channels")
        for place, entry in enumerate(self._list("alerts.channels", given.get("channels"), where, CHANNELS_MAX)):
            own = self._keys("alerts.channels", entry, (*where, place))
            hide_address(own.get("url") or "")
            if own.get("name") is None:
                self._wrong((*where, place), "a channel lacks its name; write name = 'desk'")
            elif any(one.name == own["name"] for one in channels):
                self._wrong((*where, place, "name"), f"two channels are called {own['name']!r}; give each its own name")
            if (own.get("url") is None) == (own.get("url_env") is None):
                self._wrong((*where, place), "a channel has either url_env, a variable that holds its address, or url")
            fields: dict[str, Any] = {"name": "", "severity": severity, "resolved": resolved, **own}
            channels.append(ChannelSettings(**fields))
        return AlertSettings(tuple(channels), severity, resolved)

    # -- one table -------------------------------------------------------------------------------------------

    def _keys(
        self,
        table: str,
        given: Entries[str, object],
        at: KeyPath,
        *,
        beside: tuple[str, ...] = (),
        judge_unknown: bool = True,
    ) -> dict[str, Any]:
        """The keys of one table that are given, each judged; at the top the unknown ones are judged with the policy."""
        known = {key.name: key for key in TABLES[table]}
        found: dict[str, Any] = {}
        for name, value in given.items():
            key = known.get(name)
            if key is None:
                if judge_unknown and name not in beside:
                    shown = f"{table}.{name}"
                    self._wrong((*at, name), meant("key", shown, name, (*known, *beside)))
                continue
            why = _amiss(key, value) or _no_address(table, name, value)
            if why is None:
                found[name] = value
            else:
                self._wrong((*at, name), f"{name} {why}")
        return found

    def _table(self, name: str, value: object, at: KeyPath) -> dict[str, object]:
        if value is None:
            return {}
        if isinstance(value, dict):
            return cast("dict[str, object]", value)
        self._wrong(at, f"{name} must be a table, [{name}]")
        return {}

    def _list(self, name: str, value: object, at: KeyPath, most: int) -> list[dict[str, object]]:
        """A list of tables."""
        if value is None:
            return []
        entries = cast("list[object]", value) if isinstance(value, list) else [None]
        if not all(isinstance(one, dict) for one in entries):
            self._wrong(at, f"{name} must be tables, each of them under [[{name}]]")
            return []
        if len(entries) > most:
            self._wrong(at, f"{name} are {len(entries)}; at most {most} are allowed")
        return cast("list[dict[str, object]]", entries)

    def _wrong(self, path: KeyPath, why: str) -> None:
        self.problems.append(Problem(path, why))


def _as_key(one: Problem, at: KeyPath) -> str:
    """What stands at the top of a file is a key, whether it belongs to the policy or not."""
    at_the_top = not at and len(one.path) == 1
    return one.why.replace("there is no knob", "there is no key", 1) if at_the_top else one.why


def _no_address(table: str, name: str, value: object) -> str | None:
    """What is wrong with the address of a store or a broker; None where nothing is, or it is neither."""
    if table not in ("", "accounts") or not isinstance(value, str):
        return None
    if name == "store":
        try:
            location(value)
        except InputError as error:
            return f"cannot be meant: {error}"
    why = unanswered(value) if name == "broker" else None
    return None if why is None else f"is {hidden(value)[:60]!r}: {why}"


def _amiss(key: Key, value: object) -> str | None:
    """What is wrong with a key's value; None where nothing is."""
    shown = "what is not shown" if key.secret else repr(value) if isinstance(value, str) else str(value).lower()
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    if key.kind == "yes":
        return None if isinstance(value, bool) else f"is {shown}; it must be true or false"
    if key.kind == "whole":
        fits = isinstance(value, int) and not isinstance(value, bool) and key.at_least <= value <= key.at_most
        return None if fits else f"is {shown}; it must be a whole number from {key.at_least} to {key.at_most}"
    if key.kind == "word":
        return None if value in key.words else f"is {shown}; it must be one of {', '.join(key.words)}"
    return None if isinstance(value, str) and value.strip() else f"is {shown}; it must be text"
