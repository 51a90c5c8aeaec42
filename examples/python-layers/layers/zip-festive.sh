#!/bin/sh
# Makes festive.zip from the folder festive, always with the same bytes: files in a fixed order
# with fixed times and modes, and no information about the machine or its user.
set -eu

cd "$(dirname "$0")"
zip_file=$(pwd)/festive.zip
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R festive "$work"
cd "$work/festive"
find . -type f -exec chmod 0644 {} + -exec touch -d '1980-01-01T00:00:00Z' {} +
rm -f "$zip_file"
find python -type f | LC_ALL=C sort | TZ=UTC zip -q -X -9 "$zip_file" -@
