# examples/python-layers as a Dockerfile:
#
#   docker build -f Dockerfiles/python-layers.Dockerfile --build-arg BASE=<python3.11 base> examples/python-layers
#
# COPY takes a file's mode from the context, so the modes are 0644 and 0755 only if the files were
# checked out with the usual umask, 022. limg sets the modes itself.

ARG BASE

# Docker unpacks only tar files, so the zip is unpacked in a separate stage: temporary files and
# byte code remain there. Owner and modes come from the user and the umask here, root and 022, and
# not from the zip.
FROM ${BASE} AS festive
COPY layers/festive.zip /tmp/festive.zip
RUN python3 -m zipfile -e /tmp/festive.zip /tmp/festive

FROM ${BASE}

# The layers, in the function's order: the later one replaces the files of the earlier one.
COPY layers/messages/ /opt/
COPY --from=festive /tmp/festive/ /opt/

COPY extensions/event-log /opt/extensions/event-log
COPY scripts/importtime /opt/wrappers/importtime
COPY functions/greet/ /var/task/

ENV GREETING_STYLE=cheerful \
    AWS_LAMBDA_EXEC_WRAPPER=/opt/wrappers/importtime

# The same as in the base; repeated because the function's files depend on it.
WORKDIR /var/task
CMD ["app.handler"]
