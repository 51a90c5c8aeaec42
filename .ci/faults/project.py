"""The project that faults happen to, and the image layouts of its base."""

import hashlib
import io
import json
import random
import tarfile
import zipfile

# Only names: limg's traffic to them goes to mirrors on the loopback interface. The base is in a registry of its own, so that its
# layers are sent while they are fetched.
HOST = "registry.test"
BASE_HOST = "bases.test"
FUNCTIONS = ("one", "two", "three")
OCI = "application/vnd.oci.image"


# The size of the largest file in bytes.
LARGE = 8 << 20


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


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
        add("usr/filler", tarfile.REGTYPE, 0o644, random.Random(0).randbytes(1_300_000))
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
    # Large enough for the layer to be sent while it is made, and small when compressed.
    write(layers / "utils/python/package/large.bin", bytes(LARGE))
    with zipfile.ZipFile(layers / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"data/{number}.json", json.dumps([noise.random() for _ in range(500)]))
    write(folder / "extensions/shipper", "#!/bin/sh\nexec sleep 1000\n")
    for name in FUNCTIONS:
        write(folder / f"functions/{name}/app.py", f"def handler(event, context):\n    return {name!r}\n")
        write(folder / f"functions/{name}/data.bin", noise.randbytes(50_000))
    write(folder / "limg.yaml", json.dumps({  # JSON is YAML
        "project": "chaos",
        "bases": {"python3.11": {"image": f"{BASE_HOST}/base:latest"}},
        "defaults": {"runtime": "python3.11", "handler": "app.handler",
                     "layers": ["utils", "data"], "extensions": ["shipper"]},
        "layers": {"utils": {"path": "layers/utils"}, "data": {"path": "layers/data.zip"}},
        "extensions": {"shipper": {"path": "extensions/shipper"}},
        "functions": {name: {"code": f"functions/{name}"} for name in FUNCTIONS},
    }))  # fmt: skip
