#!/bin/sh
# Starts a Python runtime under debugpy, which waits for a debugger. The runtime's start script runs this as its wrapper,
# with the interpreter's command line: PYTHON [OPTION...] SCRIPT, or PYTHON [OPTION...] -m MODULE [ARGUMENT...].

# The image's own wrapper comes first, and starts this script with the command line that it wants.
if [ -n "${LIMG_DEBUG_WRAPPED:-}" ]; then
    wrapper=$LIMG_DEBUG_WRAPPED
    unset LIMG_DEBUG_WRAPPED
    exec "$wrapper" "$0" "$@"
fi

python=$1
shift
version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}/var/task:/opt/python:/opt/python/lib/$version/site-packages"
if ! "$python" -c 'import debugpy'; then
    echo "add the package \`debugpy\` to the function's code or to a layer" >&2
    exit 1
fi

# debugpy goes between the interpreter's options and what it runs. The options -X and -W have a value. Debuggers may miss
# breakpoints in frozen modules; older interpreters ignore that option.
inserted=
option=
for argument; do
    shift
    if [ -z "$inserted" ] && [ "$option" != -X ] && [ "$option" != -W ]; then
        case $argument in
            -m | [!-]*)
                set -- "$@" -X frozen_modules=off -m debugpy --listen "$LIMG_DEBUG_ADDRESS" --wait-for-client
                inserted=yes
                ;;
        esac
    fi
    option=$argument
    set -- "$@" "$argument"
done
exec "$python" "$@"
