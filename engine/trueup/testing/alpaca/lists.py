"""Which orders and activities does a list of Alpaca's hold: by status, time, page and direction?

`after` and `until` go by the moment of creation, never by the last change: an order of last week that filled today is
not among those after yesterday (L08).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

from trueup.testing.alpaca.account import Books
from trueup.testing.alpaca.things import HELD, Fill, Order, OtherActivity, unprocessable

ORDERS_MAX: Final = 500
ORDERS_DEFAULT: Final = 50
ACTIVITIES_MAX: Final = 100
_Item = TypeVar("_Item")


def orders_of(books: Books, query: Mapping[str, str]) -> list[Order]:
    """GET /v2/orders. Raises Refused for a query that cannot be meant."""
    status = query.get("status", "open")
    if status not in ("open", "closed", "all"):
        raise unprocessable(f"invalid status: {status}", code=40010001)
    symbols = frozenset(query["symbols"].split(",")) if query.get("symbols") else None
    orders = sorted(books.orders.values(), key=lambda order: order.created_ns)
    chosen = [
        order
        for order in orders
        if (status == "all" or _is_listed_open(order) == (status == "open"))
        and not (order.parent in books.orders and says_yes(query, "nested"))
        and (symbols is None or order.asset.symbol in symbols or order.asset.position_symbol in symbols)
        and _within(order.created_ns, query)
    ]
    if query.get("direction", "desc") == "desc":
        chosen.reverse()
    for name in ("after_order_id", "before_order_id"):
        if query.get(name):
            chosen = _behind(chosen, query[name])
    return chosen[: _limit(query, "limit", ORDERS_DEFAULT, ORDERS_MAX)]


def says_yes(query: Mapping[str, str], name: str) -> bool:
    """Whether a query asks for something that is on or off, such as legs under their order (`nested`)."""
    return query.get(name, "").lower() == "true"


def _is_listed_open(order: Order) -> bool:
    """A held leg is among the closed ones, as users have seen it to be at Alpaca."""
    return order.is_open and order.status != HELD


def activities_of(books: Books, query: Mapping[str, str], kind: str) -> list[Fill | OtherActivity]:
    """GET /v2/account/activities, of one type or of all."""
    kinds = frozenset(kind.split(",")) if kind else None
    chosen = [
        activity
        for activity in sorted(books.activities, key=lambda activity: activity.id)
        if (kinds is None or _type(activity) in kinds) and _within(activity.at_ns, query)
    ]
    if query.get("direction", "desc") == "desc":
        chosen.reverse()
    if query.get("page_token"):
        chosen = _behind(chosen, query["page_token"])
    return chosen[: _limit(query, "page_size", ACTIVITIES_MAX, ACTIVITIES_MAX)]


def _type(activity: Fill | OtherActivity) -> str:
    return "FILL" if isinstance(activity, Fill) else activity.activity_type


def _behind(items: list[_Item], last: str) -> list[_Item]:
    """Those that come behind the one of that id, in whatever direction; all where it is not among them."""
    places = [place for place, item in enumerate(items) if getattr(item, "id") == last]  # noqa: B009
    return items[places[0] + 1 :] if places else items


def _within(at_ns: int, query: Mapping[str, str]) -> bool:
    """Whether a moment lies behind `after` and before `until`, both of them left out of it."""
    after, until = query.get("after"), query.get("until")
    return (not after or at_ns > _moment(after, "after")) and (not until or at_ns < _moment(until, "until"))


def _moment(text: str, name: str) -> int:
    """ISO 8601 as nanoseconds since 1970: digits beyond microseconds count too."""
    whole, dot, rest = text.replace(" ", "+").partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    try:
        moment = datetime.fromisoformat(whole + rest[len(digits) :])
    except ValueError as error:
        raise unprocessable(f"invalid {name}: {text}", code=40010001) from error
    seconds = int(moment.timestamp())
    return seconds * 1_000_000_000 + (int(digits.ljust(9, "0")[:9]) if dot else 0)


def _limit(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise unprocessable(f"invalid {name}: {text}", code=40010001)
    return int(text)
