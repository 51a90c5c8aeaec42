# shellcheck shell=bash
# Sourced by the bootstraps of Node.js with the major version as argument.

export AWS_EXECUTION_ENV=AWS_Lambda_nodejs$1.x

# A NODE_PATH set by the user replaces the layers' places, it does not add.
if [[ -z ${NODE_PATH:-} ]]; then
    export NODE_PATH=/opt/nodejs/node$1/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task
fi

# V8 does not know the function's memory: a tenth is for new objects (two halves
# of it are in use at a time), the rest for those that stay.
limits=()
if [[ -n ${AWS_LAMBDA_FUNCTION_MEMORY_SIZE:-} ]]; then
    new=$((AWS_LAMBDA_FUNCTION_MEMORY_SIZE / 10))
    limits=(
        --max-semi-space-size=$((new / 2))
        --max-old-space-size=$((AWS_LAMBDA_FUNCTION_MEMORY_SIZE - new))
    )
fi

# shellcheck source=base-images/debian/lambda/root/var/runtime/start.sh
source /var/runtime/start.sh /var/lang/bin/node "${limits[@]}" \
    --expose-gc --max-http-header-size 81920 /var/runtime/index.mjs
