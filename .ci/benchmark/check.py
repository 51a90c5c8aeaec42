"""Checks that a pushed image is complete.

A tool that left files out would be fast. The check covers what a function sees:
paths, contents, whether programs are executable, and the command. Owners and
times may differ between tools.
"""

import hashlib
import json
import subprocess
import tarfile


def held(bench):
    """The files of the layers above the base, as `loads.contents` returns them, and which are programs."""
    files, programs = {}, set()
    for layer in bench.layers():
        # umoci ends an archive right after its last byte; Python expects blocks of zeros there.
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


def differences(bench, folder, kind):
    """What is wrong with the image in the registry, in words; empty if nothing is. `kind` is the module of the work load."""
    wanted = kind.contents(folder)
    files, programs = held(bench)
    found = [f"{name} is missing" for name in wanted.keys() - files.keys()]
    if kind.IS_EXACT:
        found += [f"{name} is not expected" for name in files.keys() - wanted.keys()]
    found += [f"{name} differs" for name in wanted.keys() & files.keys() if wanted[name] != files[name]]
    found += [f"{name} is not executable" for name in kind.PROGRAMS if name not in programs]
    manifest, base = bench.pushed(), bench.manifest(bench.stock)
    config, stock = (
        json.loads(bench.blob(image["config"]["digest"]).read_bytes()) for image in (manifest, base)
    )
    if config["config"].get("Cmd") != ["app.handler"]:
        found.append(f"the command is {config['config'].get('Cmd')}")
    if config["config"].get("Entrypoint") != stock["config"].get("Entrypoint"):
        found.append("the entry point is not the base's")
    count = len(base["layers"])
    if config["rootfs"]["diff_ids"][:count] != stock["rootfs"]["diff_ids"]:
        found.append("the layers of the base differ")
    if len(config["rootfs"]["diff_ids"]) != len(manifest["layers"]):
        found.append("config and manifest differ in the number of layers")
    return sorted(found)
