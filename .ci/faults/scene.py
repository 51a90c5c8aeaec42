"""What a fault happens to: a project on disk, a store, a registry, and limg.

A `Stage` holds what all faults share: the registry, the project as it was written,
and the digests that an undisturbed limg builds from it. A `Scene` is a copy of the
project for one fault, with a store and a repository of its own. This module injects
nothing.
"""

import hashlib
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

# Only a name: limg's traffic to it goes to a mirror on the loopback interface.
HOST = "registry.test"
MIRROR = "LIMG_REGISTRY_MIRROR_REGISTRY_TEST"
FUNCTIONS = ("one", "two", "three")
SECONDS = 120  # after which a run of limg counts as one that does not end
OCI = "application/vnd.oci.image"


class Broken(Exception):
    """limg broke a guarantee; the text says which."""


def needs(condition, guarantee):
    if not condition:
        raise Broken(guarantee)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def remove(folder):
    """Removes a folder, also one with more levels than Python can recurse into."""
    subprocess.run(["rm", "-rf", "--", folder], check=True)


def named(folder, pattern):
    """The files and folders below a folder whose names match."""
    return subprocess.run(["find", folder, "-name", pattern], check=True, capture_output=True, text=True).stdout.split()


def tree(folder):
    """The files below a folder: their contents' hashes or link targets by relative path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def base_files():
    """A root file system that has what limg reads of Lambda's bases, as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:

        def add(name, kind, mode, content=b"", link=""):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.size, member.linkname = kind, mode, len(content), link
            archive.addfile(member, io.BytesIO(content))

        for name in ("opt", "tmp", "usr", "usr/bin", "var", "var/runtime", "var/task"):
            add(name, tarfile.DIRTYPE, 0o755)
        for name in ("lambda-entrypoint.sh", "usr/bin/sh", "var/runtime/bootstrap"):
            add(name, tarfile.REGTYPE, 0o755, b"#!/bin/sh\n")
        add("bin", tarfile.SYMTYPE, 0o777, link="usr/bin")
        add("usr/filler", tarfile.REGTYPE, 0o644, random.Random(0).randbytes(300_000))
    return buffer.getvalue()


def write_layout(folder, layers, config=None, manifest=None):
    """Writes an OCI layout with one image whose layers are these tar archives, uncompressed."""

    def put(kind, content):
        digest = hashlib.sha256(content).hexdigest()
        write(folder / "blobs/sha256" / digest, content)
        return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    described = [put("layer.v1.tar", layer) for layer in layers]
    config = config or {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": ["/lambda-entrypoint.sh"],
            "Env": ["PATH=/usr/bin:/bin", "LAMBDA_TASK_ROOT=/var/task"],
            "WorkingDir": "/var/task",
        },
        "history": [{"created_by": "base"} for _ in layers],
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in described]},
    }
    top = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": put("config.v1+json", json.dumps(config).encode()),
        "layers": described,
    } | (manifest or {})
    index = {"schemaVersion": 2, "manifests": [put("manifest.v1+json", json.dumps(top).encode())]}
    write(folder / "index.json", json.dumps(index))
    write(folder / "oci-layout", '{"imageLayoutVersion":"1.0.0"}')


def write_project(folder):
    """Three functions that share two layers and an extension."""
    noise = random.Random(1)
    layers = folder / "layers"
    for number in range(60):
        write(layers / f"utils/python/package/module_{number}.py", f"VALUE = {noise.randbytes(200).hex()!r}\n")
    write(layers / "utils/python/package/table.bin", noise.randbytes(400_000))
    with zipfile.ZipFile(layers / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"data/{number}.json", json.dumps([noise.random() for _ in range(500)]))
    write(folder / "extensions/shipper", "#!/bin/sh\nexec sleep 1000\n")
    for name in FUNCTIONS:
        write(folder / f"functions/{name}/app.py", f"def handler(event, context):\n    return {name!r}\n")
        write(folder / f"functions/{name}/data.bin", noise.randbytes(50_000))
    write(folder / "limg.yaml", json.dumps({  # JSON is YAML
        "project": "chaos",
        "bases": {"python3.11": {"image": f"{HOST}/base:latest"}},
        "defaults": {"runtime": "python3.11", "handler": "app.handler",
                     "layers": ["utils", "data"], "extensions": ["shipper"]},
        "layers": {"utils": {"path": "layers/utils"}, "data": {"path": "layers/data.zip"}},
        "extensions": {"shipper": {"path": "extensions/shipper"}},
        "functions": {name: {"code": f"functions/{name}"} for name in FUNCTIONS},
    }))  # fmt: skip


@dataclass
class Run:
    """How limg ended: its exit code, negative for a signal, and what it printed."""

    code: int
    output: str
    errors: str

    def orderly(self, *codes):
        """limg ended by itself, without a panic, with one of its documented exit codes."""
        needs("panicked" not in self.errors, f"limg panicked:\n{self.errors}")
        allowed = codes or (0, 1, 2, 3)
        needs(self.code in allowed, f"limg ended with {self.code} instead of {allowed}:\n{self.errors}")
        needs(self.code == 0 or "error" in self.errors, f"limg failed without an error message:\n{self.errors}")
        return self


class Stage:
    """A context manager."""

    def __init__(self, folder, limg):
        self.folder, self.limg = folder, limg

    def __enter__(self):
        remove(self.folder)
        self.project = self.folder / "project"
        write_project(self.project)
        write_layout(self.folder / "base", [base_files()])
        self.registry = Registry(self.folder / "registry")
        try:
            self.registry.copy(self.folder / "base", "base:latest")
            scene = self.scene("reference")
            scene.run("build").orderly(0)
            self.digests = scene.layout()
            needs(set(self.digests) == set(FUNCTIONS), "the undisturbed build makes all functions")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.registry.stop()
        remove(self.folder)

    def forget(self, name):
        remove(self.folder / f"scene-{name}")

    def scene(self, name, folder=None, warm=False):
        """A fresh scene; with `warm`, its store is that of a finished build without a layout."""
        scene = Scene(self, str(name), folder or self.folder / f"scene-{name}")
        shutil.copytree(self.project, scene.project)
        if warm:
            scene.run("build").orderly(0)
            shutil.rmtree(scene.project / ".limg")
        return scene


@dataclass
class Scene:
    """One project, one store, and repositories that begin with the scene's name."""

    stage: Stage
    name: str
    folder: Path
    mirror: str = ""
    environment: dict = field(default_factory=dict)

    @property
    def project(self):
        return self.folder / "project"

    @property
    def store(self):
        return self.folder / "store"

    @property
    def prefix(self):
        return f"{HOST}/s{self.name}"

    def command(self, name, *more):
        """The arguments of one of limg's commands."""
        words = [str(self.stage.limg), name]
        words += ["registry", self.prefix] if name == "push" else []
        return words + list(more)

    def settings(self):
        settings = {name: value for name, value in os.environ.items() if not name.startswith(("LIMG_", "AWS_"))}
        home = self.folder / "home"
        return settings | {
            "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home),
            "LIMG_STORE": str(self.store), MIRROR: f"http://{self.mirror or self.stage.registry.address}",
        } | self.environment  # fmt: skip

    def start(self, command, **options):
        return subprocess.Popen(
            command, cwd=self.project, env=self.settings(), text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, **options,
        )  # fmt: skip

    def finish(self, process, seconds=SECONDS):
        """Waits for a process; one that does not end is killed with its children, and is a fault of limg."""
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Broken(f"limg did not end within {seconds} s: {' '.join(process.args)}") from None
        return Run(process.returncode, output, errors)

    def run(self, name, *more, **options):
        return self.finish(self.start(self.command(name, *more), **options))

    def layout(self, folder=None):
        """The digest of each function in the image layout, all of whose blobs are verified."""
        folder = folder or self.project / ".limg/images"
        if not (folder / "index.json").exists():
            return {}

        def blob(descriptor):
            path = folder / "blobs" / descriptor["digest"].replace(":", "/")
            needs(path.exists(), f"{descriptor['digest']} is named in the layout, and there")
            content = path.read_bytes()
            needs(len(content) == descriptor["size"], f"{descriptor['digest']} has its size")
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            needs(digest == descriptor["digest"], f"{descriptor['digest']} has its content")
            return content

        found = {}
        for descriptor in json.loads((folder / "index.json").read_text())["manifests"]:
            manifest = json.loads(blob(descriptor))
            for part in [manifest["config"], *manifest["layers"]]:
                blob(part)
            found[descriptor["annotations"]["org.opencontainers.image.ref.name"]] = descriptor["digest"]
        return found

    def pushed(self):
        """The digest of each function in the registry, all of whose blobs are there."""
        found = {}
        for name in FUNCTIONS:
            repository = f"s{self.name}/{name}"
            answer = self.stage.registry.manifest(repository, "latest")
            if answer is None:
                continue
            digest, manifest = answer
            for part in [manifest["config"], *manifest["layers"]]:
                needs(
                    self.stage.registry.size(repository, part["digest"]) == part["size"],
                    f"{part['digest']} of the tag {repository}:latest is in the registry",
                )
            found[name] = digest
        return found

    def check(self):
        """What holds at any time, after every fault."""
        sources = tree(self.project)
        for name, content in tree(self.stage.project).items():
            needs(sources.get(name) == content, f"the user's file {name} is unchanged")
        for where, found in (("layout", self.layout()), ("registry", self.pushed())):
            for name, digest in found.items():
                needs(digest == self.stage.digests[name], f"{name} in the {where} is the right image")

    def recover(self, command):
        """The next undisturbed run makes everything right, and leaves nothing behind."""
        self.mirror = ""
        self.environment.clear()
        self.check()
        self.run(command).orderly(0)
        self.check()
        found = self.layout() if command == "build" else self.pushed()
        needs(found == self.stage.digests, f"the next {command} finishes all images, not only {sorted(found)}")
        left = named(self.folder, ".limg-*")
        needs(not left, f"no temporary file is left: {left}")


class Registry:
    """Debian's docker-registry on the loopback interface."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        config = {
            "version": "0.1", "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
            "http": {"addr": self.address},
        }  # fmt: skip
        (folder / "config.yml").write_text(json.dumps(config))
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["docker-registry", "serve", str(folder / "config.yml")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f".ci/chaos: docker-registry does not start; see {folder / 'log'}")
            time.sleep(0.05)

    def answers(self):
        try:
            return self.get("/v2/").status == 200
        except OSError:
            return False

    def get(self, path, method="GET", accept="*/*"):
        request = urllib.request.Request(f"http://{self.address}{path}", method=method, headers={"Accept": accept})
        return urllib.request.urlopen(request, timeout=30)

    def copy(self, layout, name):
        subprocess.run(
            ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{layout}", f"docker://{self.address}/{name}"],
            check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def manifest(self, repository, tag):
        """The digest and the content of a tag's manifest; None if there is no such tag."""
        try:
            with self.get(f"/v2/{repository}/manifests/{tag}", accept=f"{OCI}.manifest.v1+json") as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        return f"sha256:{hashlib.sha256(content).hexdigest()}", json.loads(content)

    def size(self, repository, digest):
        try:
            with self.get(f"/v2/{repository}/blobs/{digest}", method="HEAD") as answer:
                return int(answer.headers["Content-Length"])
        except urllib.error.HTTPError:
            return None

    def stop(self):
        self.process.terminate()
        self.process.wait()
