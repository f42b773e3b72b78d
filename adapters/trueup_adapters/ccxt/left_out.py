"""Which rows of the exchange's own answer did ccxt leave out of what it made of it?

A client library that upgrades, or that does not know a market, drops rows without a word: live positions became an
empty list that way (L03). ccxt keeps beside each row the raw one it came from, so the rest of the raw list can be
looked through: what is flat may go, what holds something was lost. Where ccxt's rows cannot be found again in the
answer nothing is concluded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from trueup_adapters.ccxt.holdings import coins_of
from trueup_adapters.ccxt.numbers import Stated, same_digits
from trueup_adapters.ccxt.positions import SIZE_NAMES
from trueup_adapters.ccxt.rows import Row, list_in, readable, row_in

Entry: TypeAlias = Mapping[str, object]

LISTS_MAX: Final = 200
"""Lists of one answer that are looked through (law 12)."""
_HELD_NAME: Final = re.compile(r"amount|balance|total|free|avail|equity|qty|quantity|size|hold|lock|frozen|used|volume")
_NAMES_OF_ENTRIES: Final = ("symbol", "instrument_name", "market", "instId", "contract", "product_id", "currency")


class LeftOut(msgspec.Struct):
    """What of an exchange's list of positions is not in what ccxt made of it."""

    lost: list[str]
    """What holds something, a sentence each."""
    flat: int = 0
    """How many flat rows."""
    listed: int = 0
    """How long the list is: pages are as long as the exchange's, whatever ccxt drops from them (L05)."""


def positions_left_out(body: object, rows: Sequence[Row]) -> LeftOut:
    """What was left out of an answer that ccxt made `rows` of.

    body   the answer, decoded from JSON
    rows   ccxt's, each with its raw row under `info`
    """
    infos = [info for row in rows if (info := row_in(row.get("info"))) is not None]
    found = LeftOut([])
    for entries in _lists(body):
        matched = [any(_same(entry, info) for info in infos) for entry in entries]
        if rows and not any(matched):
            continue  # another list, or rows that ccxt rebuilt: nothing can be concluded
        found.listed = max(found.listed, len(entries))
        for entry, known in zip(entries, matched, strict=True):
            sizes = [number for name, number in Stated(entry).cells if name in SIZE_NAMES]
            if known or not sizes:
                continue
            if any(sizes):
                found.lost.append(
                    f"{_name_of(entry)} is in the exchange's answer and not in what ccxt made of it (L03)"
                )
            else:
                found.flat += 1
    return found


def coins_left_out(body: object, answer: Row) -> list[str]:
    """What was lost of a balance answer, a sentence each.

    An entry is accounted for when it names one of ccxt's coins, or states a number that one of them has.
    """
    coins = {str(row["symbol"]).upper(): row for row in coins_of(answer)}
    known = [n for row in coins.values() for _, n in Stated({k: row.get(k) for k in ("free", "used", "total")}).cells]
    lost: list[str] = []
    for entries in _lists(body):
        verdicts = [_accounted(entry, set(coins), known) for entry in entries]
        if any(verdicts):
            lost.extend(
                f"{_name_of(entry)} is in the exchange's answer and not in what ccxt made of it (L03)"
                for entry, fine in zip(entries, verdicts, strict=True)
                if not fine and any(Stated(entry).named(_HELD_NAME))
            )
    return lost


def _accounted(entry: Entry, coins: set[str], known: Sequence[Decimal]) -> bool:
    if any(text.upper() in coins for text in _texts(entry)):
        return True
    held = [number for number in Stated(entry).named(_HELD_NAME) if number]
    return any(_rounds_to(number, said) for number in held for said in known)


def _rounds_to(number: Decimal, said: Decimal) -> bool:
    """Whether two numbers agree in as many digits as a float keeps, whatever their scale."""
    if not number or not said:
        return False
    digits, other = number.as_tuple().digits, said.as_tuple().digits
    return same_digits(number, said) or (len(other) >= 14 and digits[:14] == other[:14])


def _lists(body: object) -> Iterator[Sequence[Entry]]:
    """Every list of rows in a decoded answer, outermost first, bounded."""
    waiting: list[object] = [body]
    found = 0
    while waiting and found < LISTS_MAX:
        one = waiting.pop(0)
        if (row := row_in(one)) is not None:
            waiting.extend(row.values())
        elif (listed := list_in(one)) is not None:
            entries = [entry for cell in listed if (entry := row_in(cell)) is not None]
            if entries and len(entries) == len(listed):
                found += 1
                yield entries
            waiting.extend(listed)


def _same(entry: Entry, info: Entry) -> bool:
    """Whether a raw row is the one that ccxt keeps; some exchanges' rows it adds cells to, or takes apart."""
    common = entry.keys() & info.keys()
    if len(common) not in (len(entry), len(info)):
        return False
    return all(entry[key] == info[key] or str(entry[key]) == str(info[key]) for key in common)


def _texts(entry: object) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    row = row_in(entry)
    for cell in (list_in(entry) or []) if row is None else row.values():
        yield from _texts(cell)


def _name_of(entry: Entry) -> str:
    named = ((name, readable(entry.get(name))) for name in _NAMES_OF_ENTRIES)
    return next((f"{name} {said}" for name, said in named if said is not None), "a row without a name")
