"""Do many machines come to the same as one? A Dask scheduler with a worker of its own, on this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the extra dask is not installed")

CODE = """
from distributed import LocalCluster
from trueup.simulation import campaign

if __name__ == "__main__":
    alone = campaign(range(1, 4), workers=1)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        shared = campaign(range(1, 4), scheduler=cluster.scheduler_address)
    print(shared == alone, shared.runs)
"""


def test_a_campaign_on_dask_adds_up_to_the_same(tmp_path: Path) -> None:
    script = tmp_path / "many.py"
    script.write_text(CODE, "utf-8")
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip().splitlines()[-1:] == ["True 3"], done.stderr[-2_000:]
