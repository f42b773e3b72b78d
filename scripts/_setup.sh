# Sourced by the scripts beside it: makes .venv when there is none that fits, and puts it first on PATH.
#
# A script that needs no more than trueup itself says so before: _need=run. Tests and checks need all (_need=dev).
# Needs nothing but Python 3.11 or newer with its venv module. PYTHON=/path/to/python chooses another one.
# What is done, and when it is done again, is told in _setup.py.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cd "$ROOT"

# Python reads where this checkout is installed from in the locale's encoding. In the C locale, a path beyond ASCII stops
# it before its first line.
case "${LC_ALL:-}:$ROOT" in C:*[!\ -~]* | POSIX:*[!\ -~]*) export LC_ALL=C.UTF-8 ;; esac

_find_python() {
    local candidate found=""
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3 python3.12 python3.13 python3.14; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
        found="$candidate"
        if "$candidate" -I -c 'import ensurepip, venv' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    if [ -n "$found" ]; then
        echo "$found cannot make virtual environments: install its venv module (on Debian and Ubuntu: apt install python3-venv, or python3.11-venv), then run this again." >&2
    else
        echo "trueup needs Python 3.11 or newer, and there is neither python3.11 nor a new enough python3 on PATH. Install one, or name it: PYTHON=/path/to/python $0" >&2
    fi
    return 1
}

_need="${_need:-dev}"
if ! .venv/bin/python -I scripts/_setup.py ready "$_need" >/dev/null 2>&1; then
    _python="$(_find_python)" || exit 3
    "$_python" -I scripts/_setup.py make "$_need" || exit 3
fi

export VIRTUAL_ENV="$ROOT/.venv" PATH="$ROOT/.venv/bin:$PATH"
unset PYTHONHOME PYTHONPATH
