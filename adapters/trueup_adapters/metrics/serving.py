"""Where does Prometheus find the metrics of a sidecar?

On a port of this machine, over plain HTTP: whoever can reach it can read sizes and ages, so it is loopback unless
somebody says otherwise.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from trueup.errors import InputError, TrueupError

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry


class Served:
    """Metrics on a port, for as long as it is open."""

    def __init__(self, server: Any, thread: threading.Thread, host: str) -> None:
        self._server = server
        self._thread = thread
        self.port = int(server.server_address[1])
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.port}/metrics"

    def close(self) -> None:
        """Stop answering, and let go of the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(port: int, *, host: str = "127.0.0.1", registry: CollectorRegistry | None = None) -> Served:
    """Answer scrapes on a port; 0 takes a free one.

    Raises InputError for a port that is taken or a host that is none, TrueupError without prometheus_client.
    """
    try:
        from prometheus_client import REGISTRY, start_http_server
    except ImportError as error:
        raise TrueupError('metrics need prometheus_client; pip install "trueup[metrics]"') from error
    try:
        server, thread = start_http_server(port, addr=host, registry=REGISTRY if registry is None else registry)
    except OSError as error:
        raise InputError(
            f"metrics cannot be served on {host}:{port} ({error.strerror or error}); name another port, or 0 for any "
            "that is free"
        ) from error
    return Served(server, thread, host)
