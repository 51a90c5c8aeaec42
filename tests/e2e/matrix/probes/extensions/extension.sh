#!/bin/bash
# An external extension that prints the events that it receives.

set -eu
api=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
name=${0##*/}
identifier=$(curl -sSf --noproxy '*' -D - -o /dev/null -H "Lambda-Extension-Name: $name" \
    -d '{"events": ["INVOKE", "SHUTDOWN"]}' "$api/register" |
    sed -n 's/\r$//; s/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: //p')
# A file of its own, if the test adds one.
if [[ -f /opt/$name/greeting ]]; then
    echo "$name read $(</opt/"$name"/greeting)"
fi
while event=$(curl -sSf --noproxy '*' -H "Lambda-Extension-Identifier: $identifier" "$api/event/next"); do
    case $event in
    *'"INVOKE"'*) echo "$name saw INVOKE" ;;
    *'"SHUTDOWN"'*) echo "$name saw SHUTDOWN" && exit 0 ;;
    esac
done
