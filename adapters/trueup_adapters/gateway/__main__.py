"""`python -m trueup_adapters.gateway`: a gateway to talk to, on this machine."""

from __future__ import annotations

import argparse
import sys

import zmq

from trueup.errors import InputError
from trueup_adapters.gateway.server import serve


def main() -> int:
    """Run until stopped. 0 when it was, 2 for what cannot be meant, 3 where a port is taken."""
    parser = argparse.ArgumentParser(prog="trueup gateway", description="A gateway to talk to without a broker.")
    parser.add_argument("--port", type=int, default=5555, help="for questions; 0 chooses one")
    parser.add_argument("--control-port", type=int, default=0, help="for control; 0 chooses one")
    parser.add_argument("--mode", choices=("hedging", "netting"), default="hedging")
    parser.add_argument("--dialect", type=int, choices=(1, 2), default=1)
    parser.add_argument("--echo", action=argparse.BooleanOptionalAction, default=True, help="repeat req_id")
    parser.add_argument("--state", default=None, help="a file that keeps the terminal across restarts")
    given = parser.parse_args()
    try:
        serve(
            given.port,
            given.control_port,
            mode=given.mode,
            dialect=given.dialect,
            echo=given.echo,
            state=given.state,
        )
    except KeyboardInterrupt:
        return 0
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except zmq.ZMQError as error:
        sys.stderr.write(f"the gateway cannot listen: {error}\n")
        return 3
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
