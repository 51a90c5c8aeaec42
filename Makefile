# make demo   builds an example and shows its response to an event
# make test   runs all checks and tests; LIMG_TESTS=offline leaves out those that
#             need root, Docker or the network
# make bench  compares limg with other ways to build the same images, and writes
#             the tables in docs/performance.md; needs root, 16 GB of memory and
#             an hour. BENCH='--loads small --runs 1' measures less, see
#             .ci/bench
# make bench-cold
#             measures the start of Python functions without and with bytecode, and
#             writes its table in docs/performance.md
# make chaos  injects faults into limg for 15 minutes and checks that it keeps its
#             guarantees; needs root. CHAOS='--minutes 2' takes less, see .ci/chaos
#
# All are for Debian 12 and can be run again at any time.

SHELL := /bin/bash
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/sbin:/sbin

# Where Cargo puts the program. An absolute path, because recipes change the folder.
target := $(abspath $(or $(CARGO_TARGET_DIR),target))
limg := $(target)/release/limg

.PHONY: demo test bench bench-cold chaos

demo:
	.ci/install
	cargo build --release --locked
	base-images/debian/build python3.11
	cd examples/python-layers && $(limg) build
	cd examples/python-layers && \
	    ../../.ci/with-docker $(limg) invoke greet -e event.json

test:
	.ci/test

bench:
	.ci/install
	.ci/install-bench
	cargo build --release --locked
	base-images/debian/build python3.11 nodejs22.x
	.ci/bench --limg $(limg) $(BENCH)
	.ci/bench --write

bench-cold:
	.ci/install
	cargo build --release --locked
	base-images/debian/build python3.11
	.ci/with-docker .ci/bench-cold --limg $(limg)

chaos:
	.ci/install
	cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-fuzz
	cargo build --release --locked
	.ci/chaos --limg $(limg) $(CHAOS)
