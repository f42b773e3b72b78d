"""`python -m trueup.testing.alpaca`: a fake Alpaca to talk to, on this machine."""

from __future__ import annotations

import argparse
import sys

from trueup.errors import InputError
from trueup.model import Side
from trueup.testing.alpaca.fake import FakeAlpaca


def main(arguments: list[str] | None = None) -> int:
    """Answer until interrupted. 0 when it was, 2 for what cannot be meant, 3 where the port is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m trueup.testing.alpaca", description="A fake Alpaca to talk to without an account there."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8700, help="0 chooses one")
    parser.add_argument(
        "--open", action="append", default=[], metavar="SYMBOL:SIDE:QUANTITY:PRICE", help="a position to begin with"
    )
    given = parser.parse_args(arguments)
    try:
        fake = FakeAlpaca(host=given.host, port=given.port)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    try:
        for position in given.open:
            symbol, side, quantity, price = _position(position)
            fake.control.open(symbol, side, quantity, price=price)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        fake.close()
        return 2
    sys.stdout.write(f"{fake.url} APCA_API_KEY_ID={fake.key_id} APCA_API_SECRET_KEY={fake.secret}\n")
    sys.stdout.flush()
    try:
        fake.run()
    except KeyboardInterrupt:
        return 0
    return 0


def _position(text: str) -> tuple[str, Side, str, str]:
    """`AAPL:long:2:190.5`. Raises InputError."""
    parts = text.split(":")
    if len(parts) != 4 or parts[1] not in ("long", "short"):
        raise InputError(f"--open is {text!r}; it must be like AAPL:long:2:190.5")
    return parts[0], "long" if parts[1] == "long" else "short", parts[2], parts[3]


if __name__ == "__main__":
    raise SystemExit(main())
