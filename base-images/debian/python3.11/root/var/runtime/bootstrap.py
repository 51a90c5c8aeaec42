"""Prepares the module search path as Lambda does, then runs the handler.

The order is that of AWS's managed Python runtimes: the function's code, then
the layers (site-packages first), then this folder and the interpreter's own.
The runtime interface client itself knows nothing of /opt.
"""

import os
import site
import sys

# Imported before the path changes: the function must not replace the client.
from awslambdaric.__main__ import main

TASK_ROOT = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
RUNTIME_DIR = os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
LAYERS = [
    "/opt/python/lib/python{}.{}/site-packages".format(*sys.version_info),
    "/opt/python",
]


def prepare_path():
    # A PYTHONPATH set by the user replaces the layers' places, it does not add.
    own_path = "PYTHONPATH" in os.environ
    roots = [TASK_ROOT] if own_path else [TASK_ROOT, *LAYERS]
    sys.path[:0] = roots
    for root in roots:
        site.addsitedir(root)  # for the .pth files there
    if not own_path:
        os.environ["PYTHONPATH"] = RUNTIME_DIR  # for child processes


if __name__ == "__main__":
    prepare_path()
    main([sys.argv[0], os.environ["_HANDLER"]])
