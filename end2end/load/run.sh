#!/usr/bin/env bash
# Starts a release server on a fresh database and lets linli-load measure it. Options go to linli-load.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${LINLI_BIN:-target/release}

# Beside the build and not in /tmp, which may be memory: a commit has to reach a disk.
mkdir -p target
dir=$(mktemp -d "$PWD/target/load.XXXXXX")
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
export LINLI_ADDR=127.0.0.1:$port LINLI_PUBLIC_URL=http://127.0.0.1:$port LINLI_DATA_DIR=$dir LINLI_DATABASE_URL=sqlite:$dir/linli.db
scan=$("$bin/linli" demo --json | grep -oE '/q/[A-Z0-9]+' | head -1) || { echo '✗ The sample district has no sticker' >&2; exit 1; }
"$bin/linli" serve >"$dir/log" 2>&1 &
server=$!
"$bin/linli-load" --url "http://$LINLI_ADDR" --scan "$scan" --database "$LINLI_DATABASE_URL" "$@"
