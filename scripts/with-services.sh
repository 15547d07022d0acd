#!/usr/bin/env bash
# Runs a command beside what the tests talk to:
#   scripts/with-services.sh cargo test -p store
# LINLI_TEST_POSTGRES_URL  a superuser on a throwaway PostgreSQL, gone afterwards
# LINLI_TEST_SMTP          the command line, for `sh -c "exec …"`, that starts an SMTP test server (end2end/smtp/server.py)
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -1) || { echo "✗ PostgreSQL is missing: scripts/setup.sh test" >&2; exit 1; }
python=$PWD/target/tools/python/bin/python
[ -x "$python" ] || { echo "✗ The SMTP test server's Python is missing: scripts/setup.sh test" >&2; exit 1; }

where=${TMPDIR:-/tmp}
[ -z "${LINLI_DURABLE:-}" ] || where=/var/tmp
dir=$(mktemp -d "$where/linli-postgres.XXXXXX")
as=()
if [ "$(id -u)" = 0 ]; then
  # PostgreSQL refuses to run as root.
  as=(runuser -u postgres --)
  chown postgres "$dir"
fi
# From its own folder: user postgres may not be allowed to stand in ours.
pg() { (cd "$dir" && "${as[@]}" "$@"); }
end() {
  local status=$?
  # A PostgreSQL that went away (a full disk, no memory) says so here and nowhere else.
  if [ "$status" != 0 ] && ! pg "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1; then tail -20 "$dir/data/log" >&2; fi
  pg "$bin/pg_ctl" -D "$dir/data" -m immediate -s stop 2>/dev/null || true
  rm -rf "$dir"
}
trap end EXIT

password=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
printf '%s\n' "$password" >"$dir/password"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
pg "$bin/initdb" -D "$dir/data" -U linli --pwfile="$dir/password" --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$dir/log"
# What it holds is thrown away, so nothing waits for the disk. LINLI_DURABLE=yes: the settings people run, on a disk, to measure.
hasty=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)
[ -z "${LINLI_DURABLE:-}" ] || hasty=()
pg "$bin/pg_ctl" -D "$dir/data" -s -w -l "$dir/data/log" -o "-p $port -c listen_addresses=127.0.0.1 -k '' -c max_connections=300 ${hasty[*]}" start \
  || { cat "$dir/data/log" >&2; exit 1; }

export LINLI_TEST_POSTGRES_URL="postgres://linli:$password@127.0.0.1:$port/postgres"
LINLI_TEST_SMTP=$(printf '%q %q --port 0' "$python" "$PWD/end2end/smtp/server.py")
export LINLI_TEST_SMTP
# SQLite waits for the disk at every commit; in memory a test's own files cost nothing.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
"$@"
