# Compiles sources that limg sends, and never runs them. A request is the lengths of a path and of a source (8 bytes,
# little-endian), the path, and the source. An answer is a letter, a length of 4 bytes, and so many bytes: `c` with the hash of
# the source and the marshalled code, or `e` with a message.
import sys
from importlib.util import source_hash
from marshal import dumps

SECONDS = 60
MEMORY = 2 << 30

try:
    import resource
except ImportError:
    resource = None


def limit(kind, value):
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(kind, (value, hard))
    except (OSError, ValueError):
        pass  # The system does not have this limit.


def limit_time():
    if resource:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        limit(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime) + SECONDS)


def message(error):
    text = type(error).__name__
    if isinstance(error, SyntaxError):
        return "%s: %s (line %s)" % (text, error.msg, error.lineno)
    return "%s: %s" % (text, error) if str(error) else text


def answer(path, source):
    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
        return b"c", source_hash(source) + dumps(code)
    except Exception as error:
        return b"e", message(error).encode("utf-8", "backslashreplace")


def main():
    read, write, flush = sys.stdin.buffer.read, sys.stdout.buffer.write, sys.stdout.buffer.flush
    if resource:
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_AS, MEMORY)
    while True:
        lengths = read(8)
        if len(lengths) < 8:
            return
        path = read(int.from_bytes(lengths[:4], "little")).decode()
        source = read(int.from_bytes(lengths[4:], "little"))
        limit_time()
        kind, content = answer(path, source)
        write(kind + len(content).to_bytes(4, "little"))
        write(content)
        flush()


main()
