"""Is .venv what a script of this checkout needs, and if not, how does it become so?

`ready NEED` exits 0 when it is, in some tens of milliseconds. `make NEED` sees to it: the packages that the need's
requirements pin, each checked against its hash, then this checkout itself as an editable install, without the network.
There are two needs: `run`, what trueup itself imports (some 60 MB), and `dev`, every extra and every tool besides (more
than a gigabyte). Both pin what they share alike, so that `dev` after `run` fetches only what is new.

A stamp in .venv says what it was made from. Other requirements or another pyproject.toml are installed over
what is there; a moved checkout, another Python, or a set-up that was interrupted begins from nothing, because
pip takes a package whose installation was cut short for a whole one. Only the standard library is used here.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "made-from.json"
UNFINISHED = VENV / "unfinished"
REQUIREMENTS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}
INPUTS = {
    "run": ("pyproject.toml", "requirements.txt"),
    "dev": ("pyproject.toml", "requirements.txt", "requirements-dev.txt"),
}
"""A .venv that was made from the inputs of `dev` serves `run` as well: they hold those of `run`."""
ASK = "import pip, sys; print(*sys.version_info[:2], sep='.')"
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "install")


def place() -> dict[str, str]:
    """What a virtual environment cannot survive a change of."""
    return {"root": str(ROOT), "python": ".".join(map(str, sys.version_info[:2]))}


def wanted(need: str) -> dict[str, str]:
    """What a stamp that fits this checkout, this need and the running Python says; it may say more."""
    return place() | {one: digest_of(INPUTS[one]) for one in REQUIREMENTS if set(INPUTS[one]) <= set(INPUTS[need])}


def digest_of(names: tuple[str, ...]) -> str:
    """One digest of several files."""
    digest = hashlib.sha256()
    for name in names:
        content = (ROOT / name).read_bytes()
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()


def stamp() -> dict[str, str] | None:
    """What .venv says it was made from; None when it says nothing that can be read."""
    try:
        found = json.loads(STAMP.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def ready(need: str) -> bool:
    """Whether nothing is left to do. Run by .venv's own Python, so that a dead one answers no."""
    return not UNFINISHED.exists() and wanted(need).items() <= (stamp() or {}).items()


def usable() -> bool:
    """Whether what is there can be installed over: it was finished, is in its place, and its pip runs."""
    if UNFINISHED.exists() or not PYTHON.exists():
        return False
    made = stamp()
    if made is not None and any(made.get(name) != value for name, value in place().items()):
        return False
    try:  # pip's own first line names the interpreter by its full path: a moved .venv shows here
        if str(VENV).encode() not in (VENV / "bin" / "pip").read_bytes()[:400]:
            return False
        asked = subprocess.run(
            [PYTHON, "-I", "-c", ASK], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return asked.stdout.decode().strip() == place()["python"]
    except OSError:
        return False


def run(*command: str | Path) -> None:
    """Runs it silently; what it says is shown only when it fails."""
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
        sys.stderr.write(
            "\nSetting up failed: the last lines above say why. The packages come from wherever your pip "
            "is set up to look; without a network they cannot. Run the same command again to try again.\n"
        )
        raise SystemExit(3)


def make(need: str) -> None:
    """Makes or mends .venv. One process at a time: a second one waits and then finds it ready."""
    with Path(__file__).open("rb") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)  # let go of by the system, however we end
        except ImportError:
            pass
        if PYTHON.exists() and ready(need):
            return
        begin_anew = not usable()
        sys.stderr.write(f"{said(need, begin_anew=begin_anew)}…\n")
        sys.stderr.flush()
        if begin_anew:
            shutil.rmtree(VENV, ignore_errors=True)
            VENV.mkdir()
            UNFINISHED.touch()
            run(sys.executable, "-I", "-m", "venv", VENV)
        UNFINISHED.touch()
        STAMP.unlink(missing_ok=True)
        run(PYTHON, *PIP, "--require-hashes", "-r", ROOT / REQUIREMENTS[need])
        run(PYTHON, *PIP, "--no-index", "--no-deps", "--no-build-isolation", "--editable", ROOT)
        STAMP.write_text(json.dumps(wanted(need)))
        UNFINISHED.unlink()


def said(need: str, *, begin_anew: bool) -> str:
    """What whoever waits is told."""
    if need == "dev" and (begin_anew or "dev" not in (stamp() or {})):
        return "Setting up what tests and checks need (once, a few minutes: every broker's and store's library)"
    return "Setting up (once, half a minute)" if begin_anew else "Bringing .venv up to date"


if __name__ == "__main__":
    _, verb, need = sys.argv
    if verb == "ready":
        raise SystemExit(0 if ready(need) else 1)
    make(need)
