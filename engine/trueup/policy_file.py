"""What does a policy file say, and where exactly is it wrong?

TOML. The knobs of `trueup.policy.Policy` stand at the top level or under `[policy]`; `[instruments."EURUSD"]` and
`[strategies]` beside them. The same file may name `account`, `broker` and `store`, and hold the rest of a sidecar's
configuration, which is passed over here (`trueup run --config`). Numbers are read exactly from their text, never by way
of a float (L35). Every error names file, line, key, what is wrong with the value, and the nearest key that exists.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple, cast, get_args

import msgspec

from trueup.errors import InputError, PolicyError
from trueup.model import Surface
from trueup.policy import PRESETS, ClosedHours, Instrument, Policy, Protect
from trueup.toml_lines import Path as KeyPath
from trueup.toml_lines import line_of, meant

FILE_BYTES_MAX: Final = 1_000_000
"""The longest policy file that is read (law 12)."""
WHOLE_MAX: Final = 10**12
"""No knob that counts or times anything is larger."""
SETTINGS: Final = ("account", "broker", "store")
"""What a file may hold beside its policy: text, each of them."""
BESIDE: Final = (
    "accounts", "alerts", "baseline", "book", "curve_secret_file", "curve_server", "dry_run", "durability",
    "environment", "insecure", "logs", "metrics", "mode", "timeout_ms", "views",
)  # fmt: skip
"""What else a sidecar's configuration may hold at its top level; judged by whoever reads that."""

_KNOBS: Final = Policy.__struct_fields__
_TOP: Final = (*_KNOBS, *SETTINGS, *BESIDE, "policy")
_PER_SYMBOL: Final = ("quantity_tolerance", "price_tolerance", "dust")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK_MINUTES: Final = 7 * 24 * 60

_CLOCK = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)[a-z]*\s+([01]\d|2[0-3]):([0-5]\d)\Z", re.ASCII)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All that a file says."""

    policy: Policy
    account: str | None = None
    broker: str | None = None
    store: str | None = None


class Problem(NamedTuple):
    """One key whose value cannot be meant."""

    path: KeyPath
    why: str


class _Wrong(Exception):
    """One key whose value cannot be meant; never leaves this module."""

    def __init__(self, path: tuple[str, ...], why: str) -> None:
        super().__init__(why)
        self.path = path


def read_policy(path: Path) -> Policy:
    """The policy that a file states. Raises PolicyError, which names every problem."""
    return read_settings(path).policy


def read_settings(path: Path) -> Settings:
    """Policy, account, broker and store, as far as a file states them. Raises PolicyError."""
    return settings_of(text_of(path), name=str(path))


def text_of(path: Path) -> str:
    """A file's text, of bounded length. Raises PolicyError where it cannot be read as such."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read ({error.strerror or error}); name a TOML file") from error
    if len(raw) > FILE_BYTES_MAX:
        raise PolicyError(f"{path}: is longer than {FILE_BYTES_MAX:,} bytes, which no policy is")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from error


def table_of(text: str, *, name: str) -> dict[str, object]:
    """The TOML table that a text is, numbers exact. Raises PolicyError; `name` is what errors call it."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except ArithmeticError as error:
        raise PolicyError(f"{name}: holds a number whose exponent is beyond any that could be meant") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        raise PolicyError(f"{name}: is not TOML: {error}") from error


def settings_of(text: str, *, name: str) -> Settings:
    """The same from the file's text; `name` is what errors call it. Raises PolicyError, one line a problem."""
    given = table_of(text, name=name)
    found, knobs, problems = stated(given)
    if not problems:
        try:
            return Settings(policy=policy_of(knobs), **found)
        except PolicyError as error:
            problems.append(Problem((), _bare(error)))
    raise PolicyError("\n".join(told(name, text, one) for one in problems))


def stated(given: Mapping[str, object]) -> tuple[dict[str, str], dict[str, object], list[Problem]]:
    """(account, broker and store; the knobs, each judged by itself; all problems) of a table that was read from TOML.

    For whoever reads a file of which this is a part, and knows where in it the table stands.
    """
    problems: list[_Wrong] = []
    found, knobs = _sorted_out(given, problems)
    for knob in list(knobs):
        if knob != "preset":
            path, value = knobs[knob]
            try:
                knobs[knob] = _judged(knob, path, value)
            except _Wrong as wrong:
                problems.append(wrong)
    return found, knobs, [Problem(wrong.path, str(wrong)) for wrong in problems]


def policy_of(knobs: Mapping[str, object]) -> Policy:
    """The policy of judged knobs, its preset among them. Raises PolicyError where they contradict each other."""
    rest = dict(knobs)
    try:
        return _policy(str(rest.pop("preset", "adopt")), rest)
    except InputError as error:
        raise PolicyError(_bare(error)) from error


def told(name: str, text: str, problem: Problem) -> str:
    """A problem as a sentence that says where it is."""
    line = line_of(text, problem.path)
    return f"{name}{'' if line is None else f', line {line}'}: {problem.why}"


# -- which keys --------------------------------------------------------------------------------------------


def _sorted_out(given: Mapping[str, Any], problems: list[_Wrong]) -> tuple[dict[str, str], dict[str, Any]]:
    """(account, broker and store; knob to (path, value)). The preset is judged here: the rest builds on it."""
    found: dict[str, str] = {}
    knobs: dict[str, Any] = {}
    for path, value in _leaves(given, problems):
        key = path[-1]
        if key in SETTINGS and len(path) == 1:
            if isinstance(value, str) and value:
                found[key] = value
            else:
                problems.append(_Wrong(path, f"{key} is {_shown(value)}; it must be text"))
        elif key in SETTINGS:
            problems.append(_Wrong(path, f"{key} belongs above the first table of the file, not under [policy]"))
        elif key in BESIDE and len(path) == 1:
            continue
        elif key not in _KNOBS:
            problems.append(_Wrong(path, meant("knob", ".".join(path), key, _TOP if len(path) == 1 else _KNOBS)))
        elif key in knobs:
            problems.append(_Wrong(path, f"{key} is given twice, at the top level and under [policy]; keep one"))
        elif key == "preset":
            if value in PRESETS:
                knobs[key] = value
            else:
                problems.append(_Wrong(path, f"preset is {_shown(value)}; it must be one of {', '.join(PRESETS)}"))
        else:
            knobs[key] = (path, value)
    return found, knobs


def _leaves(given: Mapping[str, object], problems: list[_Wrong]) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, value in given.items():
        inside = _table(value)
        if key != "policy":
            yield (key,), value
        elif inside is not None:
            yield from ((("policy", inner), cell) for inner, cell in inside.items())
        else:
            problems.append(_Wrong(("policy",), f"policy is {_shown(value)}; it must be a table, [policy]"))


# -- what values -------------------------------------------------------------------------------------------


def _judged(knob: str, path: tuple[str, ...], value: object) -> object:
    """The value as the policy takes it. Raises _Wrong."""
    per_symbol = _table(value) if knob in _PER_SYMBOL else None
    if per_symbol is not None:
        for symbol, number in per_symbol.items():
            _alone(knob, {symbol: number}, (*path, symbol), f"{knob}.{symbol} is {_shown(number)}; it must be a number")
        return value
    if knob in _PER_SYMBOL:
        value = {"*": value}
    if knob == "sessions":
        return _sessions(path, value)
    if knob in ("instruments", "strategies"):
        _tables(knob, path, value)
    if knob == "protect":
        _protect(path, value)
    for inner in _flat(value):
        if type(inner) is int and abs(inner) > WHOLE_MAX:
            raise _Wrong(path, f"{knob} is {_shown(inner)}, which is beyond {WHOLE_MAX:,}")
    _alone(knob, value, path, f"{knob} is {_shown(value)}; it must be {_expected(knob)}")
    return value


def _alone(knob: str, value: object, path: tuple[str, ...], otherwise: str) -> None:
    """Whether a policy with this one knob can be meant. Raises _Wrong: `otherwise` for a value of another kind."""
    try:
        _policy("adopt", {knob: value})
    except InputError as error:
        of_another_kind = isinstance(error.__cause__, msgspec.ValidationError)
        raise _Wrong(path, otherwise if of_another_kind else _bare(error)) from error


def _tables(knob: str, path: tuple[str, ...], value: object) -> None:
    """Judges instruments and strategies entry by entry, so that an error can name the very key."""
    tables = _table(value)
    if tables is None:
        raise _Wrong(path, f"{knob} is {_shown(value)}; it must be {_expected(knob)}")
    for name, entry in tables.items():
        if knob == "strategies":
            if not isinstance(entry, str) or not entry:
                raise _Wrong((*path, name), f"strategies.{name} is {_shown(entry)}; it must be a strategy's name")
            continue
        cells = _table(entry)
        if cells is None:
            raise _Wrong((*path, name), f"instruments.{name} is {_shown(entry)}; it must be a table of its cells")
        for cell, said in cells.items():
            where = (*path, name, cell)
            fields = Instrument.__struct_fields__
            if cell not in fields:
                raise _Wrong(where, meant("cell", f"instruments.{name}.{cell}", cell, fields))
            kind = f"instruments.{name}.{cell} is {_shown(said)}; it must be {_CELLS[cell]}"
            _alone("instruments", {name: {cell: said}}, where, kind)


def _protect(path: tuple[str, ...], value: object) -> None:
    """Judges the cells of [protect] one by one."""
    cells = _table(value)
    if cells is None:
        raise _Wrong(path, f"protect is {_shown(value)}; it must be a table, [protect]")
    for cell, said in cells.items():
        if cell not in Protect.__struct_fields__:
            raise _Wrong((*path, cell), meant("cell", f"protect.{cell}", cell, Protect.__struct_fields__))
        kind = "a whole number" if cell == "retries_max" else "a number"
        _alone("protect", {cell: said}, (*path, cell), f"protect.{cell} is {_shown(said)}; it must be {kind}")


def _sessions(path: tuple[str, ...], value: object) -> tuple[ClosedHours, ...]:
    """Spans in which the broker is closed; one that passes the end of the week becomes two."""
    entries = _list(value)
    if entries is None:
        raise _Wrong(path, f"sessions is {_shown(value)}; it must be {_expected('sessions')}")
    spans: list[ClosedHours] = []
    for entry in entries:
        span = _table(entry)
        if span is None or set(span) != {"from", "to"}:
            raise _Wrong(path, f"a session is {_shown(entry)}; it must have 'from' and 'to', and nothing else")
        start, end = (_minute(path, span[key]) for key in ("from", "to"))
        if start < end:
            spans.append(ClosedHours(start, end))
        else:
            spans += [ClosedHours(start, _WEEK_MINUTES), *([ClosedHours(0, end)] if end else [])]
    return tuple(spans)


def _minute(path: tuple[str, ...], value: object) -> int:
    match = _CLOCK.match(value.lower()) if isinstance(value, str) else None
    if match is None:
        raise _Wrong(path, f"a session begins or ends at {_shown(value)}; write a UTC time like 'Fri 22:00'")
    return _DAYS.index(match[1]) * 1440 + int(match[2]) * 60 + int(match[3])


def _policy(preset: str, knobs: Mapping[str, object]) -> Policy:
    make = {"observe": Policy.observe, "adopt": Policy.adopt, "guarded": Policy.guarded}[preset]
    return make(**knobs)


def _flat(value: object) -> Iterator[object]:
    """Every single value inside tables and lists."""
    table = _table(value)
    inside = _list(value) if table is None else list(table.values())
    if inside is None:
        yield value
    else:
        for inner in inside:
            yield from _flat(inner)


def _table(value: object) -> dict[str, object] | None:
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _list(value: object) -> list[object] | None:
    return cast("list[object]", value) if isinstance(value, list) else None


def _bare(error: Exception) -> str:
    return str(error).removeprefix("policy: ")


# -- what should have stood there --------------------------------------------------------------------------

_CELLS: Final = {
    "currency": "text, such as USD",
    "unit": "one of lots, contracts, units, shares, coins",
    "contract_size": "a number greater than 0",
    "tick": "a number greater than 0",
    "lot_step": "a number greater than 0",
    "aliases": "a list of texts",
}
_WORDS: Final = {
    "backoff_s": "a list of whole numbers",
    "mass_absence_fraction_max": "a number between 0 and 1",
    "lag_ms_max": f"a table of surface = milliseconds; surfaces are {', '.join(get_args(Surface))}",
    "instruments": 'a table for each symbol, like [instruments."EURUSD"]',
    "strategies": "a table of the broker's mark = the strategy's name",
    "sessions": "a list of { from = 'Fri 22:00', to = 'Sun 22:00' }, in UTC",
    "on_recovery": "one of adopt, quarantine, alert",
    "on_ghost": "one of close, quarantine, alert",
    "on_drift": "one of correct, quarantine, alert",
    "unverified": "one of block, warn",
    "operators": 'a table of name = list of permissions, like ada = ["manage_reconciliation"]',
    "quarantine_unknown_owner": "text",
} | dict.fromkeys(_PER_SYMBOL, "a number, or a table of symbol = number")


def _expected(knob: str) -> str:
    return _WORDS.get(knob, "a whole number")


def _shown(value: object) -> str:
    """A value as a person would write it, bounded."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value) if isinstance(value, int | Decimal) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
