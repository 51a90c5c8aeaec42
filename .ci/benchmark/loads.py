"""The work loads: each a folder with a function, a layer and an extension.

They are made from pinned packages of PyPI and npm, so that tools pack what
real images hold, and kept in target/bench/work until their recipe changes.
Nothing here measures or knows a tool; the definition and the Dockerfile beside
the files say the same thing twice, for limg and for the others.
"""

import contextlib
import hashlib
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path

# The image of every work load, defined for limg and for docker and buildah.
DEFINITION = """\
project: bench
bases:
  python3.11: { image: "oci:../base" }
layers:
  packages: { path: layer }
extensions:
  bench: { path: extension/bench }
functions:
  function:
    runtime: python3.11
    handler: app.handler
    code: function
    layers: [packages]
    extensions: [bench]
"""
DOCKERFILE = """\
ARG BASE
FROM $BASE
COPY layer/ /opt/
COPY extension/ /opt/extensions/
COPY function/ /var/task/
CMD ["app.handler"]
"""

# Where the folders of a work load stand in the image, in the order of layers.
PLACES = {"layer": "opt", "extension": "opt/extensions", "function": "var/task"}

# What the tools get in their environment.
VARIABLES = {}

# The image has these programs, and nothing that is not in the folder.
PROGRAMS = ("opt/extensions/bench",)
IS_EXACT = True

# A statically linked program of 8 MB, as extensions often are.
EXTENSION = "esbuild-linux-64@0.14.54"

PYTHON = """
    annotated-types==0.8.0 boto3==1.44.5 botocore==1.44.5 certifi==2026.10.18 cffi==2.1.1
    charset-normalizer==3.5.2 cryptography==50.0.2 idna==3.20 jmespath==1.1.0 lxml==6.1.3
    numpy==2.4.6 pandas==3.1.1 pycparser==3.12 pydantic==2.14.3 pydantic-core==2.50.4
    python-dateutil==2.9.0.post0 requests==2.34.2 s3transfer==0.19.3 six==1.17.0
    sqlalchemy==2.1.9 typing-extensions==4.16.0 typing-inspection==0.4.5 urllib3==2.8.0
""".split()

LARGE = """
    duckdb==2.0.0 llvmlite==0.50.0 matplotlib==3.11.2 numpy==2.4.6 onnxruntime==1.32.0
    opencv-python-headless==5.0.0.93 pandas==3.1.1 polars-runtime-32==2.1.0 pyarrow==26.0.1
    scikit-learn==1.9.1 scipy==1.17.1
""".split()

NPM = """
    @aws-sdk/client-dynamodb@3.1164.0 @aws-sdk/client-ec2@3.1169.0
    @aws-sdk/client-lambda@3.1164.0 @aws-sdk/client-s3@3.1173.0 @aws-sdk/client-ses@3.1169.0
    @aws-sdk/client-sns@3.1169.0 @aws-sdk/client-sqs@3.1169.0 @babel/core@7.29.13
    @babel/preset-env@7.29.14 @mui/icons-material@9.5.0 @mui/material@9.5.0
    @nestjs/common@12.5.1 @nestjs/core@12.5.1 core-js@3.51.0 lodash@4.18.1 mathjs@15.2.0
    react@19.3.1 react-dom@19.3.1 rxjs@7.8.2 webpack@5.112.2
""".split()


def run(command, cwd):
    """Runs a package manager, whose talk is only of interest if it fails."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        sys.exit(f".ci/bench: `{' '.join(map(str, command))}` failed in {cwd}")


def modules(folder, count):
    """Writes `count` Python modules, each a little different."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        functions = [
            f"def price_{number}_{place}(net, rate={place}):\n"
            f'    """The gross price in cents of a net price, for rate {place} of {number}."""\n'
            f"    return round(net * (100 + rate) / 100) + {number}\n"
            for place in range(12)
        ]
        (folder / f"prices_{number:02}.py").write_text("\n\n".join(functions))


def pip(folder, packages):
    """Installs wheels for the base's Python, whichever Python runs this."""
    platforms = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
    run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--root-user-action=ignore", "--target", folder / "python", "--no-compile", "--no-deps",
         "--only-binary=:all:", "--python-version=3.11",
         *(f"--platform={platform}" for platform in platforms), *packages],
        folder,
    )  # fmt: skip


def npm(folder, packages):
    """Installs npm packages; only those named are pinned, not what they need."""
    nodejs = folder / "nodejs"
    nodejs.mkdir()
    (nodejs / "package.json").write_text(json.dumps({"name": "layer", "version": "1.0.0"}) + "\n")
    run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock",
         "--os=linux", "--cpu=x64", *packages], nodejs)  # fmt: skip


def extension(folder):
    folder.mkdir()
    run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock",
         "--force", "--prefix", folder / "npm", EXTENSION], folder)  # fmt: skip
    package = EXTENSION.split("@")[0]
    (folder / "npm/node_modules" / package / "bin/esbuild").rename(folder / "bench")
    shutil.rmtree(folder / "npm")


# What stands in the layer, and how many files the function has.
LOADS = {
    "small": (lambda folder: modules(folder / "python/prices", 50), 3),
    "python": (lambda folder: pip(folder, PYTHON), 20),
    "npm": (lambda folder: npm(folder, NPM), 20),
    "large": (lambda folder: pip(folder, LARGE), 20),
}


def made(folder, fill):
    """The folder of a work load, filled by `fill` if it is not there as the file of that function makes it."""
    recipe = hashlib.sha256(Path(inspect.getfile(fill)).read_bytes()).hexdigest()
    mark = folder / ".recipe"
    if not mark.exists() or mark.read_text() != recipe:
        print(f".ci/bench: making the work load {folder.name}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        fill(folder)
        mark.write_text(recipe)
    return folder


def make(name, work):
    """The folder of the work load `name`, made if it is not there as it should be."""
    return made(work / name, fill)


def fill(folder):
    layer, files = LOADS[folder.name]
    (folder / "layer").mkdir()
    layer(folder / "layer")
    extension(folder / "extension")
    modules(folder / "function", files - 1)
    (folder / "function/app.py").write_text(
        "from prices_00 import price_0_7\n\n\n"
        "def handler(event, context):\n"
        '    return {"price": price_0_7(event.get("net", 0))}\n'
    )
    (folder / "limg.yaml").write_text(DEFINITION)
    (folder / "Dockerfile").write_text(DOCKERFILE)


def changed(folder):
    """The work load with a change to one file of the function."""
    return edited(folder / "function/app.py")


@contextlib.contextmanager
def edited(file):
    """A file with a further line."""
    original = file.read_text()
    try:
        file.write_text(f"{original}\n# edited\n")
        yield
    finally:
        file.write_text(original)


def servers(_folder):
    """The servers that the tools need, as ports and commands by name."""
    return {}


def contents(folder):
    """What the image must hold beyond its base: path to SHA-256, or `-> target` of a link."""
    found = {}
    for source, place in PLACES.items():
        for path in (folder / source).rglob("*"):
            name = f"{place}/{path.relative_to(folder / source)}"
            if path.is_symlink():
                found[name] = f"-> {path.readlink()}"
            elif path.is_file():
                with path.open("rb") as file:
                    found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def size(folder):
    """How many files and bytes the image gets beyond its base."""
    files = [
        path
        for source in PLACES
        for path in (folder / source).rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    return {"files": len(files), "bytes": sum(path.stat().st_size for path in files)}
