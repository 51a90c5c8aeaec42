"""Functions of real packages, and the table of their starts with and without bytecode."""

import json
import statistics

from . import report

BEGIN, END = "<!-- bench-cold -->", "<!-- /bench-cold -->"

MODES = ("keep", "compile")

# Each function: what it is called in the table, its packages, and its code. All have wheels for glibc 2.26, as AWS's base for
# python3.11 needs.
FUNCTIONS = {
    "small": (
        "small: requests, pydantic",
        ["requests==2.32.5", "pydantic==2.11.9"],
        "import pydantic, requests\n\n\ndef handler(event, context):\n    return requests.__version__\n",
    ),
    "data": (
        "data stack: boto3, pandas, SQLAlchemy, pydantic, requests",
        [
            "boto3==1.40.40",
            "pandas==2.2.3",
            "numpy==2.2.6",
            "sqlalchemy==2.0.43",
            "pydantic==2.11.9",
            "requests==2.32.5",
        ],
        "import boto3, pandas, pydantic, requests, sqlalchemy\n\n\n"
        "def handler(event, context):\n    return pandas.__version__\n",
    ),
    "web": (
        "web framework: FastAPI, Mangum",
        ["fastapi==0.117.1", "mangum==0.19.0", "pydantic==2.11.9"],
        "from fastapi import FastAPI\nfrom mangum import Mangum\n\napp = FastAPI()\n\n\n"
        '@app.get("/")\ndef root():\n    return {}\n\n\nasgi = Mangum(app)\n\n\n'
        "def handler(event, context):\n    return len(app.routes)\n",
    ),
}


def key(name, mode):
    return f"{name}-{mode}"


def make(folder, base):
    """Writes the functions, each with both modes."""
    functions = {}
    for name, (_, packages, code) in FUNCTIONS.items():
        source = folder / name
        source.mkdir(parents=True, exist_ok=True)
        (source / "app.py").write_text(code)
        (source / "requirements.txt").write_text("".join(f"{package}\n" for package in packages))
        for mode in MODES:
            functions[key(name, mode)] = {"code": name, "bytecode": mode}
    definition = {
        "project": "bench-cold",
        "bases": {"python3.11": {"image": f"oci:{base}"}},
        "defaults": {
            "runtime": "python3.11",
            "handler": "app.handler",
            "install": True,
            "memory": 1024,
            "timeout": 60,
        },
        "functions": functions,
    }
    (folder / "limg.yaml").write_text(json.dumps(definition, indent=1) + "\n")


def table(results):
    rows = [
        "| function | init without bytecode | init with bytecode | | layers without | layers with |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, (title, _, _) in FUNCTIONS.items():
        without, compiled = (statistics.median(results["init"][name][mode]) / 1000 for mode in MODES)
        sizes = " | ".join(f"{results['sizes'][key(name, mode)] / 1e6:,.1f} MB" for mode in MODES)
        rows.append(f"| {title} | {without:.2f} s | {compiled:.2f} s | {without / compiled:.1f} × | {sizes} |")
    return rows


def write(document, results):
    """Writes the table into the document."""
    about = results["machine"]
    versions = about["versions"]
    lines = [
        f"{report.measured_on(about)} limg {versions.get('limg')}, docker {versions.get('docker')}.",
        "",
        f"Medians of {results['starts']} starts, in turns.",
        "",
        *table(results),
    ]
    report.replace(document, BEGIN, END, lines)
