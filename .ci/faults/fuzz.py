"""Runs the fuzz targets in tests/fuzz: each parser, on inputs that coverage leads to."""

import os
import re
import subprocess
import tomllib

from . import corpus
from .scene import Broken, base_files, write, write_layout

# An input of a few kilobytes that takes longer or needs more is a fault too.
SECONDS_OF_AN_INPUT = 20
MEGABYTES = 2048


def seeds(stage):
    """For each target, inputs to begin with: valid ones and the corpus."""
    layout = stage.folder / "seed"
    write_layout(layout, [base_files()])
    archive = corpus.tarred(*(
        (str(path.relative_to(layout)), corpus.tarfile.REGTYPE, path.read_bytes())
        for path in sorted(layout.rglob("*")) if path.is_file()
    ))  # fmt: skip
    jsons = [path.read_bytes() for path in layout.rglob("*") if path.is_file() and path.stat().st_size < 5000]
    definition = (stage.project / "limg.yaml").read_bytes()
    return {
        "definition": [definition, *(corpus.encoded(make()) for _, make in corpus.definitions())],
        "settings": [definition, b"version: 1\nimages: {}\n"],
        "zip": [(stage.project / "layers/data.zip").read_bytes(), *(make() for _, make in corpus.archives())],
        "layer": [base_files(), *(make() for _, make in corpus.layers())],
        "archive": [archive],
        "manifest": [*jsons, b'Bearer realm="https://example.com/token",service="x"\nBasic realm=x'],
        "names": [b"registry.example.com:5000/a/b:tag", b"arn:aws:lambda:eu-west-1:123456789012:layer:x:1", b"/opt/a"],
        "program": [b"\x7fELF\2\1\1" + bytes(57), b"#!/bin/sh\n"],
        "deflate": [corpus.zlib.compress(b"limg" * 100, wbits=-15)],
        "docker_config": [b'{"auths":{"registry.example.com":{"auth":"YTpi"}},"credsStore":"x"}'],
        "emulator": [b'{"errorType":"Runtime.ExitError","errorMessage":"x"}', b"START RequestId: 1\nEND RequestId: 1\n"],
    }


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
        for number, content in enumerate(seeds(stage)[name]):
            # Larger ones only slow the search down.
            if len(content) <= 1 << 20:
                write(inputs / f"seed-{number}", content)
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
