"""Functions that differ in little: one on a base of a registry, and a project of fifty that share a layer.

The function that is changed and checked is called `function`, as in the other work loads. Nothing here measures or knows a
tool.
"""

import hashlib

from .loads import edited, made, modules, servers

# How many functions each work load has.
LOADS = {"first": 1, "fleet": 50}

DEFINITION = """\
project: bench
bases:
  python3.11: {{ image: "oci:../base" }}
defaults: {{ runtime: python3.11, handler: app.handler, layers: [shared] }}
layers:
  shared: {{ path: layer }}
functions:
{functions}
"""

VARIABLES = {}
PROGRAMS = ()
IS_EXACT = True


def make(name, work):
    """The folder of the work load `name`, made if it is not there as it should be."""
    return made(work / name, fill)


def fill(folder):
    names = ["function", *(f"f{number:02}" for number in range(1, LOADS[folder.name]))]
    modules(folder / "layer/python/prices", 50)
    for name in names:
        code = folder / "functions" / name
        modules(code, 4)
        (code / "app.py").write_text(f"def handler(event, context):\n    return '{name}'\n")
    listed = "\n".join(f"  {name}: {{ code: functions/{name} }}" for name in names)
    (folder / "limg.yaml").write_text(DEFINITION.format(functions=listed))


def changed(folder):
    """The work load with a change to one file of one function."""
    return edited(folder / "functions/function/app.py")


def files(folder):
    """The files of the checked function, by their paths in its image."""
    for source, place in [("layer", "opt"), ("functions/function", "var/task")]:
        for path in filter(lambda it: it.is_file(), (folder / source).rglob("*")):
            yield f"{place}/{path.relative_to(folder / source)}", path


def contents(folder):
    """What its image must hold beyond its base: path to SHA-256."""
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files(folder)}


def size(folder):
    """How many files and bytes all functions and the layer have."""
    sizes = [
        path.stat().st_size for place in ("layer", "functions") for path in (folder / place).rglob("*") if path.is_file()
    ]
    return {"files": len(sizes), "bytes": sum(sizes)}
