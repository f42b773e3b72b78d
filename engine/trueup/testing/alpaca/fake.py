"""Which Alpaca can be talked to without an account there? `FakeAlpaca`, on this machine, over real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from trueup.errors import InputError
from trueup.testing.alpaca.account import Account
from trueup.testing.alpaca.control import Control
from trueup.testing.alpaca.desk import Desk
from trueup.testing.alpaca.faults import Faults
from trueup.testing.alpaca.routes import Routes
from trueup.testing.alpaca.server import Server

KEY_ID: Final = "PKFAKE00000000000000"
SECRET: Final = "nobodys-secret-nobodys-secret-nobodys-00"
ACCOUNT_NUMBER: Final = "PA3FAKE00001"
_PATIENCE_S: Final = 10
_POLL_S: Final = 0.02


class FakeAlpaca:
    """One account behind Alpaca's HTTP API, on loopback.

    ```python
    with FakeAlpaca() as fake:
        fake.control.open("AAPL", "long", "2", price="190.5")
        ...  # ask fake.url, with fake.key_id and fake.secret
    ```
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        key_id: str = KEY_ID,
        secret: str = SECRET,
        account_number: str = ACCOUNT_NUMBER,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Listens from now on, and answers once it is entered (or `start` is called).

        port            0 chooses one
        account_number  as /v2/account tells it; those of paper accounts begin with PA
        now_ns          the account's clock, UTC nanoseconds

        Raises InputError where it cannot listen there.
        """
        self.key_id = key_id
        self.secret = secret
        account, faults = Account(account_number, now_ns), Faults()
        routes = Routes(account, Desk(account), faults, key_id=key_id, secret=secret)
        try:
            self._server = Server(host, port, routes)
        except OSError as error:
            raise InputError(f"the fake Alpaca cannot listen on {host}:{port}: {error}") from error
        self.url = f"http://{host}:{self._server.server_address[1]}"
        """The base URL, without the version."""
        self.control = Control(self._server, faults)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="fake-alpaca", daemon=True
        )

    def start(self) -> None:
        """Answer, on a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering; every connection ends."""
        if self._thread.is_alive():
            self._server.stop()
            self._thread.join(_PATIENCE_S)
        else:
            self._server.server_close()

    def run(self) -> None:
        """Answer on this thread until interrupted."""
        try:
            self._server.serve_forever()
        finally:
            self._server.cut()
            self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
