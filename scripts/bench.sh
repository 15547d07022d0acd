#!/usr/bin/env bash
# All instruments of end2end/load, one after the other, against a release build; the town is seeded once (17 minutes, 5 GB). With `short`, a moment of
# each against a debug build and a small town: that they work, not what they measure.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0

run() {
  printf '\n── %s\n' "$*"
  "$@" || failed=1
}

load() { run "target/$build/linli-load" "$@" --binary "target/$build/linli"; }

if [ "${1:-}" = short ]; then
  build=debug
  town=$(mktemp -d "${TMPDIR:-/tmp}/linli-town.XXXXXX")
  trap 'rm -rf "$town"' EXIT
  place=(--database "sqlite:$town/linli.db" --messages 20000 --residents 2000)
  run "target/$build/linli-load" seed "${place[@]}"
  load sends --clients 16 --seconds 1
  load pages "${place[@]}" --clients 8 --seconds 1
  load storm "${place[@]}" --seconds 2 --people 200 --watching 40 --times 1,3
  load addresses "${place[@]}" --parents 200 --others 50 --abuse 500 --seconds 2
  load streams "${place[@]}" --held 200 --watched 50 --answers 20 --seconds 2
  load backup "${place[@]}" --messages-a-second 50
else
  build=release
  town=target/town
  mkdir -p "$town"
  place=(--database "sqlite:$town/linli.db")
  load sends
  # shellcheck disable=SC2016 # the services say where it is
  LINLI_DURABLE=yes run scripts/with-services.sh sh -c 'target/release/linli-load sends --database "$LINLI_TEST_POSTGRES_URL"'
  load import
  # shellcheck disable=SC2016
  LINLI_DURABLE=yes run scripts/with-services.sh sh -c 'target/release/linli-load import --database "$LINLI_TEST_POSTGRES_URL"'
  load codes
  [ -e "$town/seeded" ] || { rm -f "$town"/linli.db* && run target/release/linli-load seed "${place[@]}" && touch "$town/seeded"; }
  load pages "${place[@]}"
  load storm "${place[@]}" --picture docs/measured/storm.svg
  load addresses "${place[@]}"
  load streams "${place[@]}"
  load backup "${place[@]}"
  sizes=()
  for residents in 2700 27000 270000; do
    for messages in 100000 1000000; do
      part=sqlite:$town/$messages-$residents.db
      [ -e "$town/$messages-$residents.db" ] || run target/release/linli-load seed --database "$part" --messages "$messages" --residents "$residents"
      sizes+=("$messages,$residents,$part")
    done
  done
  load growth "${sizes[@]}" "5000000,270000,sqlite:$town/linli.db" --picture docs/measured/growth.svg
fi
exit "$failed"
