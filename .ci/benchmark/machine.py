"""The environment of a measurement: file systems, daemons, counters.

A `Bench` is the environment of one tool in one run: a fresh tmpfs with a fresh
registry, and a Docker engine of its own if the tool needs one, so that no run
is affected by another. This module does not depend on the tools.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in ("oci.image.manifest.v1", "docker.distribution.manifest.v2")
)


class Failed(Exception):
    """A command of a tool failed; the text is its output."""


def processor_seconds(pid):
    """Processor seconds of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def peak_memory(pid):
    """The largest resident size of a process since `reset_peak`, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def reset_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def descendants(pid):
    """A process and all its descendants: containerd is a child of dockerd."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += descendants(int(child))
    return found


class Received:
    """Counts the bytes of TCP packets to a port of the loopback interface.

    An iptables rule without a target only counts. It costs no measurable time and
    is removed with our network namespace. If it cannot be added, the count is None.
    """

    def __init__(self, port):
        rule = ["-i", "lo", "-p", "tcp", "--dport", str(port)]
        self.port = port
        self.works = shutil.which("iptables") and self.iptables("-I", "INPUT", *rule) is not None

    def iptables(self, *arguments):
        done = subprocess.run(["iptables", "-w", *arguments], capture_output=True, text=True)
        return None if done.returncode else done.stdout

    def bytes(self):
        if not self.works:
            return None
        for line in self.iptables("-nvxL", "INPUT").splitlines():
            if line.split()[-1:] == [f"dpt:{self.port}"]:
                return int(line.split()[1])
        return None


class Bench:
    """A context manager; `store` is the folder of the tool."""

    def __init__(self, folder, base, limg, tool, variables):
        self.folder, self.base, self.limg, self.variables = folder, base, limg, variables
        self.engine, self.makes_image = tool.engine, tool.makes_image
        self.store = folder / "store"
        self.daemons = {}

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80%", "limg-bench", self.folder], check=True)
        try:
            for name in ("store", "registry", "home", "tmp"):
                (self.folder / name).mkdir()
            self.start_registry()
            self.received = Received(self.port)
            if self.engine:
                self.start_engine()
            self.run(
                "skopeo copy --quiet --dest-tls-verify=false oci:$BASE:latest docker://$IMAGE:base",
                self.folder,
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
            daemon.wait()
        # Mounts that a killed container or an overlay of buildah still uses are removed with
        # our mount namespace.
        subprocess.run(["umount", "--recursive", "--lazy", self.folder], check=True)

    def start(self, name, command, ready, **options):
        """Starts a daemon and waits until `ready` returns true."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            daemon = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True, **options,
            )  # fmt: skip
        self.daemons[name] = daemon
        deadline = time.monotonic() + 60
        while not ready():
            if daemon.poll() is not None or time.monotonic() > deadline:
                sys.exit(f".ci/bench: {name} does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)

    def serve(self, name, server):
        """Starts a server, given as its port and command."""
        port, command = server

        def ready():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        self.start(name, command, ready)

    def start_registry(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        configuration = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "registry")}},
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
        file = self.folder / "registry.yml"
        file.write_text(json.dumps(configuration))  # JSON is YAML
        self.serve("registry", (self.port, ["docker-registry", "serve", file]))

    def start_engine(self):
        """Starts an engine without networks: the builds run no programs that need one.

        It removes docker0 as it starts, so it must never see the host's network.
        """
        if "docker0" in (name for _, name in socket.if_nameindex()):
            sys.exit(".ci/bench: the engine cannot run in a network that has docker0, because it would remove it")
        home = self.folder / "engine"
        settings = self.folder / "engine.json"
        settings.write_text("{}")  # instead of the host's
        self.start(
            "engine",
            ["dockerd", f"--host=unix://{self.folder}/docker.sock", f"--data-root={home}/data",
             f"--exec-root={home}/run", f"--pidfile={self.folder}/docker.pid",
             "--storage-driver=overlay2", "--bridge=none", "--iptables=false", "--ip-masq=false",
             f"--config-file={settings}"],
            lambda: not subprocess.run(
                ["docker", "version"], env=self.environment(), capture_output=True
            ).returncode,
        )  # fmt: skip

    def environment(self):
        """The environment of the scripts in tools.py, without the caller's settings."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "DOCKER_HOST": f"unix://{self.folder}/docker.sock",
            "LIMG_STORE": str(self.store),
            "LIMG": str(self.limg),
            "STORE": str(self.store),
            "BASE": str(self.base),
            "REGISTRY": f"127.0.0.1:{self.port}",
            "IMAGE": f"127.0.0.1:{self.port}/bench/function",
            **self.variables,
        }

    def run(self, script, cwd):
        """Runs a Bash script without measuring it."""
        self.spawn(["bash", "-euo", "pipefail", "-c", script], cwd)

    def spawn(self, command, cwd):
        """Runs a command; returns its wall seconds and its resource usage."""
        with (self.folder / "output").open("w+b") as output:
            begin = time.perf_counter()
            child = subprocess.Popen(
                command, cwd=cwd, env=self.environment(), stdin=subprocess.DEVNULL,
                stdout=output, stderr=output,
            )  # fmt: skip
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - begin
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                output.seek(0)
                raise Failed(output.read()[-4000:].decode(errors="replace").strip())
        return wall, usage

    def measure(self, script, cwd):
        """Runs a Bash script; returns seconds and bytes by name."""
        engine = descendants(self.daemons["engine"].pid) if self.engine else []
        daemons = [*engine, self.daemons["registry"].pid]
        for pid in engine:
            reset_peak(pid)
        before = sum(map(processor_seconds, daemons))
        received = self.received.bytes()
        # The kernel counts the memory of the process that starts a program as the program's. GNU
        # time is small, this process is not.
        peak = self.folder / "peak"
        wall, usage = self.spawn(
            ["time", f"--output={peak}", "--format=%M", "bash", "-euo", "pipefail", "-c", script], cwd
        )
        after = sum(map(processor_seconds, daemons))
        sent = None if received is None else self.received.bytes() - received
        return {
            "wall": wall,
            "cpu": usage.ru_utime + usage.ru_stime + after - before,
            "peak": max([int(peak.read_text()) * 1024, *map(peak_memory, engine)]),
            "sent": sent,
            "layers": sum(layer["size"] for layer in self.layers()) if self.makes_image else None,
        }

    def manifest(self, tag):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v2/bench/function/manifests/{tag}",
            headers={"Accept": MANIFESTS},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def layers(self):
        """The descriptors of the layers that the pushed image has above its base."""
        count = len(self.manifest("base")["layers"])
        return self.manifest("latest")["layers"][count:]

    def blob(self, digest):
        """The file in which the registry keeps a blob."""
        name = digest.removeprefix("sha256:")
        return self.folder / "registry/docker/registry/v2/blobs/sha256" / name[:2] / name / "data"
