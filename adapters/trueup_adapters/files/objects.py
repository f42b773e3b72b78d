"""How is a JSON file in our own format read: `{"account", "positions": [...], "orders"?}`?

By the standard library's reader rather than msgspec's, for two things that only it offers: every number as its very
text (one `NaN`, which Python itself writes, costs its row and not the file: L42), and keys that are named twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

from trueup.errors import InputError
from trueup.model import Refusal, account_of
from trueup.policy import Policy
from trueup_adapters.files.cells import BadCell, Cell, NumberText, refusal_of, row_of, shown
from trueup_adapters.files.order_cells import order_refusal, order_row
from trueup_adapters.files.sheet import OrderList, Sheet, UnusableFile

_SHAPE: Final = '{"account": "mt5:5001", "positions": [...]}'
_ROWS_MAX: Final = 1_000_000
"""The most rows of one list of a file (law 12)."""
_AnyRow = TypeVar("_AnyRow")


class Object(dict[str, Any]):
    """A JSON object, and which of its keys it names more than once."""

    twice: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> Object:
    made = Object(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        made.twice = tuple(sorted({name for name in names if names.count(name) > 1}))
    return made


def opened(text: str, name: str) -> Object:
    """The one object that the text holds. Raises UnusableFile."""
    try:
        value = json.loads(
            text,
            parse_float=NumberText,
            parse_int=NumberText,
            parse_constant=NumberText,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as error:
        raise UnusableFile(f"{name}: is not JSON: {str(error)[:120] or 'nested too deeply'}") from error
    if not isinstance(value, Object):
        kind = "a list" if isinstance(value, list) else shown(value)
        raise UnusableFile(f"{name}: holds {kind} where an object must be; write {_SHAPE}")
    for key in ("account", "positions", "orders", "status"):
        if key in value.twice:
            raise UnusableFile(f"{name}: names `{key}` twice, and nobody can say which is meant; keep one")
    return value


def is_reply(content: Object) -> bool:
    """Whether it is a gateway's reply. Its status is read before any list in it (L48)."""
    return "status" in content


def sheet_of_object(content: Object, name: str, policy: Policy) -> Sheet:
    """What a file in our own format says. Raises UnusableFile."""
    if "account" not in content:
        raise UnusableFile(f'{name}: has no `account`; add one, such as "account": "mt5:5001" (L32)')
    try:
        account = account_of(content["account"] if type(content["account"]) is str else "")
    except InputError as error:
        raise UnusableFile(f"{name}: `account` is {shown(content['account'])}; write broker:id, as mt5:5001") from error
    positions, orders = _list_of(content, "positions", name), _list_of(content, "orders", name)
    if positions is None:
        raise UnusableFile(f"{name}: has no list `positions`; write an empty one where nothing is held")
    rows, refused = _rows(positions, policy, row_of, refusal_of, "position")
    listed = None if orders is None else OrderList(*_rows(orders, policy, order_row, order_refusal, "order"))
    return Sheet(name=name, account=account, rows=rows, refused=refused, orders=listed)


def _list_of(content: Object, key: str, name: str) -> list[object] | None:
    value = content.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        raise UnusableFile(f"{name}: `{key}` is {shown(value)}; it must be a list")
    found = cast("list[object]", value)
    if len(found) > _ROWS_MAX:
        raise UnusableFile(f"{name}: `{key}` has {len(found):,} rows; {_ROWS_MAX:,} are the most that is read")
    return found


def _rows(
    listed: list[object],
    policy: Policy,
    read: Callable[[int, Mapping[str, Cell], Policy], _AnyRow],
    refuse: Callable[[int, Mapping[str, Cell], str, Policy], Refusal],
    what: str,
) -> tuple[tuple[_AnyRow, ...], tuple[Refusal, ...]]:
    """Row by row: a bad one costs itself only (L42)."""
    rows: list[_AnyRow] = []
    refused: list[Refusal] = []
    for number, given in enumerate(listed, 1):
        if not isinstance(given, Object):
            refused.append(refuse(number, {}, f"it is {shown(given)}, which is no {what}; write an object", policy))
        elif given.twice:
            refused.append(refuse(number, {}, f"it names `{given.twice[0]}` twice; keep one", policy))
        else:
            try:
                rows.append(read(number, given, policy))
            except BadCell as bad:
                refused.append(refuse(number, given, str(bad), policy))
    return tuple(rows), tuple(refused)
