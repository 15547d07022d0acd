#!/usr/bin/env bash
# Runs a command beside a release server with the sample district on a fresh database:
#   scripts/with-server.sh node end2end/lighthouse/measure.mjs
# LINLI_URL           where it listens
# LINLI_SCAN          the path of a sticker
# LINLI_DATABASE_URL  its database
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${LINLI_BIN:-target/release}

# Beside the build and not in /tmp, which may be memory: a commit has to reach a disk.
mkdir -p target
dir=$(mktemp -d "$PWD/target/server.XXXXXX")
server=
end() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$dir"
}
trap end EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export LINLI_ADDR=127.0.0.1:$port LINLI_URL=http://127.0.0.1:$port LINLI_DATA_DIR=$dir LINLI_DATABASE_URL=sqlite:$dir/linli.db
export LINLI_PUBLIC_URL=$LINLI_URL
LINLI_SCAN=$("$bin/linli" demo --json | grep -oE '/q/[A-Z0-9]+' | head -1) || { echo '✗ The sample district has no sticker' >&2; exit 1; }
export LINLI_SCAN
"$bin/linli" serve >"$dir/log" 2>&1 &
server=$!
python3 - "$LINLI_URL/up" <<'PYTHON' || { cat "$dir/log" >&2; exit 1; }
import sys, time, urllib.request
for _ in range(100):
    try:
        urllib.request.urlopen(sys.argv[1])
        sys.exit()
    except OSError:
        time.sleep(0.1)
sys.exit("✗ The server did not start")
PYTHON
"$@"
