"""Where is the measuring done: in this process, on all cores, or on many machines?

All cores by the standard library, with fresh processes (nothing of this one's threads or connections is inherited);
many machines by Dask, an optional extra, which is imported only when it is asked for.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import Any, Final, Protocol, TypeVar, cast

from trueup.errors import TrueupError

WORKERS_MAX: Final = 256
"""Processes on one machine (law 12)."""
CONNECT_S_MAX: Final = 10
"""How long a Dask scheduler may take to answer."""

Given = TypeVar("Given")
Made = TypeVar("Made")


def measured(
    work: Callable[[Given], Made], tasks: Sequence[Given], *, workers: int | None = None, dask: str | None = None
) -> Generator[Made]:
    """What each task comes to, in no particular order, as soon as it is there.

    work     a function of a module, so that another process can find it
    workers  how many processes; None: one for each core, and never more than there are tasks; 1: this one
    dask     the address of a Dask scheduler, whose workers have trueup and see the same files; None: this machine

    Raises TrueupError when Dask is not installed, its scheduler cannot be reached, or a process was killed.
    """
    if dask is not None:
        return _by_dask(work, tasks, dask)
    workers = min(workers or len(os.sched_getaffinity(0)), len(tasks), WORKERS_MAX)
    if workers <= 1:
        return _here(work, tasks)
    return _by_processes(work, tasks, workers)


def _here(work: Callable[[Given], Made], tasks: Iterable[Given]) -> Generator[Made]:
    for task in tasks:
        yield work(task)


def _by_processes(work: Callable[[Given], Made], tasks: Sequence[Given], workers: int) -> Generator[Made]:
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        for future in as_completed([pool.submit(work, task) for task in tasks]):
            yield future.result()
    except BrokenProcessPool as error:
        raise TrueupError(f"a process that measured was killed, perhaps for want of memory: {error}") from error
    finally:
        pool.shutdown(cancel_futures=True)


class _Client(Protocol):
    """As much of Dask's client as is needed; it is not typed itself."""

    loop: Any

    def map(self, function: Callable[..., Any], *iterables: Any, **options: Any) -> list[Any]: ...
    def close(self) -> None: ...


def _by_dask(work: Callable[[Given], Made], tasks: Sequence[Given], address: str) -> Generator[Made]:
    try:
        import distributed
    except ImportError as error:
        raise TrueupError(f'many machines need Dask ({error}); pip install "trueup[dask]"') from error
    library: Any = distributed
    try:
        client = cast("_Client", library.Client(address, timeout=CONNECT_S_MAX, set_as_default=False))
    except (OSError, ValueError) as error:
        raise TrueupError(f"no Dask scheduler answers at {address}: {error or 'it took too long'}") from error
    with closing(client):
        futures = client.map(work, list(tasks), pure=False)
        try:
            for _, result in library.as_completed(futures, loop=client.loop, with_results=True):
                yield result
        except ImportError as error:
            raise TrueupError(f"the Dask workers at {address} lack this trueup: {error}") from error
