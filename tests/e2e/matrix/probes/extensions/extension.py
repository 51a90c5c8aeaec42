#!/usr/bin/env python3
"""An external extension that says what it is told."""

import json
import os
from http.client import HTTPConnection

API = "/2020-01-01/extension"


def ask(method, path, headers, body=None):
    connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, API + path, body, headers)
    answer = connection.getresponse()
    return answer.headers, json.load(answer)


name = os.path.basename(__file__)
events = json.dumps({"events": ["INVOKE", "SHUTDOWN"]})
registered, _ = ask("POST", "/register", {"Lambda-Extension-Name": name}, events)
identifier = {"Lambda-Extension-Identifier": registered["Lambda-Extension-Identifier"]}
told = None
while told != "SHUTDOWN":
    told = ask("GET", "/event/next", identifier)[1]["eventType"]
    print(f"{name} saw {told}", flush=True)
