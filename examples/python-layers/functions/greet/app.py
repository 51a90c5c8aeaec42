"""Greets whom the event names. The words come from the layers, not from here."""

import os
import sys

import greetings


def handler(event, context):
    name = event["name"]
    style = os.environ.get("GREETING_STYLE", "plain")
    return {
        "greeting": greetings.greet(name, style),
        "name": name,
        # Which layer's phrases.py is in the image, and which layers had a part in it.
        "phrases_from": greetings.phrases.LAYER,
        "layers": greetings.layer_versions(),
        # How the interpreter was started. The wrapper has added to it.
        "orig_argv": sys.orig_argv,
    }
