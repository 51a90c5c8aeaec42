"""A package that the layers share out: any of them may bring or replace a file of it."""

from pathlib import Path

from . import phrases


def greet(name, style):
    return phrases.PHRASES[style].format(name=name)


def layer_versions():
    """Each layer adds one file to versions/, so the folder tells which ones were merged."""
    files = sorted(Path(__file__).with_name("versions").glob("*.txt"))
    return {file.stem: file.read_text().strip() for file in files}
