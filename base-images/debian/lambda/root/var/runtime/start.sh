# shellcheck shell=bash
# Sourced by the bootstraps of languages with the command of the runtime as
# arguments: becomes it, inside the wrapper script if one is named.
# Lambda developer guide, runtimes-modify: the wrapper is given the interpreter
# and all of its arguments.

wrapper=${AWS_LAMBDA_EXEC_WRAPPER:-}

if [[ -n $wrapper ]]; then
    if [[ ! -f $wrapper ]]; then
        echo "$wrapper: does not exist" >&2
        exit 127
    fi
    if [[ ! -x $wrapper ]]; then
        echo "$wrapper: is not an executable" >&2
        exit 126
    fi
    set -- "$wrapper" "$@"
fi

exec -- "$@"
