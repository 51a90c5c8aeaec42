"""Runs the fuzz targets in tests/fuzz: each parser, on inputs that coverage leads to."""

import os
import re
import shutil
import subprocess
import tomllib

from . import hostile_inputs
from .project import write
from .scene import Broken

# An input of a few kilobytes that takes longer or needs more is a fault too.
SECONDS_OF_AN_INPUT = 20
MEGABYTES = 2048
# Larger seeds slow the search down.
LARGEST_SEED = 1 << 20

# For some targets, more inputs to begin with than tests/fuzz/seeds has.
HOSTILE = {"definition": hostile_inputs.definitions, "layer": hostile_inputs.layers, "zip": hostile_inputs.archives}


class Targets:
    """The programs of the targets, built without a sanitizer: limg has no unsafe code, and so any Rust will do."""

    def __init__(self, home, target):
        self.folder, self.target = home / "tests/fuzz", target / "fuzz"
        manifest = tomllib.loads((self.folder / "Cargo.toml").read_text())
        self.names = [program["name"] for program in manifest["bin"]]

    def cargo(self, command, *arguments):
        return ["cargo", "fuzz", command, f"--fuzz-dir={self.folder}", f"--target-dir={self.target}",
                "--sanitizer=none", *arguments]  # fmt: skip

    def build(self):
        subprocess.run(self.cargo("build"), check=True, cwd=self.folder)

    def run(self, stage, name, seconds, seed):
        """Runs a target for some seconds; returns how many inputs it has tried."""
        inputs = self.target / "corpus" / name
        shutil.copytree(self.folder / "seeds" / name, inputs, dirs_exist_ok=True)
        for number, (_, make) in enumerate(HOSTILE.get(name, list)()):
            content = hostile_inputs.encoded(make())
            if len(content) <= LARGEST_SEED:
                write(inputs / f"hostile-{number}", content)
        failed = self.target / "failed" / name
        failed.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            self.cargo("run", name, str(inputs), "--", f"-max_total_time={seconds}", f"-seed={seed}",
                       f"-timeout={SECONDS_OF_AN_INPUT}", f"-rss_limit_mb={MEGABYTES}", "-print_final_stats=1",
                       f"-artifact_prefix={failed}/"),
            cwd=self.folder, env=os.environ | {"TMPDIR": str(stage.folder)}, capture_output=True, text=True, errors="replace",
        )  # fmt: skip
        if done.returncode:
            raise Broken(f"the parser fails on an input in {failed}:\n{done.stderr[-3000:]}")
        tried = re.search(r"stat::number_of_executed_units: *(\d+)", done.stderr)
        return int(tried.group(1)) if tried else 0
