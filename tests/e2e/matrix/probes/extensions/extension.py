#!/usr/bin/env python3
"""An external extension that prints the events that it receives."""

import json
import os
from http.client import HTTPConnection

API = "/2020-01-01/extension"


def request(method, path, headers, body=None):
    connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, API + path, body, headers)
    response = connection.getresponse()
    return response.headers, json.load(response)


name = os.path.basename(__file__)
events = json.dumps({"events": ["INVOKE", "SHUTDOWN"]})
registered, _ = request("POST", "/register", {"Lambda-Extension-Name": name}, events)
identifier = {"Lambda-Extension-Identifier": registered["Lambda-Extension-Identifier"]}
event = None
while event != "SHUTDOWN":
    event = request("GET", "/event/next", identifier)[1]["eventType"]
    print(f"{name} saw {event}", flush=True)
