"""How is a campaign shared out among many machines? By Dask, which is an extra."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from trueup.simulation.run import Outcome

if TYPE_CHECKING:
    from trueup.simulation.campaign import Lot


def played_by_dask(scheduler: str, shared: Sequence[Lot]) -> Iterator[list[Outcome]]:
    """What the workers of a Dask scheduler make of the lots, as it comes.

    scheduler   its address, `tcp://scheduler:8786`; every worker needs this version of trueup

    Raises ImportError where Dask is not installed, OSError where the scheduler cannot be reached.
    """
    try:
        import distributed
    except ImportError as error:
        raise ImportError(f'a campaign on Dask needs it installed ({error}): pip install "trueup[dask]"') from error
    from trueup.simulation.campaign import play

    library: Any = distributed
    with library.Client(scheduler) as client:
        for _, outcomes in library.as_completed(client.map(play, list(shared), pure=False), with_results=True):
            yield outcomes
