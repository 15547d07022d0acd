# Linli's commands:
#   make run    build everything that is missing and start Linli with the sample district
#   make test   everything that must hold before a change lands
#   make bench  all instruments: sending, pages, the storm, streams, backup, growth, in a town of five million messages (about an hour)
#   make faults 500 kills under load, a full disk, PostgreSQL away, two nodes …: everything acknowledged is looked up afterwards (about an hour)
#   make lighthouse  Lighthouse's marks for the pages a phone opens
# and their parts: `make tools`, `make site`, `make server`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: run test bench faults lighthouse tools site server clean

# The paths below, and the scripts', count on it.
export CARGO_TARGET_DIR := $(CURDIR)/target
export PATH := $(CURDIR)/target/tools/bin:$(CURDIR)/scripts/node_modules/.bin:$(PATH)

run: tools site server
	@echo "→ Starting Linli. Ctrl-C stops it."
	@exec target/release/linli serve --sample

test:
	@scripts/test.sh

# Together with the server, so that both share what was built for it.
bench: tools site
	@echo "→ Building the server and the load generator (the first time takes about 11 minutes on 2 cores)"
	@cargo build --quiet --release -p server -p load
	@scripts/setup.sh test
	@scripts/bench.sh

faults: tools site
	@scripts/setup.sh test
	@echo "→ Building the server and the load generator (the first time takes about 11 minutes on 2 cores)"
	@cargo build --quiet --release -p server -p faults
	@scripts/faults.sh

lighthouse: server
	@scripts/setup.sh lighthouse
	@scripts/with-server.sh node end2end/lighthouse/measure.mjs

tools:
	@scripts/setup.sh run

server: site
	@if [ ! -e target/release/linli ]; then echo "→ Building the server (the first time takes about 11 minutes on 2 cores)"; fi
	@cargo build --quiet --release -p server

# What browsers load; the server carries it inside the binary.
STYLESHEETS := $(patsubst style/%,target/site/%,$(wildcard style/main.css style/desk.css style/sheet.css))
site: tools target/site.stamp

target/site.stamp: target/site/linli.js $(STYLESHEETS) scripts/compress.mjs
	@node scripts/compress.mjs
	@touch $@

CLIENT := target/wasm32-unknown-unknown/wasm-release/client.wasm

$(CLIENT): $(shell find app -name target -prune -o -type f -print) Cargo.toml Cargo.lock rust-toolchain.toml
	@echo "→ Building the browser client (the first time takes about 2½ minutes on 2 cores)"
	@cargo build --quiet -p client --lib --profile wasm-release --target wasm32-unknown-unknown
	@touch $@

# `--all-features` would let wasm-opt write compact imports, which browsers refuse.
target/site/linli.js: $(CLIENT)
	@echo "→ Shrinking the browser client (about 10 seconds)"
	@wasm-bindgen --target web --no-typescript --out-name linli --out-dir target/site $(CLIENT)
	@wasm-opt -Oz --enable-bulk-memory --enable-nontrapping-float-to-int --enable-reference-types --enable-multivalue \
	  --enable-sign-ext --enable-mutable-globals target/site/linli_bg.wasm -o target/site/linli_bg.wasm.part
	@mv target/site/linli_bg.wasm.part target/site/linli_bg.wasm

# The targets are old in-app browsers: nesting, light-dark() and logical properties are rewritten for them.
target/site/%.css: style/%.css $(wildcard style/*.css) Makefile
	@mkdir -p target/site
	@lightningcss --bundle --minify --targets 'chrome 80, safari 14, firefox 91' $< -o $@

clean:
	rm -rf target scripts/node_modules end2end/browser/node_modules
