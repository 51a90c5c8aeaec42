#!/bin/bash
# An external extension that says when it is told to end.

set -eu
api=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
identifier=$(curl -sSf --noproxy '*' -D - -o /dev/null -H "Lambda-Extension-Name: ${0##*/}" \
    -d '{"events": ["INVOKE", "SHUTDOWN"]}' "$api/register" |
    sed -n 's/\r$//; s/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: //p')
while event=$(curl -sSf --noproxy '*' -H "Lambda-Extension-Identifier: $identifier" "$api/event/next"); do
    case $event in
    *'"SHUTDOWN"'*) echo "extension told to end" && exit 0 ;;
    esac
done
