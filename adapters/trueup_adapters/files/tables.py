"""How is a CSV file read: a header with the file format's columns, then one position a line?

An empty cell is one that is not reported; `none` (or `null`) in `stop` says that there is none. A column `account` is
optional; without it the file takes the other side's account.
"""

from __future__ import annotations

import csv
import io
from typing import Final

from trueup.errors import InputError
from trueup.model import Refusal, account_of
from trueup.policy import Policy
from trueup_adapters.files.cells import COLUMNS, BadCell, Cell, refusal_of, row_of, shown
from trueup_adapters.files.sheet import AccountsDiffer, Row, Sheet, UnusableFile

REQUIRED: Final = ("symbol", "side", "quantity")
_NONE: Final = frozenset({"none", "null"})


def looks_like_table(text: str) -> bool:
    """Whether the first line is a header that names a symbol."""
    first = text.lstrip().split("\n", 1)[0]
    return "symbol" in {cell.strip().strip('"').strip() for cell in first.split(",")}


def sheet_of_table(text: str, name: str, policy: Policy) -> Sheet:
    """What a CSV file says. Raises UnusableFile, AccountsDiffer."""
    lines = csv.reader(io.StringIO(text, newline=None), strict=True)  # whichever way its lines end
    try:
        header = [cell.strip() for cell in next(lines, list[str]())]
        _judge_header(header, name)
        listed = [line for line in lines if line and (len(line) > 1 or line[0].strip())]
    except csv.Error as error:
        raise UnusableFile(f"{name}: line {lines.line_num} is not CSV: {error}") from error
    rows: list[Row] = []
    refused: list[Refusal] = []
    accounts: set[str] = set()
    for number, line in enumerate(listed, 1):
        cells = _cells(header, line)
        try:
            if len(line) != len(header):
                raise BadCell(f"it has {len(line)} cells where the header names {len(header)}; write every comma")
            account = _account(cells.pop("account", None))
            row = row_of(number, cells, policy)
        except BadCell as bad:
            refused.append(refusal_of(number, cells, str(bad), policy))
            continue
        rows.append(row)
        accounts |= {account} if account is not None else set()
    if len(accounts) > 1:
        raise AccountsDiffer(f"{name}: holds rows of {' and '.join(sorted(accounts))}; one file is one account")
    return Sheet(name=name, account=next(iter(accounts), None), rows=tuple(rows), refused=tuple(refused))


def _judge_header(header: list[str], name: str) -> None:
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        raise UnusableFile(
            f"{name}: its first line is {shown(','.join(header))} and names no column {', '.join(missing)}; begin with "
            f"a header of {', '.join(COLUMNS)}, so spelled and with commas between them"
        )
    twice = sorted({column for column in header if column and header.count(column) > 1})
    if twice:
        raise UnusableFile(f"{name}: its header names {twice[0]} twice; keep one")


def _cells(header: list[str], line: list[str]) -> dict[str, Cell]:
    """By column, as far as both go; an empty cell is not there at all."""
    cells: dict[str, Cell] = {}
    for column, text in zip(header, line, strict=False):
        cell = text.strip()
        if cell:
            cells[column] = None if column == "stop" and cell.lower() in _NONE else cell
    return cells


def _account(value: Cell) -> str | None:
    if value is None:
        return None
    try:
        return account_of(str(value))
    except InputError as error:
        raise BadCell(f"its account is {shown(value)}; write broker:id, as mt5:5001") from error
