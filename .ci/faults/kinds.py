"""The kinds of faults. Each takes a `Stage`, the number of the fault and its source of
random numbers, describes the fault to `tell` before it happens, and raises `Broken` if
limg breaks a guarantee.

A kind returns False if the fault did not happen, for example because limg made fewer
system calls than expected; such a fault does not count.
"""

import io
import json
import signal
import subprocess
import tarfile
import threading
import time
import zipfile
from pathlib import Path

from . import hostile_inputs
from .project import BASE_HOST, FUNCTIONS, LARGE
from .proxy import Proxy
from .scene import Broken, find, needs

# System calls that change something, and others, each with about how often a thread of
# limg makes it.
WRITING = {"write": 30, "writev": 30, "fsync": 12, "fchmod": 12, "flock": 8, "linkat": 7, "mkdir": 6,
           "rename": 1, "ftruncate": 1}  # fmt: skip
READING = {"openat": 60, "read": 60, "statx": 60, "getdents64": 12, "lseek": 6}
ERRORS = {
    "write": ("ENOSPC", "EIO", "EDQUOT"),
    "writev": ("EIO", "ECONNRESET"),
    "read": ("EIO", "EINTR"),
    "openat": ("EMFILE", "EACCES", "EIO"),
    "flock": ("EINTR", "ENOLCK"),
    "statx": ("EACCES", "EIO"),
}
COMMANDS = ("build", "push")

# The file of an archive that is overwritten.
STORED = "data/stored.bin"

# Where hostile names lead.
OUTSIDE = ("/outside", "/etc/outside", "/tmp/outside")

# What the asynchronous runtime says when the error hits its own event counter, for which
# the kernel never returns one. limg panics then, or does not end.
IMPOSSIBLE = "failed to wake I/O driver"


def trace(scene, command, inject, log):
    """Runs one of limg's commands under strace with a fault below one of its system calls."""
    call = inject.partition(":")[0]
    words = ["strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", f"--output={log}",
             f"--trace={call}", f"--inject={inject}"]  # fmt: skip
    return scene.finish(scene.start(words + scene.command(command)))


def kill_at_call(stage, number, random, tell):
    """SIGKILL at one of limg's system calls."""
    command, call = random.choice(COMMANDS), random.choice(list(WRITING))
    at = random.randint(1, WRITING[call])
    warm = random.random() < 0.3
    tell(f"SIGKILL at {call} {at} of a thread of limg {command}{' with a warm store' if warm else ''}")
    scene = stage.scene(number, warm=warm)
    run = trace(scene, command, f"{call}:signal=KILL:when={at}", scene.folder / "trace")
    scene.recover(command)
    return run.code not in (0, 1, 2, 3)


def kill_at_time(stage, number, random, tell):
    """SIGKILL after some milliseconds."""
    command, delay = random.choice((*COMMANDS, "update")), random.uniform(0.001, 0.25)
    tell(f"SIGKILL {delay * 1000:.1f} ms after the start of limg {command}")
    scene = stage.scene(number, warm=random.random() < 0.3)
    process = scene.start(scene.command(command))
    time.sleep(delay)
    process.kill()
    run = scene.finish(process)
    scene.recover("build" if command == "update" else command)
    return run.code == -signal.SIGKILL


def end_at_time(stage, number, random, tell):
    """SIGINT or SIGTERM after some milliseconds: limg ends with 130 or 143."""
    name, code = random.choice((("SIGINT", 130), ("SIGTERM", 143)))
    command, delay = random.choice(COMMANDS), random.uniform(0.005, 0.2)
    tell(f"{name} {delay * 1000:.1f} ms after the start of limg {command}")
    scene = stage.scene(number)
    process = scene.start(scene.command(command))
    time.sleep(delay)
    process.send_signal(getattr(signal, name))
    run = scene.finish(process)
    # Before limg handles signals, the system ends it.
    needs(run.code in (0, code, -getattr(signal, name)), f"limg ends with {code} after {name}, not {run.code}")
    scene.recover(command)
    return run.code != 0


def failing_call(stage, number, random, tell):
    """An error that one of limg's system calls returns."""
    calls = WRITING | READING
    command, call = random.choice(COMMANDS), random.choice(list(calls))
    error, at = random.choice(ERRORS.get(call, ("EIO", "ENOSPC", "EACCES"))), random.randint(1, calls[call])
    tell(f"{error} from {call} {at} of a thread of limg {command}")
    scene = stage.scene(number, warm=random.random() < 0.3)
    log = scene.folder / "trace"
    try:
        run = trace(scene, command, f"{call}:error={error}:when={at}", log)
    except Broken as endless:
        if IMPOSSIBLE in str(endless):
            return False
        raise
    happened = "(INJECTED)" in log.read_text()
    if IMPOSSIBLE in run.errors:
        return False
    if "error while loading shared libraries" not in run.errors:
        run.orderly()
        if run.code == 0:
            found = scene.layout() if command == "build" else scene.pushed()
            needs(found == stage.digests, f"limg {command} succeeded, so that all images are there")
    scene.recover(command)
    return happened


def full_disk(stage, number, random, tell):
    """A file system for the project and the store that is too small."""
    size = (LARGE >> 10) + random.randint(600, 6000)
    command = random.choice(COMMANDS)
    tell(f"limg {command} on a file system of {size} KiB")
    folder = stage.folder / f"scene-{number}"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "limg-chaos", folder], check=True)
    try:
        scene = stage.scene(number, folder)
        run = scene.run(command).orderly(0, 3)
        scene.check()
        needs(run.code == 0 or "space" in run.errors, f"the message names the cause:\n{run.errors}")
        subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
        scene.recover(command)
    except OSError:
        return False  # the project itself did not fit
    finally:
        subprocess.run(["umount", folder], check=True)
    return run.code == 3


def network(stage, number, random, tell):
    """A connection to the registry that breaks, sends something else, or answers with errors."""
    faults = [random.choice(Proxy.FAULTS) for _ in range(random.randint(1, 6))]
    plan = [(fault, random.randint(0, random.choice((300, 3000, 500_000)))) for fault in faults]
    of_base = random.random() < 0.4
    way = "a proxy to the registry of the base" if of_base else "a proxy"
    tell(f"limg push through {way}: {', '.join(f'{fault} after {at} bytes' for fault, at in plan)}")
    scene = stage.scene(number)
    with Proxy((stage.bases if of_base else stage.registry).address, plan, random) as proxy:
        if of_base:
            scene.base_mirror = proxy.address
        else:
            scene.mirror = proxy.address
        run = scene.run("push").orderly(0, 1, 3)
        if run.code == 0:
            needs(scene.pushed() == stage.digests, "limg push succeeded, so that all tags are there")
    scene.recover("push")
    return proxy.happened


def at_once(stage, number, random, tell):
    """Several runs of limg on one project, one store and one registry."""
    commands = [random.choice(("build", "build", "push", "update", "prune")) for _ in range(random.randint(2, 6))]
    tell(f"at once: limg {', '.join(commands)}")
    scene = stage.scene(number)
    started = []
    for command in commands:
        words = [str(stage.limg), "cache", "prune", "--all"] if command == "prune" else scene.command(command)
        started.append((command, scene.start(words)))
        time.sleep(random.uniform(0, 0.05))
    runs = [(command, scene.finish(process)) for command, process in started]
    for command, run in runs:
        run.orderly(*((0, 1, 3) if command == "prune" else (0,)))
    pins = (scene.project / "limg.lock").read_text() if "update" in commands or "build" in commands else ""
    needs(not pins or f"{BASE_HOST}/base" in pins, "limg.lock has the pin of the base")
    scene.recover("build")
    scene.recover("push")
    return True


def stored_archive(fill, size):
    """A zip archive of one uncompressed file of equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(STORED), bytes([fill]) * size)
    return buffer.getvalue()


def content_of(layout, name):
    """The content of a file in the upper layers of the first image in a layout."""
    blobs = layout / "blobs/sha256"
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads((blobs / index["manifests"][0]["digest"].partition(":")[2]).read_text())
    for layer in reversed(manifest["layers"]):
        with tarfile.open(blobs / layer["digest"].partition(":")[2]) as archive:
            if name in archive.getnames():
                return archive.extractfile(name).read()
    return None


def torn(stage, number, random, tell):
    """A file, or an archive, that another program overwrites in place while limg reads it."""
    size, archived = random.choice((300_000, 3_000_000, 20_000_000)), random.random() < 0.3
    tell(f"{'an archive' if archived else 'a file'} of {size} bytes is overwritten during limg build")
    scene = stage.scene(number)
    target = scene.project / ("layers/data.zip" if archived else f"functions/{FUNCTIONS[0]}/data.bin")
    contents = [stored_archive(fill, size) for fill in b"AB"] if archived else [b"A" * size, b"B" * size]
    target.write_bytes(contents[0])
    stop, writes = threading.Event(), 0

    def overwrite():
        nonlocal writes
        with target.open("r+b", buffering=0) as file:
            while not stop.is_set():
                file.seek(0)
                content = memoryview(contents[writes % 2])
                # In blocks, as programs write: the kernel sets a file's time once for each call.
                for start in range(0, len(content), 1 << 16):
                    file.write(content[start : start + (1 << 16)])
                writes += 1
                time.sleep(0.003)

    writer = threading.Thread(target=overwrite)
    writer.start()
    try:
        out = scene.folder / "out"
        run = scene.run("build", FUNCTIONS[0], "-o", f"oci:{out}").orderly(0, 1, 3)
    finally:
        stop.set()
        writer.join()
    if run.code == 0:
        found = content_of(out, f"opt/{STORED}" if archived else "var/task/data.bin")
        wanted = [bytes([fill]) * size for fill in b"AB"]
        needs(found in wanted, "the file in the image is what it was at one time")
    else:
        needs("changed while" in run.errors, f"the message says that the file changed:\n{run.errors}")
    scene.layout(out)
    return writes > 0


def hostile(stage, number, random, tell):
    """A damaged or hostile archive, layout or definition."""
    name, make = random.choice(hostile_inputs.INPUTS)
    tell(f"{name}")
    scene = stage.scene(number)
    make(scene.project, random)
    # Two GiB of address space, and far more time than it takes: limg needs neither for any input.
    limited = ["prlimit", f"--as={2 << 30}", *scene.command("build")]
    run = scene.finish(scene.start(limited), seconds=30).orderly()
    if run.code == 0:
        needs(set(scene.layout()) == set(FUNCTIONS), "limg build succeeded, so that all images are there")
    else:
        needs(run.code in (1, 2), f"the input is the user's fault, not the environment's:\n{run.errors}")
        needs(not scene.layout(), "no image is written from input that limg rejects")
    outside = find(scene.folder, "outside") + [path for path in OUTSIDE if Path(path).exists()]
    needs(not outside, f"nothing is written outside the project: {outside}")
    return True


KINDS = {
    "kill at a system call": kill_at_call,
    "kill at a time": kill_at_time,
    "interrupt": end_at_time,
    "failing system call": failing_call,
    "full disk": full_disk,
    "network": network,
    "several at once": at_once,
    "torn file": torn,
    "hostile input": hostile,
}
