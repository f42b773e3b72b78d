"""What do the journal's tests let another process do? Run as a script: `child.py WHAT URL ACCOUNT [N]`."""

from __future__ import annotations

import sys

from journal.samples import fill, item
from trueup.errors import TrueupError
from trueup.journal import open_inbox, open_writer


def append_for_ever(url: str, account: str) -> None:
    """Acknowledges each append on a line of its own, after it returned."""
    with open_writer(url, account) as writer:
        while True:
            n = writer.head().position
            head = writer.append([fill(n + 1), fill(n + 2), fill(n + 3)])
            print(head.position, head.digest.hex(), flush=True)


def hold(url: str, account: str) -> None:
    with open_writer(url, account) as writer:
        writer.append([fill(1)])
        print("held", flush=True)
        sys.stdin.readline()


def put(url: str, account: str, who: str, count: int) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    with open_inbox(url, account) as inbox:
        for n in range(count):
            print(inbox.put(item(n, who=who)), flush=True)


def main() -> None:
    what, url, account, *rest = sys.argv[1:]
    try:
        if what == "append":
            append_for_ever(url, account)
        elif what == "hold":
            hold(url, account)
        else:
            put(url, account, what, int(rest[0]))
    except TrueupError as error:
        print(type(error).__name__, error, flush=True)


if __name__ == "__main__":
    main()
