"""Which test runs which line of the pure core, and how long does it take?

Run as a program inside the copy, on unmutated code: one run of the tests under coverage, with the test as context. A
mutant is then tried by the tests that run its very statement, and by no other: they alone can kill it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

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


def main(files: list[str], tests: list[str], into: Path) -> int:
    """Writes {"seconds": {test: s}, "lines": {file: {line: [test]}}, "unfit": [test]}. Exits as pytest does.

    A test that fails or is skipped here, on code that is sound, can kill nothing and is left out.
    """
    sys.path.insert(0, str(Path("src").absolute()))
    measured = coverage.Coverage(
        data_file=None, include=[str(Path(one).absolute()) for one in files], config_file=False
    )
    watch = Watch(measured)
    measured.start()
    code = pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir=.", *tests], plugins=[watch])
    measured.stop()
    data = measured.get_data()
    lines = {
        file: {
            line: sorted(test for test in reached if test and test not in watch.unfit)
            for line, reached in data.contexts_by_lineno(str(Path(file).absolute())).items()
        }
        for file in files
    }
    into.write_text(json.dumps({"seconds": watch.seconds, "lines": lines, "unfit": sorted(watch.unfit)}), "utf-8")
    return int(code)


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    raise SystemExit(main(asked["files"], asked["tests"], Path(asked["into"])))
