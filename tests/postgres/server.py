"""How does a test get a PostgreSQL server of its own, to be killed?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from time import monotonic, sleep

import pytest

from journal.databases import postgres_url

START_S_MAX = 60
_ports = count(40_000 + os.getpid() % 20_000)


class Server:
    """A cluster in a temporary folder, reached by a Unix socket, with fsync on."""

    def __init__(self) -> None:
        binaries = os.environ.get("TRUEUP_TEST_POSTGRES_BIN")
        if not binaries:
            postgres_url()  # says why there is none
            pytest.skip("TRUEUP_TEST_POSTGRES names a server that is not ours to kill; scripts/test starts one that is")
        self._binaries = Path(binaries)
        self._folder = Path(tempfile.mkdtemp(prefix="trueup-pg-"))
        self._port = next(_ports)
        self.url = f"postgresql://trueup@/postgres?host={self._folder}&port={self._port}"
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._run(
            "initdb", "-D", str(self._data), "-U", "trueup", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
        )

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        why = self._tried(program, *arguments)
        assert not why, why

    def _tried(self, program: str, *arguments: str) -> str:
        lent = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*lent, str(self._binaries / program), *arguments],
            check=False,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        return done.stderr or f"{program} failed" if done.returncode else ""

    def start(self) -> None:
        """Start, or start again; returns when connections are accepted.

        After a `kill -9` it takes a moment until the last child has noticed; the server refuses to start until then.
        """
        options = f"-k {self._folder} -p {self._port} -c listen_addresses=''"
        log = self._folder / "log"
        deadline = monotonic() + START_S_MAX
        while why := self._tried("pg_ctl", "-D", str(self._data), "-l", str(log), "-w", "-o", options, "start"):
            assert monotonic() < deadline, f"{why}\n{log.read_text()[-2000:]}"
            sleep(0.1)

    def stop(self) -> None:
        """All its processes end at once, without a word to anybody and without writing anything down."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """`kill -9` of the postmaster; its children notice and end. Returns when they have."""
        pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        descriptor = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
        finally:
            os.close(descriptor)

    def end(self) -> None:
        """Whatever state it is in: gone."""
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder)
