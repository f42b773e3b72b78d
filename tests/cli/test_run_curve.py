"""Does the sidecar reach a gateway that lets in only whom it can authenticate?"""

from __future__ import annotations

from pathlib import Path

import zmq

from broker_contract.harnesses import gateway
from cli.shell import Shell

SECRET = zmq.curve_keypair()[1].decode()


def test_a_sidecar_asks_a_gateway_with_keys(shell: Shell, tmp_path: Path) -> None:
    gateway_public, gateway_secret = (key.decode() for key in zmq.curve_keypair())
    with gateway(curve=(gateway_public, gateway_secret)) as (control, ports):
        control.open("EURUSD", "buy", 1)
        ours = tmp_path / "ours"
        ours.write_text(SECRET)
        ours.chmod(0o600)
        run = ("run", "--once", "--json", "--account", "mt5:1", "--broker", ports.url, "--timeout-ms", "500")
        words = ("--curve-server", gateway_public, "--curve-secret-file", str(ours))
        ended = shell(*run, "--store", f"sqlite:///{tmp_path}/a.db", *words)
        assert (ended.status, ended.json["status"]) == (0, "SUCCESS")
        assert SECRET not in ended.out + ended.err
        plain = shell(*run, "--store", f"sqlite:///{tmp_path}/b.db")
        assert (plain.status, plain.json["status"]) == (3, "DEGRADED")
