# make demo   builds an example and shows its answer to an event
# make test   all checks and tests; LIMG_TESTS=offline leaves out what needs
#             root, Docker or the network
# make bench  limg beside other ways to make the same images, and the tables of
#             docs/performance.md; needs root, 16 GB of memory and half an hour.
#             BENCH='--loads small --runs 1' measures less, see .ci/bench
#
# All are for Debian 12 and may be run again at any time.

SHELL := /bin/bash
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/sbin:/sbin

# Where Cargo puts the program; the recipes go into other folders.
target := $(abspath $(or $(CARGO_TARGET_DIR),target))
limg := $(target)/release/limg

.PHONY: demo test bench

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
	base-images/debian/build python3.11
	.ci/bench --limg $(limg) $(BENCH)
	.ci/bench --write
