"""The work loads that begin with a lock file: its packages are installed, packed with a function's code, and pushed.

Each is a folder with the code and its lock file, the same function for every tool, and what the tools download: a server on
the loopback interface has it, so that no run waits for a line. All tools have their own caches of downloads filled before
they are measured. In limg's first row, that is its store, as far as it has wheels; in the second, the caches of uv and pip.

Nothing here measures.
"""

import contextlib
import hashlib
import html
import json
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

from .loads import made, modules, run
from .tools import Tool

# Where the server has the downloads: the folder of a lock file has addresses of this port.
PORT = 8321
HOST = f"http://127.0.0.1:{PORT}"

PYTHON = "boto3 cryptography lxml numpy pandas pydantic requests sqlalchemy".split()
# What the lock file has instead after the bump of one dependency.
PYTHON_BUMP = "certifi"

NODE = """
    @aws-sdk/client-dynamodb@3.1164.0 @aws-sdk/client-s3@3.1173.0 core-js@3.51.0 express@5.1.0
    lodash@4.18.1 mathjs@15.2.0 rxjs@7.8.2
""".split()
NODE_BUMP = "lodash"

DEFINITION = """\
project: bench
bases:
  {runtime}: {{ image: "oci:../base-{runtime}" }}
functions:
  function: {{ runtime: {runtime}, handler: app.handler, code: app, install: true }}
"""
TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties: {{ Runtime: {runtime}, Handler: app.handler, CodeUri: app }}
"""
PYTHON_DOCKERFILE = """\
ARG BASE
FROM $BASE
COPY app/requirements.txt /tmp/requirements.txt
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,source=pip,target=/pip \\
    PYTHONPATH=/pip python3.11 -m pip install --quiet --index-url {HOST}/simple \\
    --target /var/task --requirement /tmp/requirements.txt
COPY app/ /var/task/
CMD ["app.handler"]
"""
NODE_DOCKERFILE = """\
ARG BASE
FROM $BASE
COPY app/package.json app/package-lock.json /var/task/
RUN --mount=type=cache,target=/root/.npm --mount=type=bind,source=npm,target=/npm \\
    cd /var/task && node /npm/bin/npm-cli.js ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
COPY app/ /var/task/
CMD ["app.handler"]
"""


def wheels(folder, packages):
    """Downloads wheels that run on the runtime, whichever Python runs this."""
    run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
         "--dest", folder, "--only-binary=:all:", "--python-version=3.11", "--implementation=cp",
         "--platform=manylinux2014_x86_64", "--platform=manylinux_2_17_x86_64", *packages],
        folder.parent,
    )  # fmt: skip


def python(folder):
    """An index of wheels, and two lists that pin them: the second has an older version of one package."""
    app, files = folder / "app", folder / "served/files"
    files.mkdir(parents=True)
    wheels(files, PYTHON)
    names = {wheel.name.split("-")[0].lower().replace("_", "-"): wheel for wheel in files.glob("*.whl")}
    other = folder / "other"
    other.mkdir()
    version = names[PYTHON_BUMP].name.split("-")[1]
    wheels(other, [f"{PYTHON_BUMP}<{version}"])
    (older,) = other.glob("*.whl")
    listed = dict(names)
    for name, wheel in [("requirements.txt", names[PYTHON_BUMP]), ("bumped.txt", older)]:
        listed[PYTHON_BUMP] = wheel
        lines = [f"{name}=={wheel.name.split('-')[1]} --hash=sha256:{digest(wheel)}" for name, wheel in listed.items()]
        (folder / name).write_text("\n".join(sorted(lines)) + "\n")
    shutil.move(older, files)
    other.rmdir()
    (folder / "requirements.txt").rename(app / "requirements.txt")
    for name in names:
        page = folder / "served/simple" / name
        page.mkdir(parents=True)
        links = []
        for wheel in files.glob("*.whl"):
            if wheel.name.split("-")[0].lower().replace("_", "-") != name:
                continue
            with zipfile.ZipFile(wheel) as archive:
                (metadata,) = [it for it in archive.namelist() if it.endswith(".dist-info/METADATA")]
                wheel.with_name(f"{wheel.name}.metadata").write_bytes(archive.read(metadata))
            address = html.escape(f"{HOST}/files/{wheel.name}#sha256={digest(wheel)}")
            links.append(f'<a href="{address}" data-core-metadata="true">{wheel.name}</a>')
        (page / "index.html").write_text("<!DOCTYPE html>\n" + "\n".join(links) + "\n")
    (folder / "pip").mkdir()
    run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--root-user-action=ignore", "--no-compile", "--target", folder / "pip", "pip"], folder)  # fmt: skip


def node(folder):
    """Archives of packages, and two lock files with their addresses: the second has an older version of one."""
    app, served = folder / "app", folder / "served"
    served.mkdir()
    install = ["npm", "install", "--package-lock-only", "--no-audit", "--no-fund", "--ignore-scripts",
               "--no-omit-lockfile-registry-resolved"]  # fmt: skip
    (app / "package.json").write_text(json.dumps({"name": "function", "version": "1.0.0", "private": True}) + "\n")
    run([*install, "--save-exact", *NODE], app)
    for name in ("manifest", "lock"):
        shutil.copy(app / {"manifest": "package.json", "lock": "package-lock.json"}[name], folder / f"{name}.json")
    run([*install, "--save-exact", f"{NODE_BUMP}@<4.18.1"], app)
    for name, kind in [("package.json", "manifest"), ("package-lock.json", "lock")]:
        (app / name).rename(folder / f"bumped-{kind}.json")
        (folder / f"{kind}.json").rename(app / name)
    for lock in (app / "package-lock.json", folder / "bumped-lock.json"):
        content = json.loads(lock.read_text())
        for package in filter(lambda it: "resolved" in it, content["packages"].values()):
            address = package["resolved"]
            file = hashlib.sha256(address.encode()).hexdigest() + ".tgz"
            if not (served / file).exists():
                run(["curl", "--silent", "--show-error", "--fail", "--location", "--output", served / file, address], app)
            package["resolved"] = f"{HOST}/{file}"
        lock.write_text(json.dumps(content, indent=2) + "\n")
    run(["npm", "pack", "--silent", "npm@10"], folder)
    (archive,) = folder.glob("npm-*.tgz")
    (folder / "npm").mkdir()
    run(["tar", "-xzf", archive, "--strip-components=1", "-C", "npm"], folder)
    archive.unlink()


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


APP = {
    "python3.11": ("app.py", "import prices_00\n\n\ndef handler(event, context):\n    return prices_00.price_0_7(1)\n"),
    "nodejs22.x": ("app.js", "exports.handler = async () => 1;\n"),
}
LOADS = {
    "python-lock": ("python3.11", python, PYTHON_DOCKERFILE),
    "node-lock": ("nodejs22.x", node, NODE_DOCKERFILE),
}


def base(name):
    """The runtime whose base the images of a work load have."""
    return LOADS[name][0]


def make(name, work):
    """The folder of the work load `name`, made if it is not there as it should be."""
    return made(work / name, fill)


def fill(folder):
    runtime, packages, dockerfile = LOADS[folder.name]
    (folder / "app").mkdir()
    packages(folder)
    if runtime.startswith("python"):
        modules(folder / "app", 19)
    file, text = APP[runtime]
    (folder / "app" / file).write_text(text)
    (folder / "limg.yaml").write_text(DEFINITION.format(runtime=runtime))
    (folder / "template.yaml").write_text(TEMPLATE.format(runtime=runtime))
    (folder / "Dockerfile").write_text(dockerfile.replace("{HOST}", HOST))
    (folder / ".dockerignore").write_text("served\n")


@contextlib.contextmanager
def changed(folder):
    """The lock file with another version of one dependency."""
    replaced = {
        folder / "app" / name: folder / other
        for name, other in [("requirements.txt", "bumped.txt"), ("package.json", "bumped-manifest.json"),
                            ("package-lock.json", "bumped-lock.json")]
        if (folder / other).exists()
    }  # fmt: skip
    originals = {path: path.read_bytes() for path in replaced}
    try:
        for path, other in replaced.items():
            path.write_bytes(other.read_bytes())
        yield
    finally:
        for path, content in originals.items():
            path.write_bytes(content)


def servers(folder):
    """The server of the downloads."""
    command = [sys.executable, "-m", "http.server", "--bind=127.0.0.1", f"--directory={folder / 'served'}", PORT]
    return {"downloads": (PORT, command)}


def pinned(folder):
    """The archives that the lock file names: of Python as paths, of Node.js with their places."""
    if (folder / "app/requirements.txt").exists():
        hashes = {line.rpartition("sha256:")[2] for line in (folder / "app/requirements.txt").read_text().splitlines()}
        return {wheel: None for wheel in (folder / "served/files").glob("*.whl") if digest(wheel) in hashes}
    lock = json.loads((folder / "app/package-lock.json").read_text())
    return {
        folder / "served" / package["resolved"].rpartition("/")[2]: place
        for place, package in lock["packages"].items()
        if place and not package.get("dev") and not package.get("optional")
    }


def contents(folder):
    """Files that the image must have, all of each package but what installers write: path to SHA-256."""
    found = {}
    for archive, place in pinned(folder).items():
        for name, content in files(archive, place):
            found[f"var/task/{name}"] = hashlib.sha256(content).hexdigest()
    return found


def size(folder):
    """How many files and bytes these are."""
    sizes = [len(content) for archive, place in pinned(folder).items() for _, content in files(archive, place)]
    return {"files": len(sizes), "bytes": sum(sizes)}


def files(archive, place):
    """The names and contents of the files of a package."""
    if place is None:
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                # pip writes bytecode, also over that of a wheel.
                if not name.endswith(("/", ".pyc")) and ".dist-info/" not in name and ".data/" not in name:
                    yield name, wheel.read(name)
    else:
        with tarfile.open(archive) as package:
            for member in filter(tarfile.TarInfo.isfile, package):
                yield f"{place}/{member.name.partition('/')[2]}", package.extractfile(member).read()


# Package managers ask the server, and are quiet about themselves.
VARIABLES = {
    "PIP_INDEX_URL": f"{HOST}/simple",
    "UV_DEFAULT_INDEX": f"{HOST}/simple",
    "UV_PYTHON_DOWNLOADS": "never",
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
    "SAM_CLI_TELEMETRY": "0",
}

# Installers write some files of their own.
IS_EXACT = False
PROGRAMS = ()

INSERT = """\
umoci insert --image $STORE/layout:latest --tag function $TMPDIR/packages /var/task
umoci insert --image $STORE/layout:function $PWD/app /var/task
umoci config --image $STORE/layout:function --config.cmd app.handler
skopeo copy --quiet --dest-tls-verify=false oci:$STORE/layout:function docker://$IMAGE:latest
"""

# Leaves nothing in the store but wheels and their records.
ONLY_WHEELS = """\
$LIMG build --quiet --bytecode keep --output oci:$TMPDIR/layout
find $STORE -type f | while read -r file; do
    [[ $file == */wheels-1/* || $(head --bytes=2 $file) == PK ]] || rm $file
done
"""

BUILDKIT = """\
export DOCKER_BUILDKIT=1
docker build --quiet --network=host --build-arg BASE=$IMAGE:base --tag $IMAGE:latest .
docker push --quiet $IMAGE:latest
"""

SAM = """\
sam build --cached --build-dir $STORE/build --cache-dir $STORE/cache >/dev/null
cd $STORE/build/Function
rm -f $TMPDIR/function.zip
zip --quiet --recurse-paths $TMPDIR/function.zip .
"""

UV = """\
rm -rf $TMPDIR/packages
uv pip install --quiet --target $TMPDIR/packages --python-version 3.11 \\
    --python-platform x86_64-manylinux_2_17 --only-binary :all: --link-mode copy -r app/requirements.txt
"""
PIP = """\
rm -rf $TMPDIR/packages
PYTHONPATH=pip python3.11 -m pip install --quiet --target $TMPDIR/packages --no-compile \\
    --only-binary :all: --python-version 3.11 --platform manylinux2014_x86_64 -r app/requirements.txt
"""
NPM = """\
rm -rf $TMPDIR/packages
mkdir $TMPDIR/packages
cp app/package.json app/package-lock.json $TMPDIR/packages
(cd $TMPDIR/packages && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error)
"""
LAYOUT = "cp --recursive $BASE $STORE/layout\n"

LIMG = "$LIMG push registry $REGISTRY/bench\n"
LIMG_SOURCES = LIMG.replace("\n", " --bytecode keep\n")
# Fills the caches of uv, pip and npm.
OTHER_STORE = "LIMG_STORE=$TMPDIR/other $LIMG build --quiet --bytecode keep --output oci:$TMPDIR/layout\n"
DOCKER = ("docker", "dockerd")
TOOLS = {
    "python-lock": {
        "limg": Tool("limg push registry --bytecode keep", ("uv",), ONLY_WHEELS, LIMG_SOURCES),
        "limg-empty": Tool("the same, an empty store", ("uv",), OTHER_STORE, LIMG_SOURCES),
        "limg-compiled": Tool("limg push registry, with bytecode", ("uv",), ONLY_WHEELS, LIMG),
        "uv-compiled": Tool("uv pip install --compile-bytecode + umoci insert + skopeo copy", ("uv", "umoci", "skopeo"),
                            LAYOUT + UV, UV.replace("--quiet", "--quiet --compile-bytecode") + INSERT),
        "umoci": Tool("uv pip install + umoci insert + skopeo copy", ("uv", "umoci", "skopeo"), LAYOUT + UV, UV + INSERT),
        "pip": Tool("pip install + umoci insert + skopeo copy", ("umoci", "skopeo"), LAYOUT + PIP, PIP + INSERT),
        "buildkit": Tool("pip in a Dockerfile with a cache mount, BuildKit", DOCKER,
                         "docker pull --quiet $IMAGE:base\n", BUILDKIT, engine=True),
        "sam": Tool("sam build --cached + zip, not pushed", ("sam", "zip"), "", SAM,
                    makes_image=False),
    },
    "node-lock": {
        "limg": Tool("limg push registry, an empty store", ("npm",), OTHER_STORE, LIMG),
        "umoci": Tool("npm ci + umoci insert + skopeo copy", ("npm", "umoci", "skopeo"), LAYOUT + NPM, NPM + INSERT),
        "buildkit": Tool("npm ci in a Dockerfile with a cache mount, BuildKit", DOCKER,
                         "docker pull --quiet $IMAGE:base\n", BUILDKIT, engine=True),
        "sam": Tool("sam build --cached + zip, not pushed", ("sam", "npm", "zip"), "", SAM,
                    makes_image=False),
    },
}  # fmt: skip
