#!/usr/bin/env bash
# `make test`: every check, each with its own output, and a summary that repeats the runners' closing lines.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=$PWD/target
logs=target/test-logs
rm -rf "$logs" && mkdir -p "$logs"
summary=() failed=0
declare -A passed

# step NAME [AFTER…] -- COMMAND…: goes on after a failure, so that one run shows everything, but not
# with steps that would then try an older build.
step() {
  local name=$1 log=$logs/$1.log after status=0 start=$SECONDS
  shift
  while [ "$1" != -- ]; do
    after=$1
    shift
    if [ -z "${passed[$after]:-}" ]; then
      summary+=("✗ $name: not run, because $after failed")
      failed=1
      return
    fi
  done
  shift
  printf '\n── %s: %s\n' "$name" "$*"
  "$@" 2>&1 | tee "$log" || status=$?
  if [ "$status" = 0 ]; then
    passed[$name]=yes
    summary+=("✓ $name, $((SECONDS - start)) s")
  else
    failed=1
    summary+=("✗ $name, exit status $status, $((SECONDS - start)) s")
  fi
  # cargo test, Playwright and unittest close with such lines.
  while IFS= read -r line; do summary+=("    $line"); done \
    < <(grep -aE '^(test result: |Ran [0-9]+ tests? |OK|[0-9]+ (kills|acknowledged) |FAILED \(|  [0-9]+ (passed|failed|flaky|skipped|did not run)|size: )' "$log" || true)
}

native=(--workspace --exclude client)

step setup -- scripts/setup.sh test
step format setup -- cargo fmt --all --check
step smtp setup -- target/tools/python/bin/python -m unittest -q end2end/smtp/test_server.py
step browser-types setup -- npm run --silent --prefix end2end/browser check
step site setup -- make --no-print-directory site
# First the build: clippy and the tests share what it leaves.
step build site -- cargo test "${native[@]}" --no-run
step clippy site -- cargo clippy "${native[@]}" --all-targets -- -D warnings
step clippy-wasm setup -- cargo clippy -p client --target wasm32-unknown-unknown -- -D warnings
step rust build -- scripts/with-services.sh cargo test "${native[@]}" --no-fail-fast
# The short form of `make faults`.
step faults build -- bash -c 'cargo build --quiet -p faults && scripts/faults.sh short'
# The short form of `make bench`.
step bench build -- bash -c 'cargo build --quiet -p load && scripts/bench.sh short'
step once build -- npm run --silent --prefix end2end/browser test -- --project=once
step browser build -- npm run --silent --prefix end2end/browser test -- --project='*js-*'

printf '\n══ Summary, %d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
printf '%s\n' "${summary[@]}"
exit "$failed"
