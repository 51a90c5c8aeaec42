# examples/static-binary by hand, after its build.sh:
#
#   docker build -f Dockerfiles/static-binary.Dockerfile examples/static-binary
#
# Other bases can be named with --build-arg BASE=…; the programs need none.

ARG BASE=scratch
FROM ${BASE}

COPY build/counter /opt/extensions/counter
COPY build/bootstrap /var/task/bootstrap

# What Lambda's bases say of themselves, and scratch does not.
ENV PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin \
    LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib \
    LAMBDA_TASK_ROOT=/var/task \
    LAMBDA_RUNTIME_DIR=/var/runtime \
    LANG=en_US.UTF-8 \
    TZ=:/etc/localtime

WORKDIR /var/task
ENTRYPOINT ["/var/task/bootstrap"]
CMD ["bootstrap"]
