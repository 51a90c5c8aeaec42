# examples/custom-runtime as a Dockerfile:
#
#   docker build -f Dockerfiles/custom-runtime.Dockerfile --build-arg BASE=<provided.al2023 base> examples/custom-runtime
#
# COPY takes a file's mode from the context, so the modes are 0644 and 0755 only if the files were
# checked out with the usual umask, 022. limg sets the modes itself.

ARG BASE
FROM ${BASE}

# The layer, as for any function.
COPY layers/shell-runtime/ /opt/

# The entry point of a `provided` base starts this one path and looks neither in /var/task nor in
# /opt, so the runtime is copied here as well.
#
# The only intended difference: in limg's image /var/runtime/bootstrap is limg's launcher, which
# searches /var/task and /opt, and honours AWS_LAMBDA_EXEC_WRAPPER.
COPY layers/shell-runtime/bootstrap /var/runtime/bootstrap

COPY functions/echo/ /var/task/

# The same as in the base; repeated because the function's files depend on it.
WORKDIR /var/task
CMD ["function.handler"]
