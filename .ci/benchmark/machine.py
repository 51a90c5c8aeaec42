"""The environment of a measurement: file systems, daemons, counters.

A `Bench` is the environment of one tool in one run: a fresh tmpfs with fresh
registries, and a Docker engine of its own if the tool needs one, so that no run
is affected by another. The registries are on this machine or at the other end of
a line. This module does not depend on the tools.
"""

import contextlib
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


class Sent:
    """Counts the bytes of TCP packets that leave for a port.

    An iptables rule without a target only counts. It costs no measurable time and
    is removed with our network namespace. If it cannot be added, the count is None.
    """

    def __init__(self, port):
        rule = ["-p", "tcp", "--dport", str(port)]
        self.port = port
        self.works = shutil.which("iptables") and self.iptables("-I", "OUTPUT", *rule) is not None

    def iptables(self, *arguments):
        done = subprocess.run(["iptables", "-w", *arguments], capture_output=True, text=True)
        return None if done.returncode else done.stdout

    def bytes(self):
        if not self.works:
            return None
        for line in self.iptables("-nvxL", "OUTPUT").splitlines():
            if line.split()[-1:] == [f"dpt:{self.port}"]:
                return int(line.split()[1])
        return None


def free_ports(count):
    """Ports that no other process uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


class Bench:
    """A context manager; `store` is the folder of the tool, `line` is that to the registries, if there is one."""

    def __init__(self, folder, base, limg, tool, variables, line=None):
        self.folder, self.base, self.limg, self.variables = folder, base, limg, variables
        self.engine, self.makes_image = tool.engine, tool.makes_image
        self.line, self.host = line, line.host if line else "127.0.0.1"
        self.store = folder / "store"
        self.daemons = {}
        registries = ["registry", *["other"] * tool.base_elsewhere]
        self.ports = dict(zip(registries, free_ports(len(registries))))
        self.image = f"{self.address('registry')}/bench/function"
        self.stock = f"{self.address('other')}/bases/stock:base" if tool.base_elsewhere else f"{self.image}:base"

    def address(self, registry):
        return f"{self.host}:{self.ports[registry]}"

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80%", "limg-bench", self.folder], check=True)
        try:
            for name in ("store", "home", "tmp"):
                (self.folder / name).mkdir()
            for name in self.ports:
                self.start_registry(name)
            # A line's other end is not a loopback address, which limg uses without TLS.
            insecure = {self.address(name): {"insecure": True} for name in self.ports if self.line}
            (self.folder / "config.yaml").write_text(json.dumps({"registries": insecure}))
            self.sent = Sent(self.ports["registry"])
            if self.engine:
                self.start_engine()
            stock = "skopeo copy --quiet --dest-tls-verify=false oci:$BASE:latest docker://$STOCK"
            self.spawn(self.beyond(["bash", "-c", stock]), self.folder)
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

    def beyond(self, command):
        """A command that runs where the registries are."""
        return self.line.far(command) if self.line else command

    def start(self, name, command, ready):
        """Starts a daemon and waits until `ready` returns true."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            daemon = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip
        self.daemons[name] = daemon
        deadline = time.monotonic() + 60
        while not ready():
            if daemon.poll() is not None or time.monotonic() > deadline:
                sys.exit(f".ci/bench: {name} does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)

    def serve(self, name, server, host="127.0.0.1"):
        """Starts a server, given as its port and command."""
        port, command = server

        def ready():
            with socket.socket() as probe:
                return probe.connect_ex((host, port)) == 0

        self.start(name, command, ready)

    def start_registry(self, name):
        configuration = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / name)}},
            "http": {"addr": self.address(name)},
        }
        file = self.folder / f"{name}.yml"
        file.write_text(json.dumps(configuration))  # JSON is YAML
        self.serve(name, (self.ports[name], self.beyond(["docker-registry", "serve", file])), self.host)

    def start_engine(self):
        """Starts an engine without networks: the builds run no programs that need one.

        It removes docker0 as it starts, so it must never see the host's network.
        """
        if "docker0" in (name for _, name in socket.if_nameindex()):
            sys.exit(".ci/bench: the engine cannot run in a network that has docker0, because it would remove it")
        home = self.folder / "engine"
        settings = self.folder / "engine.json"
        # Instead of the host's.
        settings.write_text(json.dumps({"insecure-registries": [self.address("registry")]}))
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
            "LIMG_CONFIG": str(self.folder / "config.yaml"),
            "LIMG": str(self.limg),
            "STORE": str(self.store),
            "BASE": str(self.base),
            "REGISTRY": self.address("registry"),
            "IMAGE": self.image,
            "STOCK": self.stock,
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
        sent = self.sent.bytes()
        # The kernel counts the memory of the process that starts a program as the program's. GNU
        # time is small, this process is not.
        peak = self.folder / "peak"
        wall, usage = self.spawn(
            ["time", f"--output={peak}", "--format=%M", "bash", "-euo", "pipefail", "-c", script], cwd
        )
        after = sum(map(processor_seconds, daemons))
        return {
            "wall": wall,
            "cpu": usage.ru_utime + usage.ru_stime + after - before,
            "peak": max([int(peak.read_text()) * 1024, *map(peak_memory, engine)]),
            "sent": None if sent is None else self.sent.bytes() - sent,
            "layers": sum(layer["size"] for layer in self.layers()) if self.makes_image else None,
        }

    def empty_store(self):
        shutil.rmtree(self.store)
        self.store.mkdir()

    def manifest(self, image):
        """The manifest of an image in a registry, HOST:PORT/NAME:TAG."""
        name, _, tag = image.rpartition(":")
        host, _, repository = name.partition("/")
        request = urllib.request.Request(
            f"http://{host}/v2/{repository}/manifests/{tag}", headers={"Accept": MANIFESTS}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def pushed(self):
        """The manifest of the image that the tool has pushed."""
        return self.manifest(f"{self.image}:latest")

    def layers(self):
        """The descriptors of the layers that the pushed image has above its base."""
        count = len(self.manifest(self.stock)["layers"])
        return self.pushed()["layers"][count:]

    def blob(self, digest):
        """The file in which a registry keeps a blob."""
        name = digest.removeprefix("sha256:")
        files = [
            self.folder / registry / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data" for registry in self.ports
        ]
        return next(filter(Path.exists, files))
