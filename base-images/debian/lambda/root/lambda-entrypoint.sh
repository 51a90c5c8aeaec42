#!/bin/sh
# The first process of the image. It keeps the contract of AWS's base images:
# exactly one argument, the handler; the runtime is /var/runtime/bootstrap.
# Outside Lambda, where nothing has set AWS_LAMBDA_RUNTIME_API, AWS's runtime
# interface emulator stands in for the service.

if [ "$#" -ne 1 ]; then
    echo "entrypoint requires the handler name to be the first argument" >&2
    exit 142
fi

# Lambda passes no handler setting to image functions, so it is set here.
export _HANDLER="$1"

if [ -n "${AWS_LAMBDA_RUNTIME_API:-}" ]; then
    exec /var/runtime/bootstrap
fi
exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap
