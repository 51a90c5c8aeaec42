"""Whether a pushed image is the one that was asked for.

A tool that left files out would be fast. What counts is what a function sees:
paths, contents, whether programs may be run, and the command; owners and times
are each tool's own affair.
"""

import hashlib
import json
import subprocess
import tarfile


def held(bench):
    """The files of the layers beyond the base, as `loads.contents` gives them, and programs."""
    files, programs = {}, set()
    for layer in bench.layers():
        # umoci ends an archive right after its last byte; Python wants blocks of zeros there.
        unpacker = subprocess.Popen(
            ["sh", "-c", 'gzip -dc <"$0" && head -c 10240 /dev/zero', bench.blob(layer["digest"])],
            stdout=subprocess.PIPE,
        )
        with unpacker, tarfile.open(fileobj=unpacker.stdout, mode="r|") as archive:
            for member in archive:
                name = member.name.removeprefix("./").strip("/")
                if member.issym():
                    files[name] = f"-> {member.linkname}"
                elif member.islnk():
                    files[name] = files[member.linkname.removeprefix("./").strip("/")]
                elif member.isfile():
                    content = archive.extractfile(member)
                    files[name] = hashlib.file_digest(content, "sha256").hexdigest()
                    if member.mode & 0o111:
                        programs.add(name)
    return files, programs


def differences(bench, wanted):
    """What is wrong with the image in the registry, in words; nothing if all is well."""
    files, programs = held(bench)
    found = [f"{name} is missing" for name in wanted.keys() - files.keys()]
    found += [f"{name} is not wanted" for name in files.keys() - wanted.keys()]
    found += [f"{name} differs" for name in wanted.keys() & files.keys() if wanted[name] != files[name]]
    if "opt/extensions/bench" not in programs:
        found.append("opt/extensions/bench cannot be run")
    manifest, base = bench.manifest("latest"), bench.manifest("base")
    config, stock = (
        json.loads(bench.blob(image["config"]["digest"]).read_bytes()) for image in (manifest, base)
    )
    if config["config"].get("Cmd") != ["app.handler"]:
        found.append(f"the command is {config['config'].get('Cmd')}")
    if config["config"].get("Entrypoint") != stock["config"].get("Entrypoint"):
        found.append("the entry point is not the base's")
    count = len(base["layers"])
    if config["rootfs"]["diff_ids"][:count] != stock["rootfs"]["diff_ids"]:
        found.append("the base is another")
    if len(config["rootfs"]["diff_ids"]) != len(manifest["layers"]):
        found.append("the config has not as many layers as the manifest")
    return sorted(found)
