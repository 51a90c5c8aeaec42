# examples/static-binary as a Dockerfile, after running its build.sh:
#
#   docker build -f Dockerfiles/static-binary.Dockerfile examples/static-binary
#
# Name another base with --build-arg BASE=…; the programs do not need one.

ARG BASE=scratch
FROM ${BASE}

COPY build/counter /opt/extensions/counter
COPY build/bootstrap /var/task/bootstrap

# The variables of Lambda's own bases, which scratch does not have.
ENV PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin \
    LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib \
    LAMBDA_TASK_ROOT=/var/task \
    LAMBDA_RUNTIME_DIR=/var/runtime \
    LANG=en_US.UTF-8 \
    TZ=:/etc/localtime

WORKDIR /var/task
ENTRYPOINT ["/var/task/bootstrap"]
CMD ["bootstrap"]
