"""Do many processes on many accounts share one database, and does whoever follows it miss nothing?"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from journal.databases import PostgresStore
from trueup.journal import accounts, open_writer, verify
from trueup.journal.follow import open_follower

TESTS = Path(__file__).parents[1]
WRITERS = 4
EVENTS = 90


def writing(url: str, account: str) -> subprocess.Popen[str]:
    code = (
        f"import sys; sys.path.insert(0, {str(TESTS)!r}); from journal.child import append_for_ever; "
        f"append_for_ever({url!r}, {account!r})"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_law_11_a_follower_of_many_writers_sees_each_event_once_and_in_its_accounts_order(
    postgres: PostgresStore,
) -> None:
    open_writer(postgres.url, "mt5:0").close()
    names = [f"mt5:{n}" for n in range(WRITERS)]
    seen: dict[str, list[int]] = {name: [] for name in names}
    with ExitStack() as stack:
        follower = open_follower(postgres.url)
        stack.callback(follower.close)
        processes = []
        for name in names:
            process = writing(postgres.url, name)
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            stack.callback(process.stdout.close)
            processes.append(process)
        after = 0
        while min(len(positions) for positions in seen.values()) < EVENTS:
            page = follower.page(after=after)  # while they write: what becomes visible late would be passed over
            after = page.end
            for one in page.events:
                seen[one.account].append(one.position)
        for process in processes:
            process.kill()
            process.wait()
        while (page := follower.page(after=after)).events:
            after = page.end
            for one in page.events:
                seen[one.account].append(one.position)
    assert accounts(postgres.url) == names
    for name in names:
        report = verify(postgres.url, name)
        assert report.ok
        assert seen[name] == list(range(1, report.events + 1))
