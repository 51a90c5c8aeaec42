"""Measures limg on its own: start-up, size, build time, `invoke --watch`, a thousand functions."""

import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

WATCH_EDITS = 5

FUNCTIONS = 1000
SHARED_LAYERS = 5
FILES_OF_LAYER = 200
SCALE_RUNS = 3


def startup(_home, target, options):
    """Seconds that `limg --version` takes, measured by hyperfine without a shell."""
    file = target / "hyperfine.json"
    subprocess.run(
        ["hyperfine", "--shell=none", "--warmup=10", "--runs=200", "--style=none",
         f"--export-json={file}", f"{options.limg} --version"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return {"startup": json.loads(file.read_text())["results"][0]["median"]}


def binary(_home, target, options):
    """Size of the program without symbols, in bytes."""
    stripped = target / "limg.stripped"
    subprocess.run(["strip", "-o", stripped, options.limg], check=True)
    size = stripped.stat().st_size
    stripped.unlink()
    return {"binary": size}


def build(home, target, _options):
    """Wall and processor seconds of a clean release build with all dependencies downloaded."""
    folder = target / "cargo"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["cargo", "fetch", "--locked"], cwd=home, check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(
        ["cargo", "build", "--release", "--locked", "--offline", "--target-dir", folder],
        cwd=home, check=True,
    )  # fmt: skip
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(folder)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"build": {"wall": wall, "cpu": used}}


def watch(home, target, options):
    """Seconds from the edit of a function's file to the answer from the new image.

    The example is copied, so that no edit remains in it.
    """
    folder = target / "watch"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(home / "examples/python-layers", folder)
    definition = folder / "limg.yaml"
    text, bases = re.subn(r"oci:\S*/python3\.11", f"oci:{options.base}", definition.read_text())
    if bases != 1:
        sys.exit(".ci/bench: examples/python-layers/limg.yaml does not name a base of the form oci:…/python3.11")
    definition.write_text(text)
    function = folder / "functions/greet/app.py"
    original = function.read_text()
    seconds = []
    with (target / "watch.log").open("wb") as log:
        watcher = subprocess.Popen(
            [home / ".ci/with-docker", options.limg, "invoke", "greet", "--event=event.json",
             "--watch", "--format=json"],
            cwd=folder, env=os.environ | {"LIMG_STORE": str(folder / "store")},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip

        def answer():
            line = watcher.stdout.readline()
            if not line or json.loads(line)["status"] != "success":
                sys.exit(f".ci/bench: no answer under --watch; see {log.name}\n{line}")

        try:
            answer()
            for edit in range(WATCH_EDITS):
                time.sleep(1)  # until it watches again
                begin = time.perf_counter()
                function.write_text(f"{original}\n# edit {edit}\n")
                answer()
                seconds.append(time.perf_counter() - begin)
        finally:
            watcher.send_signal(signal.SIGINT)
            watcher.wait()
    shutil.rmtree(folder)
    return {"watch": statistics.median(seconds)}


def scale(_home, target, options):
    """Seconds and peak bytes of `limg build` with many functions on shared layers: cold, unchanged, one edited."""
    folder = target / "scale"
    found = {step: [] for step in ("cold", "unchanged", "edit")}
    for _run in range(SCALE_RUNS):
        shutil.rmtree(folder, ignore_errors=True)
        functions, layers = range(FUNCTIONS), range(SHARED_LAYERS)
        for number in layers:
            for file in range(FILES_OF_LAYER):
                module = folder / f"layers/l{number}/python/package_{number}/module_{file}.py"
                module.parent.mkdir(parents=True, exist_ok=True)
                module.write_text(f"VALUES = {[value * (file + 1) for value in range(number + 100)]}\n")
        for number in functions:
            code = folder / f"functions/f{number}/app.py"
            code.parent.mkdir(parents=True)
            code.write_text(f"def handler(event, context):\n    return {number}\n")
        (folder / "limg.yaml").write_text(json.dumps({  # JSON is YAML
            "project": "scale",
            "bases": {"python3.11": {"image": f"oci:{options.base}"}},
            "defaults": {"runtime": "python3.11", "handler": "app.handler",
                         "layers": [f"l{number}" for number in layers]},
            "layers": {f"l{number}": {"path": f"layers/l{number}"} for number in layers},
            "functions": {f"f{number}": {"code": f"functions/f{number}"} for number in functions},
        }))  # fmt: skip
        for step, measures in found.items():
            if step == "edit":
                with (folder / "functions/f7/app.py").open("a") as code:
                    code.write("\n# edited\n")
            time.sleep(0.1)  # limg does not trust the times of files that are newer than this
            peak = folder / "peak"
            begin = time.perf_counter()
            subprocess.run(
                ["time", f"--output={peak}", "--format=%M", options.limg, "build", "--quiet"],
                cwd=folder, env=os.environ | {"LIMG_STORE": str(folder / "store")},
                check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            measures.append((time.perf_counter() - begin, int(peak.read_text()) * 1024))
    shutil.rmtree(folder)
    return {"scale": {step: list(map(statistics.median, zip(*measures))) for step, measures in found.items()}}


EXTRAS = {"startup": startup, "binary": binary, "watch": watch, "scale": scale}


def measure(name, home, target, options):
    """Runs one of `EXTRAS`, or `build`, and returns its results by name."""
    print(f".ci/bench: limg alone: {name}", file=sys.stderr, flush=True)
    return (EXTRAS | {"build": build})[name](home, target, options)
