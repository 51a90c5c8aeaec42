#!/bin/sh
# Starts a custom runtime the way Lambda does for a zip function: /var/task/bootstrap, else /opt/bootstrap. An OS-only base
# image looks at neither. limg puts this file at /var/runtime/bootstrap.

# The entry script of AWS's base images has exported the handler; where this file is the entry point, it is the argument.
if [ "$#" -gt 0 ]; then
    export _HANDLER="$1"
fi
export LAMBDA_TASK_ROOT="${LAMBDA_TASK_ROOT:-/var/task}"
export LAMBDA_RUNTIME_DIR="${LAMBDA_RUNTIME_DIR:-/var/runtime}"

for bootstrap in "$LAMBDA_TASK_ROOT/bootstrap" /opt/bootstrap ''; do
    if [ -f "$bootstrap" ]; then
        break
    fi
done
if [ -z "$bootstrap" ]; then
    echo "Couldn't find valid bootstrap(s): [$LAMBDA_TASK_ROOT/bootstrap /opt/bootstrap]" >&2
    exit 1
fi
cd "$LAMBDA_TASK_ROOT" || exit 1

# AWS's language runtimes run the wrapper like this, with these exit codes; its OS-only base images leave it out.
wrapper="${AWS_LAMBDA_EXEC_WRAPPER:-}"
if [ -z "$wrapper" ]; then
    exec "$bootstrap"
elif [ ! -f "$wrapper" ]; then
    echo "$wrapper: does not exist" >&2
    exit 127
elif [ ! -x "$wrapper" ]; then
    echo "$wrapper: is not an executable" >&2
    exit 126
fi
exec "$wrapper" "$bootstrap"
