#!/usr/bin/env bash
# Installs what `make run` needs, with `test` also what `make test` needs, with `lighthouse` that and Lighthouse. Run again, it only looks.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-run}
say() { echo "→ $*"; }
stop() { echo "✗ $*" >&2; exit 1; }

need() { command -v "$1" >/dev/null || stop "$1 is missing. $2"; }
need rustup "Install Rust with rustup, see rust-lang.org/tools/install."
need cargo "Install Rust with rustup, see rust-lang.org/tools/install."
need cc "Install a C compiler, for instance the package build-essential."
need node "Install Node.js 20 or newer."
need npm "Install npm, it comes with Node.js."
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || stop "Node.js $(node -v) is too old. Install Node.js 20 or newer."

# rustup may be set not to follow rust-toolchain.toml by itself, so it is told to.
channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
installed=$(rustup component list --installed --toolchain "$channel" 2>/dev/null || true)
for part in rustfmt clippy rust-std-wasm32-unknown-unknown; do
  grep -q "^$part" <<<"$installed" && continue
  say "Installing Rust $channel with the wasm target (about a minute)"
  rustup toolchain install "$channel" --profile minimal -c rustfmt -c clippy -t wasm32-unknown-unknown --no-self-update
  break
done

# The command must be exactly as old as the crate.
version=$(awk '$1 == "name" && $3 == "\"wasm-bindgen\"" { getline; gsub(/"/, "", $3); print $3 }' Cargo.lock)
tool=target/tools/bin/wasm-bindgen
if ! "$tool" --version 2>/dev/null | grep -qx "wasm-bindgen $version"; then
  mkdir -p target/tools/bin
  # Not the one in target/tools/bin, which `make` puts on the PATH first.
  elsewhere=$(type -ap wasm-bindgen | grep -v /target/tools/bin/ | head -1 || true)
  if [ -n "$elsewhere" ] && "$elsewhere" --version | grep -qx "wasm-bindgen $version"; then
    ln -sfn "$elsewhere" "$tool"
  else
    say "Installing wasm-bindgen $version (about 2 minutes)"
    # Not optimised: it runs once a build, and would take three times as long to install.
    env -u CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
      cargo install --quiet --locked --force --root target/tools wasm-bindgen-cli --version "$version"
  fi
fi

npm_install() { # npm_install FOLDER WHAT
  [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] && return
  say "Installing $2 (a few seconds)"
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent --prefix "$1"
  touch "$1/node_modules/.package-lock.json"
}
npm_install scripts "wasm-opt and lightningcss"

[ "$what" != run ] || exit 0

need python3 "Install Python 3.11 or newer."
packages=()
lacks() { packages+=("$1"); }
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || lacks postgresql
command -v haproxy >/dev/null || lacks haproxy
[ -x "${LINLI_CHROMIUM:-/usr/bin/chromium}" ] || lacks chromium
[ -n "$(fc-list :lang=zh-cn 2>/dev/null)" ] || lacks fonts-noto-cjk
command -v zbarimg >/dev/null || lacks zbar-tools
command -v pdftoppm >/dev/null || lacks poppler-utils
python3 -c 'import ensurepip, venv' 2>/dev/null || lacks python3-venv
if [ ${#packages[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || stop "The tests need these programs, under their Debian names: ${packages[*]}. Install them and run this again."
  root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || stop "Installing packages takes root. As root: apt-get install ${packages[*]}"
    root=(sudo)
  fi
  say "Installing ${packages[*]} (about a minute)"
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

if ! cmp -s end2end/smtp/requirements.txt target/tools/python/requirements.txt; then
  say "Installing the SMTP test server's Python packages (a few seconds)"
  python3 -m venv --clear target/tools/python
  target/tools/python/bin/pip install --quiet --disable-pip-version-check -r end2end/smtp/requirements.txt
  cp end2end/smtp/requirements.txt target/tools/python/
fi

npm_install end2end/browser "Playwright"
[ "$what" != lighthouse ] || npm_install end2end/lighthouse "Lighthouse"
