# shellcheck shell=sh
# The function: answers with the event that it was given, byte for byte, beside the request's
# identifier. An event with a key `fail` makes it fail.

handler() {
    # The full stop keeps the shell from dropping line ends at the end of the event.
    event=$(cat && echo .)
    event=${event%.}

    case $event in
    *'"fail"'*)
        echo 'The event wants this invocation to fail.' >&2
        return 3
        ;;
    esac

    printf '{"request": "%s", "event": %s}' "$LAMBDA_REQUEST_ID" "$event"
}
