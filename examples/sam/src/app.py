import os

from words import greeting


def greet(event, context):
    return {"greeting": greeting(event.get("name", "world"))}


def stage(event, context):
    return {"stage": os.environ["STAGE"]}
