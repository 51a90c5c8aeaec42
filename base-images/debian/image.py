"""Writes image layers and OCI layouts; the same files give the same bytes.

    image.py layer ROOT DIR [PARENT_ROOT]
    image.py layout LAYOUT ARCHITECTURE CONFIG LAYER_DIR...

`layer` writes DIR/layer.tar.gz, the files that ROOT has in addition to
PARENT_ROOT, and DIR/layer.json, its OCI descriptor and diff ID. `layout` combines
such layers and adds the variables in each DIR/environment to those in CONFIG.

Lambda's reader requires that the directories of each file come before it in the
same layer, that there are no hard links and no devices, and that the layer is a
single gzip member.
"""

import gzip
import hashlib
import json
import os
import shutil
import stat
import sys
import tarfile
from datetime import datetime, timezone
from pathlib import Path

EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])

# Only the folder itself goes into a layer: its contents belong to the engine, are
# made again when they are needed, or differ from build to build.
EMPTY = {
    "boot", "dev", "proc", "root", "run", "sys", "tmp",
    "usr/share/info", "usr/share/locale", "usr/share/man",
    "var/cache/apt", "var/cache/debconf", "var/cache/ldconfig",
    "var/lib/apt/lists", "var/log", "var/tmp",
}  # fmt: skip
ABSENT = {
    "etc/.pwd.lock", "etc/apt/sources.list.d/0000sources.list", "etc/hostname", "etc/machine-id", "etc/resolv.conf",
    "var/lib/dpkg/lock", "var/lib/dpkg/lock-frontend",
}  # fmt: skip


def walk(root, folder=""):
    """All paths that go into an image, a folder before its contents."""
    for name in sorted(os.listdir(os.path.join(root, folder)), key=os.fsencode):
        path = os.path.join(folder, name)
        mode = os.lstat(os.path.join(root, path)).st_mode
        if path in ABSENT or (folder == "var/lib/dpkg" and name.endswith("-old")):
            continue
        if stat.S_ISDIR(mode):
            yield path
            if path not in EMPTY:
                yield from walk(root, path)
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            yield path


def identity(path):
    """The properties by which two files are compared. Times are not among them."""
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return None
    content = None
    if stat.S_ISLNK(info.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(info.st_mode):
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
    return info.st_mode, info.st_uid, info.st_gid, content


def changed(root, parent):
    """The paths in a layer on top of `parent`, including the folders above each file."""
    wanted = set()
    for path in walk(root):
        file = os.path.join(root, path)
        if parent is None or identity(file) != identity(os.path.join(parent, path)):
            while path:
                wanted.add(path)
                path = os.path.dirname(path)
    if parent is not None:
        gone = [p for p in walk(parent) if not os.path.lexists(os.path.join(root, p))]
        if gone:
            sys.exit(f"image.py: a layer must not delete files of its parent: {gone}")
    return [path for path in walk(root) if path in wanted]


class Hashing:
    """A file for writing that computes the digest of its contents."""

    def __init__(self, file):
        self.file, self.sha256, self.size = file, hashlib.sha256(), 0

    def write(self, data):
        self.sha256.update(data)
        self.size += len(data)
        return self.file.write(data)

    def flush(self):
        self.file.flush()

    def digest(self):
        return "sha256:" + self.sha256.hexdigest()


def entry(root, path, first_names):
    """The tar header of one path."""
    file = os.path.join(root, path)
    info = os.lstat(file)
    header = tarfile.TarInfo(path)
    header.mode = stat.S_IMODE(info.st_mode)
    header.uid, header.gid, header.mtime = info.st_uid, info.st_gid, EPOCH
    if stat.S_ISDIR(info.st_mode):
        header.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(info.st_mode):
        header.type, header.linkname = tarfile.SYMTYPE, os.readlink(file)
    else:
        first = first_names.setdefault((info.st_dev, info.st_ino), path)
        if first == path:
            header.size = info.st_size
        else:  # a hard link becomes a symbolic one
            header.type = tarfile.SYMTYPE
            header.linkname = os.path.relpath(first, os.path.dirname(path))
    return header


def write_layer(root, directory, parent=None):
    directory = Path(directory)
    with open(directory / "layer.tar.gz", "wb") as file:
        blob = Hashing(file)
        with gzip.GzipFile("", "wb", 6, blob, mtime=0) as zipped:
            content = Hashing(zipped)
            # "w|" only writes forward, as hashing requires.
            with tarfile.open(fileobj=content, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                first_names = {}
                for path in changed(root, parent):
                    header = entry(root, path, first_names)
                    if header.isreg():
                        with open(os.path.join(root, path), "rb") as source:
                            tar.addfile(header, source)
                    else:
                        tar.addfile(header)
    record = {
        "descriptor": {
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": blob.digest(),
            "size": blob.size,
        },
        "diff_id": content.digest(),
    }
    (directory / "layer.json").write_text(json.dumps(record) + "\n")


def write_layout(layout, architecture, config, *directories):
    layout = Path(layout)
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def add(media_type, value):
        data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    created = datetime.fromtimestamp(EPOCH, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = json.loads(Path(config).read_text())
    layers, diff_ids, history = [], [], []
    for directory in map(Path, directories):
        record = json.loads((directory / "layer.json").read_text())
        layers.append(record["descriptor"])
        diff_ids.append(record["diff_id"])
        name = directory.name.rpartition("-")[0]
        history.append({"created": created, "created_by": f"limg base-images/debian/{name}"})
        environment = directory / "environment"
        if environment.exists():
            config["Env"] += environment.read_text().splitlines()
        blob = blobs / record["descriptor"]["digest"].partition(":")[2]
        try:  # a hard link costs nothing but needs the same file system
            os.link(directory / "layer.tar.gz", blob)
        except OSError:
            shutil.copyfile(directory / "layer.tar.gz", blob)

    image = add("application/vnd.oci.image.config.v1+json", {
        "architecture": architecture,
        "config": config,
        "created": created,
        "history": history,
        "os": "linux",
        "rootfs": {"diff_ids": diff_ids, "type": "layers"},
    })  # fmt: skip
    manifest = add("application/vnd.oci.image.manifest.v1+json", {
        "config": image,
        "layers": layers,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "schemaVersion": 2,
    })  # fmt: skip
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    manifest["platform"] = {"architecture": architecture, "os": "linux"}
    index = {
        "manifests": [manifest],
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "schemaVersion": 2,
    }
    (layout / "index.json").write_text(json.dumps(index, sort_keys=True) + "\n")
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}\n')


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"layer": write_layer, "layout": write_layout}[command](*arguments)
