"""Writes docs/performance.md: the results as tables, and the machine that they were measured on."""

import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

from . import packages
from .extras import FUNCTIONS, SHARED_LAYERS
from .tools import TOOLS

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
STEPS = ("cold", "unchanged", "edit")

VERSIONS = {
    "docker": ["docker", "--version"],
    "dockerd": ["dockerd", "--version"],
    "buildah": ["buildah", "--version"],
    "umoci": ["umoci", "--version"],
    "skopeo": ["skopeo", "--version"],
    "tar": ["tar", "--version"],
    "pigz": ["pigz", "--version"],
    "docker-registry": ["docker-registry", "--version"],
}


def machine(limg):
    """The processor, the system and the versions of all installed programs."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    versions = {}
    for name, command in {"limg": [limg, "--version"], **VERSIONS}.items():
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            continue
        if number := re.search(r"\d+\.\d+[\w.+~-]*", done.stdout + done.stderr):
            versions[name] = number[0]
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": memory,
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "kernel": platform.release(),
        "versions": versions,
    }


def megabytes(number):
    return "not counted" if number is None else f"{number / 1e6:,.1f}"


def median(samples, key):
    values = [sample[key] for sample in samples]
    return None if None in values else statistics.median(values)


def tools_of(name):
    """The tools that are measured with a work load."""
    return packages.TOOLS.get(name, TOOLS)


def table(name, load):
    """The table of one work load: a row for each tool, including those that did not run."""
    is_bump = name in packages.LOADS
    change, sent = ("bump", "bump sent") if is_bump else ("edit", "sent")
    rows = [
        f"| tool | cold s | unchanged s | {change} s | cold CPU s | unchanged CPU s | peak MB | layers MB | {sent} MB |",
        "| --- " + "| ---: " * 8 + "|",
    ]
    limg = load["tools"].get("limg")

    def against(steps, step, key):
        value = median(steps[step], key)
        if limg is None or steps is limg:
            return f"{value:.2f}"
        return f"{value:.2f} ({value / median(limg[step], key):.1f} ×)"

    for key, tool in tools_of(name).items():
        if key in load["missing"]:
            rows.append(f"| {tool.title} | {load['missing'][key]} |" + " |" * 7)
        if key not in load["tools"]:
            continue
        steps = load["tools"][key]
        peak = max(median(steps[step], "peak") for step in STEPS)
        cells = [
            tool.title,
            *(against(steps, step, "wall") for step in STEPS),
            against(steps, "cold", "cpu"),
            f"{median(steps['unchanged'], 'cpu'):.2f}",
            f"{peak / 1e6:.0f}",
            megabytes(median(steps["cold"], "layers")),
            megabytes(median(steps["edit" if is_bump else "cold"], "sent")),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def alone(extras):
    """The table of limg on its own."""
    rows = []
    if "startup" in extras:
        rows.append(f"| `limg --version`, start to end | {extras['startup'] * 1e3:.1f} ms |")
    if "binary" in extras:
        rows.append(f"| program without symbols | {megabytes(extras['binary'])} MB |")
    if "watch" in extras:
        rows.append(
            "| `limg invoke --watch` on examples/python-layers, from the edit of a file to the "
            f"answer | {extras['watch']:.2f} s |"
        )
    if "scale" in extras:
        for step, what in [("cold", "cold"), ("unchanged", "unchanged"), ("edit", "one function edited")]:
            seconds, peak = extras["scale"][step]
            rows.append(
                f"| `limg build` of {FUNCTIONS:,} functions that share {SHARED_LAYERS} layers, {what} | "
                f"{seconds:.2f} s, {megabytes(peak)} MB |"
            )
    if "build" in extras:
        build = extras["build"]
        rows.append(
            "| `cargo build --release` from nothing, packages downloaded | "
            f"{build['wall']:.0f} s ({build['cpu']:.0f} s of CPU) |"
        )
    return ["### limg alone", "", "| | |", "| --- | ---: |", *rows, ""] if rows else []


def commands():
    lines = ["### Commands", ""]
    # Of tools with the same title, the commands are the same.
    for tool in {tool.title: tool for name in [None, *packages.LOADS] for tool in tools_of(name).values()}.values():
        lines += [f"{tool.title}:", "", "```bash", *tool.build.rstrip().splitlines(), "```", ""]
    return lines


def replace(document, begin, end, lines):
    """Replaces the text between two marks of a document."""
    text = document.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f".ci/bench: {document} must have the marks {begin} and {end}, once each")
    before, rest = text.split(begin)
    document.write_text(before + "\n".join([begin, *lines, end]) + rest.split(end)[1])


def measured_on(about):
    """A line about the machine of results, without the versions of programs."""
    return (
        f"Machine: {about['cores']} cores of {about['cpu']}, {about['memory'] / 2**30:.0f} GiB, "
        f"{about['system']}, Linux {about['kernel']}."
    )


def write(document, results):
    """Writes the tables into the document."""
    if not results["loads"]:
        sys.exit(".ci/bench: no results yet: run make bench")
    about = results["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [f"{measured_on(about)} {versions}.", ""]
    for name, load in results["loads"].items():
        size = load["size"]
        lines += [
            f"### {name}: {size['files']:,} files, {megabytes(size['bytes'])} MB",
            "",
            f"Medians of {load['runs']} run{'s' * (load['runs'] != 1)}; in brackets how many times limg's.",
            "",
            *table(name, load),
            "",
        ]
    replace(document, BEGIN, END, lines + alone(results["extras"]) + commands())
