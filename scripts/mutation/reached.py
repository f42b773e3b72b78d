"""Which test runs which line of the pure core, and how long does it take?

Run as a program inside the copy, on unmutated code: one run of the tests under coverage, with the test as context. A
mutant is then tried by the tests that run its very statement, and by no other: they alone can kill it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest


class Watch:
    """A pytest plugin: names each test to coverage, and keeps its time."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self.measured = measured
        self.seconds: dict[str, float] = {}
        self.unfit: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self.measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if not report.passed:
            self.unfit.add(report.nodeid)


def main(asked: dict[str, Any]) -> int:
    """Writes {"made_from", "seconds": {test: s}, "lines": {file: {line: [test]}}, "unfit": [test]}; exits as pytest.

    A test that fails or is skipped here, on code that is sound, can kill nothing and is left out. With "forget", files
    of tests, what is known of all others stays.
    """
    files, into, forget = asked["files"], Path(asked["into"]), asked["forget"]
    known: dict[str, Any] = {"seconds": {}, "lines": {}, "unfit": []}
    if forget is not None:
        known = json.loads(into.read_text("utf-8"))
    sys.path.insert(0, str(Path("src").absolute()))
    include = [str(Path(one).absolute()) for one in files]
    measured = coverage.Coverage(data_file=None, include=include, config_file=False)
    watch = Watch(measured)
    code = 0
    if asked["tests"]:
        measured.start()
        code = int(pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir=.", *asked["tests"]], plugins=[watch]))
        measured.stop()

    def stays(test: str) -> bool:
        return test.partition("::")[0] not in (forget or ())

    def lines(file: str) -> dict[str, list[str]]:
        found = {number: set(filter(stays, tests)) for number, tests in known["lines"].get(file, {}).items()}
        for number, tests in measured.get_data().contexts_by_lineno(str(Path(file).absolute())).items():
            found.setdefault(str(number), set()).update(test for test in tests if test and test not in watch.unfit)
        return {number: sorted(tests) for number, tests in found.items()}

    seconds = {test: spent for test, spent in known["seconds"].items() if stays(test)} | watch.seconds
    written = {
        "made_from": asked["made_from"],
        "listed": asked["listed"],
        "seconds": seconds,
        "lines": {file: lines(file) for file in files},
        "unfit": sorted({*filter(stays, known["unfit"]), *watch.unfit}),
    }
    into.write_text(json.dumps(written), "utf-8")
    return code


if __name__ == "__main__":
    raise SystemExit(main(json.loads(sys.argv[1])))
