"""Which books and brokers' answers can be read from files, and on what do two such files disagree?

Reading order:
    sheet   what one file says: an account, rows that can be used, rows that cannot
    cells   one row's cells into a `Row`; order_cells, an order's into an `OrderRow`
    objects a JSON file into a `Sheet`, in our own format
    tables  a CSV file into a `Sheet`
    reading bytes into a `Sheet`, whichever of these it is, or a raw MT5 reply
    rules   what rows of one file say of each other; order_rules, what its orders do
    match   which row of one side belongs to which of the other; order_match, which order
    report  what `check` answers
    order_breaks on what the orders disagree
    check   the two joined
"""

from trueup_adapters.files.check import check
from trueup_adapters.files.reading import read_sheet, sheet_of
from trueup_adapters.files.report import CheckReport, FileBreak, RefusedRow, failed_check
from trueup_adapters.files.sheet import AccountsDiffer, OrderList, OrderRow, Row, Sheet, UnusableFile

__all__ = [
    "AccountsDiffer",
    "CheckReport",
    "FileBreak",
    "OrderList",
    "OrderRow",
    "RefusedRow",
    "Row",
    "Sheet",
    "UnusableFile",
    "check",
    "failed_check",
    "read_sheet",
    "sheet_of",
]
