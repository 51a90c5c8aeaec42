# examples/python-layers by hand:
#
#   docker build -f Dockerfiles/python-layers.Dockerfile --build-arg BASE=<python3.11 base> examples/python-layers
#
# COPY takes a file's mode from the context, so this gives 0644 and 0755 only where the files were
# checked out with the usual umask, 022. limg sets the modes itself.

ARG BASE

# Docker unpacks tar files alone, hence a stage of its own for the zip: what unpacking leaves
# behind, byte code included, stays there. The owner and the modes are those of the user and the
# umask here, root and 022, whatever the zip says.
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

# Already that in the base; named, since the function's files depend on it.
WORKDIR /var/task
CMD ["app.handler"]
