#!/bin/sh
# Starts the command that it is given, which ends with the handler, on a base image that is none of Lambda's, the way that
# Lambda's own start theirs. limg puts this file at /var/runtime/entrypoint.

# Lambda leaves the variable empty in functions of images, and there are clients that look nowhere else.
if [ "$#" -gt 1 ]; then
    for _HANDLER in "$@"; do :; done
    export _HANDLER
fi

# Lambda's language runtimes run the wrapper like this, with these exit codes.
wrapper="${AWS_LAMBDA_EXEC_WRAPPER:-}"
if [ -z "$wrapper" ]; then
    exec "$@"
elif [ ! -f "$wrapper" ]; then
    echo "$wrapper: does not exist" >&2
    exit 127
elif [ ! -x "$wrapper" ]; then
    echo "$wrapper: is not an executable" >&2
    exit 126
fi
exec "$wrapper" "$@"
