"""What a fault happens to: limg with a project, a store and a registry.

A `Stage` holds what all faults share: two registries, the project as it was written,
and the digests that an undisturbed limg builds from it. A `Scene` is a copy of the
project for one fault, with a store and a repository of its own. This module injects
nothing.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .project import FUNCTIONS, HOST, base_files, write_layout, write_project
from .registry import Registry

MIRROR = "LIMG_REGISTRY_MIRROR_REGISTRY_TEST"
BASE_MIRROR = "LIMG_REGISTRY_MIRROR_BASES_TEST"
SECONDS = 120  # after which a run of limg counts as one that does not end


class Broken(Exception):
    """limg broke a guarantee; the text says which."""


def needs(condition, guarantee):
    if not condition:
        raise Broken(guarantee)


def remove(folder):
    """Removes a folder, also one with more levels than Python can recurse into."""
    subprocess.run(["rm", "-rf", "--", folder], check=True)


def find(folder, pattern):
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
    """A context manager: what all faults share."""

    def __init__(self, folder, limg):
        self.folder, self.limg = folder, limg

    def __enter__(self):
        remove(self.folder)
        self.project = self.folder / "project"
        write_project(self.project)
        write_layout(self.folder / "base", [base_files()])
        self.registry = Registry(self.folder / "registry")
        self.bases = Registry(self.folder / "bases")
        try:
            self.bases.copy(self.folder / "base", "base:latest")
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
        self.bases.stop()
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
    base_mirror: str = ""
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
            BASE_MIRROR: f"http://{self.base_mirror or self.stage.bases.address}",
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
            _, errors = process.communicate()
            raise Broken(f"limg did not end within {seconds} s: {' '.join(process.args)}\n{errors}") from None
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
        self.mirror = self.base_mirror = ""
        self.environment.clear()
        self.check()
        self.run(command).orderly(0)
        self.check()
        found = self.layout() if command == "build" else self.pushed()
        needs(found == self.stage.digests, f"the next {command} finishes all images, not only {sorted(found)}")
        left = find(self.folder, ".limg-*")
        needs(not left, f"no temporary file is left: {left}")
