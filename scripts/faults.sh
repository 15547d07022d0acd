#!/usr/bin/env bash
# All faults of end2end/faults, one after the other, against a release build; with `short`, a few seconds of each against a debug build.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0

fault() {
  printf '\n── %s\n' "$*"
  scripts/with-services.sh "target/$build/linli-faults" "$@" --binary "target/$build/linli" || failed=1
}

# The same with PostgreSQL in SQLite's place.
fault_on_postgres() {
  printf '\n── %s, on PostgreSQL\n' "$*"
  # shellcheck disable=SC2016 # the services say where it is
  scripts/with-services.sh bash -c '"$0" "$@" --database "$LINLI_TEST_POSTGRES_URL"' "target/$build/linli-faults" "$@" --binary "target/$build/linli" || failed=1
}

if [ "${1:-}" = short ]; then
  build=debug
  fault kills --kills 10 --acknowledged 500 --residents 200 --clients 16
  fault_on_postgres kills --kills 5 --acknowledged 300 --residents 200 --clients 16
  fault kills --gently --kills 5 --acknowledged 500 --residents 200 --clients 16
  fault disk --clients 16 --residents 300 --failures 30 --checkpoints 4 --seconds 2
  fault mails --kills 10 --mails 60
  fault postgres --clients 16 --residents 300 --streams 16 --restarts 3 --seconds 5
  fault nodes --clients 8 --residents 300 --streams 16 --kills 4 --restarts 4 --measured 20
  fault restarts --clients 8 --residents 200 --restarts 5
  fault slow --clients 8 --residents 200 --each 20 --seconds 5
  fault clock --clients 8 --residents 300 --streams 8 --steps 8
  fault cuts --clients 16 --residents 300 --streams 16 --cuts 400
else
  build=release
  fault_on_postgres kills --kills 200 --acknowledged 100000
  for name in 'kills --within 1000' 'kills --gently --kills 100 --acknowledged 0' disk mails postgres nodes restarts slow clock cuts; do
    # shellcheck disable=SC2086 # words of a command line
    fault $name
  done
fi
exit "$failed"
