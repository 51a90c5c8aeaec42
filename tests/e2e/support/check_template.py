"""Checks templates as AWS would: its own transform of SAM, then cfn-lint.

usage: check_template.py FILE=FUNCTION[,FUNCTION]... ...

Each FUNCTION is the logical id of a function in FILE that must be deployed from an image by digest. Exits with 1 and the
reasons on standard output if a check fails.
"""

import os
import subprocess
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")

from samtranslator.model.exceptions import InvalidDocumentException  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

# What `sam package` uploads, by the type of the resource.
UPLOADED = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::Application": "Location",
    "AWS::Serverless::Api": "DefinitionUri",
    "AWS::Serverless::HttpApi": "DefinitionUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}


class NoManagedPolicies:
    """Stands for the look-up of IAM's managed policies by name, which needs an account."""

    def load(self):
        return {}


def package(template):
    """Replaces local paths by locations in S3, as `sam package` does."""
    common = template.get("Globals", {}).get("Function", {})
    for resource in template.get("Resources", {}).values():
        properties = resource.setdefault("Properties", {}) if isinstance(resource, dict) else {}
        key = UPLOADED.get(resource.get("Type")) if isinstance(resource, dict) else None
        is_image = properties.get("PackageType") == "Image"
        value = properties.get(key)
        if key == "CodeUri" and value is None and "CodeUri" not in common and "InlineCode" not in properties:
            value = "."
        if key and not is_image and isinstance(value, str) and not value.startswith("s3://"):
            properties[key] = "https://s3.amazonaws.com/b/k" if key == "Location" else "s3://bucket/key"
    if isinstance(common.get("CodeUri"), str):
        common["CodeUri"] = "s3://bucket/key"


def transforms(template):
    named = template.get("Transform", [])
    return named if isinstance(named, list) else [named]


def deployed(template):
    """What CloudFormation deploys, or why SAM rejects the template. Loops are left to cfn-lint."""
    names = transforms(template)
    if "AWS::Serverless-2016-10-31" not in names or "AWS::LanguageExtensions" in names:
        return template, []
    package(template)
    try:
        return transform(template, {}, NoManagedPolicies()), []
    except InvalidDocumentException as error:
        return {}, [f"SAM: {error.message}"] + [f"SAM: {cause.message}" for cause in error.causes]


def faults_of(file, functions):
    with open(file, encoding="utf-8-sig") as opened:
        template = yaml_parse(opened.read())
    result, faults = deployed(template)
    for function in functions if not faults else ():
        properties = result.get("Resources", {}).get(function, {}).get("Properties", {})
        code = properties.get("Code", {})
        uri = properties.get("ImageUri") or (code.get("ImageUri") if isinstance(code, dict) else None)
        if properties.get("PackageType") != "Image" or "@sha256:" not in str(uri):
            faults.append(f"{function} is not deployed from an image by digest: {properties}")
    return [f"{file}: {fault}" for fault in faults]


def main(*templates):
    files = dict(template.rsplit("=", 1) for template in templates)
    faults = [fault for file, functions in files.items() for fault in faults_of(file, functions.split(","))]
    # Once for all, since it takes seconds to start.
    program = os.path.join(os.path.dirname(sys.executable), "cfn-lint")
    lint = [program, "--non-zero-exit-code", "error", *files]
    checked = subprocess.run(lint, stdout=subprocess.PIPE, text=True, check=False)
    if checked.returncode:
        faults.append(f"cfn-lint:\n{checked.stdout}")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
