#!/bin/sh
# Compiles the two programs of this example and copies them to the paths in limg.yaml:
#
#   build/bootstrap   the function
#   build/counter     the extension
#
# Works from any folder. The compiler's own files go to CARGO_TARGET_DIR, if it is set, else to
# `target` in the Git repository that contains this example, else to `target` in the example.
set -eu

target=x86_64-unknown-linux-gnu

case ${CARGO_TARGET_DIR:-} in
'' | /*) ;;
*) CARGO_TARGET_DIR=$(pwd)/$CARGO_TARGET_DIR ;; # relative to where we were called
esac

cd "$(dirname "$0")"
here=$(pwd)

if [ -z "${CARGO_TARGET_DIR:-}" ]; then
    folder=$here
    while [ "$folder" != / ] && ! [ -e "$folder/.git" ]; do
        folder=$(dirname "$folder")
    done
    if [ -e "$folder/.git" ] && [ -d "$folder/target" ]; then
        CARGO_TARGET_DIR=$folder/target/examples/static-binary
    else
        CARGO_TARGET_DIR=$here/target
    fi
    export CARGO_TARGET_DIR
fi

# Flags from the environment would replace those of .cargo/config.toml, which make the programs static.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET CARGO_BUILD_RUSTFLAGS

cargo build --release --locked

mkdir -p build
for program in bootstrap counter; do
    built=$CARGO_TARGET_DIR/$target/release/$program
    # Replaced only if it differs: an unchanged file keeps its time, and limg need not read it again.
    cmp -s "$built" "build/$program" || cp "$built" "build/$program"
    chmod 0755 "build/$program"
done
