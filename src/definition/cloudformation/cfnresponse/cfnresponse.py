"""Answers CloudFormation for a custom resource."""

import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    log = getattr(context, "log_stream_name", "")
    answer = {
        "Status": responseStatus,
        "Reason": reason or f"Details are in the log stream {log}",
        "PhysicalResourceId": physicalResourceId or log,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    # The signature of the URL is for a request without a content type.
    request = urllib.request.Request(
        event["ResponseURL"], data=json.dumps(answer).encode(), headers={"Content-Type": ""}, method="PUT"
    )
    try:
        with urllib.request.urlopen(request) as response:
            print(f"CloudFormation got {responseStatus}: HTTP status {response.status}")
    except Exception as error:
        print(f"failed to send {responseStatus} to CloudFormation: {error}")
