"""`trueup demo` and `gateway`: what is there to try out without a broker?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
import zmq

from trueup_adapters.cli.exits import DONE, CouldNot
from trueup_adapters.cli.options import Json
from trueup_adapters.cli.output import out


def demo(
    directory: Annotated[
        Path | None,
        typer.Option("--directory", metavar="DIR", help="Keep its journal there; without it nothing is kept."),
    ] = None,
    as_json: Json = False,
) -> int:
    """See a book come apart from its broker, and trueup put it right: a minute, no set-up."""
    from trueup_adapters.demo import run

    return run(out(), as_json=as_json, directory=directory)


def gateway(
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="For questions; 0 chooses one.")] = 5555,
    control_port: Annotated[
        int, typer.Option("--control-port", min=0, max=65_535, help="For whoever holds the strings; 0 chooses one.")
    ] = 0,
    mode: Annotated[Literal["hedging", "netting"], typer.Option("--mode", help="As the account is.")] = "hedging",
    dialect: Annotated[int, typer.Option("--dialect", min=1, max=2, help="Of its replies.")] = 1,
    echo: Annotated[bool, typer.Option("--echo/--no-echo", help="Whether replies repeat the question's id.")] = True,
) -> int:
    """Run an MT5 gateway with an account of its own on this machine, to try things out."""
    from trueup_adapters.gateway import serve

    try:
        serve(port, control_port, mode=mode, dialect=1 if dialect == 1 else 2, echo=echo)
    except KeyboardInterrupt:
        return DONE
    except zmq.ZMQError as error:
        raise CouldNot(f"the gateway cannot listen on port {port}: {error}; choose another, or 0 for any") from error
    return DONE
