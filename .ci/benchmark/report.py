"""Writes docs/performance.md: the results as tables, and the machine that they were measured on."""

import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

from . import lines, packages
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
    return lines.LOADS[name].tools if name in lines.LOADS else packages.TOOLS.get(name, TOOLS)


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


LINE_STEPS = {
    "cold": "cold s",
    "unchanged": "unchanged s",
    "edit": "edit s",
    "empty": "store empty s",
    "cached": "with `--cache-from` s",
}


def line_name(line):
    if lines.LINES[line] is None:
        return "no line"
    rate, delay = lines.LINES[line]
    return f"{rate:,} Mbit/s, {delay} ms"


def least_sent(load, measured):
    """The fewest bytes that a tool sends, by step."""
    found = {}
    for tools in (line["tools"] for line in measured["lines"].values()):
        for steps in (steps for key, steps in tools.items() if load.tools[key].makes_image):
            for step, samples in steps.items():
                if (sent := median(samples, "sent")) is not None:
                    found[step] = min(sent, found.get(step, sent))
    return found


def allowed(load, line, sent):
    """Seconds by step that a line needs for bytes and for the round trips that cannot overlap."""
    if lines.LINES[line] is None:
        return {}
    rate, delay = lines.LINES[line]
    return {
        step: sent[step] * 8 / rate / 1e6 + trips * delay / 1e3
        for step, trips in load.round_trips.items()
        if step in sent
    }


def line_table(name, measured):
    """The table of a work load over lines: for each line what it allows, and the tools."""
    load = lines.LOADS[name]
    steps = {step: title for step, title in LINE_STEPS.items() if step in load.round_trips}
    rows = [
        "| line | tool | " + " | ".join(steps.values()) + " | cold sent MB | edit sent kB |",
        "| --- | --- | " + " ".join(["---: |"] * (len(steps) + 2)),
    ]
    sent = least_sent(load, measured)
    for line in (line for line in lines.LINES if line in measured["lines"]):
        tools = measured["lines"][line]["tools"]
        ideal = allowed(load, line, sent)
        if ideal:
            cells = [f"{ideal[step]:.3f}" if step in ideal else "" for step in steps]
            rows.append(f"| {line_name(line)} | what the line allows | " + " | ".join(cells) + " | | |")
        for key, samples in ((key, tools[key]) for key in load.tools if key in tools):
            cells = [compared(samples, step, ideal.get(step)) for step in steps]
            cold, edit = (median(samples[step], "sent") for step in ("cold", "edit"))
            cells += [megabytes(cold), "not counted" if edit is None else f"{edit / 1e3:,.0f}"]
            rows.append(f"| {line_name(line)} | {load.tools[key].title} | " + " | ".join(cells) + " |")
        for key, why in measured["lines"][line]["missing"].items():
            rows.append(f"| {line_name(line)} | {load.tools[key].title} | {why} |" + " |" * (len(steps) + 1))
    return rows


def compared(samples, step, ideal):
    """The seconds of a step, and how many times those that the line allows."""
    if step not in samples:
        return ""
    seconds = median(samples[step], "wall")
    if not ideal:
        return f"{seconds:.2f}"
    times = seconds / ideal
    return f"{seconds:.2f} ({times:.{int(times < 10)}f} ×)"


def lines_measured(loads):
    """The table of what the lines are, by plain connections."""
    rows = [
        "| line | opening a connection ms | round trip ms | up Mbit/s | down Mbit/s |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for line in filter(lines.LINES.get, lines.LINES):
        found = [load["lines"][line]["plain"] for load in loads if line in load["lines"]]
        if found:
            cells = [f"{median(found, key):,.{places}f}" for key, places in
                     [("opening", 1), ("round_trip", 1), ("up", 0), ("down", 0)]]  # fmt: skip
            rows.append(f"| {line_name(line)} | " + " | ".join(cells) + " |")
    return rows


def over_lines(loads):
    """The tables of all work loads that were measured over lines."""
    measured = {name: loads[name] for name in lines.LOADS if name in loads}
    if not measured:
        return []
    text = ["### Over a line", "", *lines_measured(measured.values()), ""]
    for name, load in measured.items():
        text += [
            f"#### {name}: {lines.LOADS[name].title}",
            "",
            f"{runs(load)}; in brackets how many times what the line allows.",
            "",
            *line_table(name, load),
            "",
        ]
    return text


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
    text = ["### Commands", ""]
    # Of tools with the same title, the commands are the same.
    names = [None, *packages.LOADS, *lines.LOADS]
    for tool in {tool.title: tool for name in names for tool in tools_of(name).values()}.values():
        text += [f"{tool.title}:", "", "```bash", *tool.build.rstrip().splitlines(), "```", ""]
    return text


def replace(document, begin, end, text):
    """Replaces the lines between two marks of a document."""
    content = document.read_text()
    if content.count(begin) != 1 or content.count(end) != 1:
        sys.exit(f".ci/bench: {document} must have the marks {begin} and {end}, once each")
    before, rest = content.split(begin)
    document.write_text(before + "\n".join([begin, *text, end]) + rest.split(end)[1])


def measured_on(about):
    """A line about the machine of results, without the versions of programs."""
    return (
        f"Machine: {about['cores']} cores of {about['cpu']}, {about['memory'] / 2**30:.0f} GiB, "
        f"{about['system']}, Linux {about['kernel']}."
    )


def runs(load):
    return f"Medians of {load['runs']} run{'s' * (load['runs'] != 1)}"


def write(document, results):
    """Writes the tables into the document."""
    if not results["loads"]:
        sys.exit(".ci/bench: no results yet: run make bench")
    about = results["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    text = [f"{measured_on(about)} {versions}.", ""]
    for name, load in results["loads"].items():
        if name in lines.LOADS:
            continue
        size = load["size"]
        text += [
            f"### {name}: {size['files']:,} files, {megabytes(size['bytes'])} MB",
            "",
            f"{runs(load)}; in brackets how many times limg's.",
            "",
            *table(name, load),
            "",
        ]
    text += over_lines(results["loads"])
    replace(document, BEGIN, END, text + alone(results["extras"]) + commands())
