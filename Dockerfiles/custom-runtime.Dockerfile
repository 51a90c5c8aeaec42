# examples/custom-runtime by hand:
#
#   docker build -f Dockerfiles/custom-runtime.Dockerfile --build-arg BASE=<provided.al2023 base> examples/custom-runtime
#
# COPY takes a file's mode from the context, so this gives 0644 and 0755 only where the files were
# checked out with the usual umask, 022. limg sets the modes itself.

ARG BASE
FROM ${BASE}

# The layer, as for any function.
COPY layers/shell-runtime/ /opt/

# The entry point of a `provided` base looks neither in /var/task nor in /opt; it starts this one
# path, so the runtime has to be there as well.
#
# Intended difference, the only one: in limg's image /var/runtime/bootstrap is limg's launcher, which
# searches /var/task and /opt, and honours AWS_LAMBDA_EXEC_WRAPPER.
COPY layers/shell-runtime/bootstrap /var/runtime/bootstrap

COPY functions/echo/ /var/task/

# Already that in the base; named, since the function's files depend on it.
WORKDIR /var/task
CMD ["function.handler"]
