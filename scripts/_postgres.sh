# Sourced by scripts/test: gives the tests a PostgreSQL server of their own, and takes it away again.
#
# with_postgres COMMAND…   runs it with TRUEUP_TEST_POSTGRES set to the URL of a fresh cluster: in a temporary folder,
#                          on a Unix socket only, with a random port in the socket's name, fsync on. It is stopped and
#                          removed whatever happens. When TRUEUP_TEST_POSTGRES is set already, that server is used.
#                          Without PostgreSQL on the machine the command runs too: its tests then skip, or, in CI, fail.

_postgres_bin() {
    local folder
    if command -v initdb >/dev/null 2>&1 && command -v pg_ctl >/dev/null 2>&1; then
        dirname "$(command -v initdb)"
        return
    fi
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin \
        /usr/local/opt/postgresql*/bin | sort -rV); do
        if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
            printf '%s\n' "$folder"
            return
        fi
    done
    return 1
}

# PostgreSQL refuses to run as root: root lends it the account that its packages make.
_as_postgres() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif command -v runuser >/dev/null 2>&1; then
        runuser -u postgres -- "$@"
    else
        su postgres -s /bin/sh -c 'exec "$@"' sh sh "$@"
    fi
}

_stop_postgres() {
    local status=$?
    trap - EXIT
    if [ -n "${_pg_folder:-}" ]; then
        _as_postgres "$_pg_bin/pg_ctl" -D "$_pg_folder/data" -m immediate -w stop >/dev/null 2>&1 || true
        rm -rf "$_pg_folder"
    fi
    exit "$status"
}

_start_postgres() {
    _pg_bin="$(_postgres_bin)" || return 0
    if [ "$(id -u)" -eq 0 ] && ! id postgres >/dev/null 2>&1; then
        echo "PostgreSQL is here, but root needs the system user 'postgres' to run it as; its tests are left out." >&2
        return 0
    fi
    _pg_folder="$(mktemp -d "${TMPDIR:-/tmp}/trueup-pg.XXXXXX")"
    trap _stop_postgres EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    [ "$(id -u)" -ne 0 ] || chown postgres "$_pg_folder"
    local port=$((20000 + RANDOM % 20000))
    if ! {
        _as_postgres "$_pg_bin/initdb" -D "$_pg_folder/data" -U trueup -A trust -E UTF8 --locale=C --no-sync --no-instructions &&
            _as_postgres "$_pg_bin/pg_ctl" -D "$_pg_folder/data" -l "$_pg_folder/log" -w -t 60 \
                -o "-k '$_pg_folder' -p $port -c listen_addresses='' -c max_connections=60" start
    } >"$_pg_folder.out" 2>&1; then
        cat "$_pg_folder.out" "$_pg_folder/log" >&2 || true
        rm -f "$_pg_folder.out"
        echo "PostgreSQL is on this machine and could not be started: the lines above say why." >&2
        exit 3
    fi
    rm -f "$_pg_folder.out"
    export TRUEUP_TEST_POSTGRES="postgresql://trueup@/postgres?host=$_pg_folder&port=$port"
    export TRUEUP_TEST_POSTGRES_BIN="$_pg_bin"
}

with_postgres() {
    [ -n "${TRUEUP_TEST_POSTGRES:-}" ] || _start_postgres
    "$@"
}
