"""Hostile inputs, made when they are needed: archives, image layouts, definitions, folders.

Each has a name and a function that puts it into a project. Half of them are attacks
that are known from other programs; the others are valid inputs with random damage.
"""

import io
import json
import os
import struct
import tarfile
import warnings
import zipfile
import zlib

from .project import base_files, write, write_layout


def damaged(content, random):
    """The content with a few bytes changed, cut off, repeated or inserted."""
    content = bytearray(content)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(content) + 1)
        match random.randrange(5):
            case 0 if at < len(content):
                content[at] ^= 1 << random.randrange(8)
            case 1 if at < len(content):
                content[at] = random.choice((0, 0xFF, 0x7F, 0x80))
            case 2:
                content[at : at + random.randint(1, 16)] = random.randbytes(random.randint(0, 16))
            case 3 if random.random() < 0.3:
                del content[at:]
            case _:
                content[at:at] = content[at : at + random.randint(1, 200)]
    return bytes(content)


# ---------------------------------------------------------------- zip archives


def zipped(entries):
    """A zip archive of (name, content) or (ZipInfo, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a name occurs twice
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def named(raw, content=b"x"):
    """An archive whose only name consists of exactly these bytes."""
    marker = "N" * len(raw)
    return zipped([(marker, content)]).replace(marker.encode(), raw)


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info, target


def patched(content, signature, at, value):
    """The archive with a field of each record of this signature replaced."""
    content, start = bytearray(content), 0
    while (start := content.find(signature, start)) >= 0:
        content[start + at : start + at + len(value)] = value
        start += 4
    return bytes(content)


LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
SIMPLE = [(f"d/{number}.txt", f"content {number}\n" * 50) for number in range(5)]


def archives():
    simple = zipped(SIMPLE)
    short, long = struct.Struct("<H").pack, struct.Struct("<I").pack
    yield "fewer entries stated", lambda: patched(patched(simple, END, 8, short(2)), END, 10, short(2))
    yield "more entries stated", lambda: patched(patched(simple, END, 8, short(9)), END, 10, short(9))
    yield "a wrong size of the directory", lambda: patched(simple, END, 12, long(7))
    yield "a directory after the end", lambda: patched(simple, END, 16, long(1 << 30))
    yield "an end record in the comment", lambda: simple[:-2] + short(22) + simple[-22:]
    yield "a wrong checksum", lambda: patched(simple, CENTRAL, 16, b"\0\1\2\3")
    yield "a smaller size than the content", lambda: patched(simple, CENTRAL, 24, long(3))
    yield "a larger size than the content", lambda: patched(simple, CENTRAL, 24, long(1 << 31))
    yield "a compressed size up to the end", lambda: patched(simple, CENTRAL, 20, long(0x7FFFFFFF))
    yield "entries that overlap", lambda: patched(simple, CENTRAL, 42, long(0))
    yield "an unknown method", lambda: patched(patched(simple, LOCAL, 8, short(99)), CENTRAL, 10, short(99))
    yield "encrypted entries", lambda: patched(patched(simple, LOCAL, 6, short(1)), CENTRAL, 8, short(1))
    yield "names that differ between headers", lambda: simple.replace(b"d/1.txt", b"e/1.txt", 1)
    yield "only its first half", lambda: simple[: len(simple) // 2]
    yield "nothing", lambda: b""
    yield "text", lambda: b"this is not an archive\n" * 100
    yield "70,000 entries without Zip64", lambda: many_entries(70_000)
    yield "a gigabyte of zeros", bomb
    yield "deep folders", lambda: named(b"d/" * 30_000 + b"x")
    yield "a name of 60,000 bytes", lambda: named(b"n" * 60_000)
    for name in (b"../../outside", b"/etc/outside", b"a/../../../outside", b"C:\\outside", b"a\0b", b"..", b".wh.x",
                 b".wh..wh..opq", b"a//b", b"./a", b"\xff\xfe", b"a\nb", b"\x1b[2Jx", b"a\\..\\b", b" ", b"con"):  # fmt: skip
        yield f"the name {name!r}", lambda name=name: named(name)
    yield "one name twice", lambda: zipped([("a", "1"), ("a", "2")])
    yield "a file that is a folder too", lambda: zipped([("a", "1"), ("a/b", "2")])
    yield "names in two cases", lambda: zipped([("A", "1"), ("a", "2")])
    yield "a link out of the archive", lambda: zipped([link("l", "/etc/passwd")])
    yield "a file behind a link", lambda: zipped([link("l", "/tmp"), ("l/outside", "x")])
    yield "links in a circle", lambda: zipped([link("a", "b"), link("b", "a")])
    yield "a link to itself", lambda: zipped([link("a", "a/b")])
    yield "an empty link", lambda: zipped([link("a", "")])
    yield "a link of a megabyte", lambda: zipped([link("a", "x" * (1 << 20))])


def many_entries(count):
    """An archive whose end record counts its entries modulo 65,536, as old tools write it."""
    body, directory = io.BytesIO(), io.BytesIO()
    for number in range(count):
        name, at = b"f%d" % number, body.tell()
        body.write(struct.pack("<4s5H3I2H", LOCAL, 10, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name)
        directory.write(struct.pack("<4s6H3I5H2I", CENTRAL, 10, 10, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, at) + name)
    low = count % 65_536
    end = struct.pack("<4s4H2IH", END, 0, 0, low, low, directory.tell(), body.tell(), 0)
    return body.getvalue() + directory.getvalue() + end


def bomb():
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = b"".join(compress.compress(bytes(1 << 20)) for _ in range(1024)) + compress.flush()
    crc = 0
    for _ in range(1024):
        crc = zlib.crc32(bytes(1 << 20), crc)
    name, size = b"zeros", 1 << 30
    local = struct.pack("<4s5H3I2H", LOCAL, 20, 0, 8, 0, 33, crc, len(content), size, len(name), 0) + name + content
    entry = struct.pack("<4s6H3I5H2I", CENTRAL, 20, 20, 0, 8, 0, 33, crc, len(content), size, len(name), 0, 0, 0, 0, 0, 0)
    return local + entry + name + struct.pack("<4s4H2IH", END, 0, 0, 1, 1, len(entry) + len(name), len(local), 0)


def as_layer(make):
    return lambda project, _random: write(project / "layers/data.zip", make())


def as_code(make):
    def put(project, _random):
        write(project / "code.zip", make())
        definition(project, lambda content: content["functions"]["one"].update(code="code.zip"))

    return put


def damaged_archive(project, random):
    archive = project / "layers/data.zip"
    archive.write_bytes(damaged(archive.read_bytes(), random))


# ---------------------------------------------------------------- layers and layouts


def encoded(text):
    return text if isinstance(text, bytes) else text.encode()


def tarred(*members):
    """A tar archive of (name, type, content or link target)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, value in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, 0o755
            content = b""
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                member.linkname = value
            elif kind == tarfile.REGTYPE:
                content = encoded(value)
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def huge_header(kind, size):
    """A tar archive whose first header says that so many bytes of names or attributes follow."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.USTAR_FORMAT) + bytes(min(size, 64 << 20)) + bytes(1024)


def layers():
    file, folder, symlink, hard = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
    for name in ("../../outside", "/etc/outside", "a/../../outside", ".wh..wh..opq", ".wh.", ".wh...", "var/task/.wh..",
                 "a\\b", "d/" * 3000 + "x", "n" * 5000):  # fmt: skip
        yield f"the name {name[:40]!r}", lambda name=name: tarred((name, file, "x"))
    yield "a hard link to the outside", lambda: tarred(("l", hard, "../../etc/passwd"))
    yield "a hard link to nothing", lambda: tarred(("l", hard, "nothing"))
    yield "hard links in a circle", lambda: tarred(("a", hard, "b"), ("b", hard, "a"))
    yield "a file behind a link", lambda: tarred(("l", symlink, "/tmp"), ("l/outside", file, "x"))
    yield "links in a circle", lambda: tarred(("var/task", symlink, "/x"), ("x", symlink, "/var/task"))
    yield "the task root as a file", lambda: tarred(("var/task", file, "x"))
    yield "the task root as a link", lambda: tarred(("var/task", symlink, "/opt"))
    yield "a device", lambda: tarred(("dev/x", tarfile.CHRTYPE, ""))
    yield "a pipe", lambda: tarred(("p", tarfile.FIFOTYPE, ""))
    yield "one name many times", lambda: tarred(*[("a", file, str(number)) for number in range(1000)])
    yield "a folder after its files", lambda: tarred(("d/a", file, "x"), ("d", folder, ""))
    yield "no folders", lambda: tarred(("opt/lib/a/b/c", file, "x"), ("var/task/x", file, "x"))
    yield "attributes of 200 MB", lambda: huge_header(tarfile.XHDTYPE, 200_000_000)
    yield "a name of 4 GB", lambda: huge_header(tarfile.GNUTYPE_LONGNAME, 4_000_000_000)
    yield "a file of 8 GB that ends", lambda: huge_header(tarfile.REGTYPE, 8_000_000_000)
    yield "half a header", lambda: tarred(("a", file, "x"))[:300]
    yield "text", lambda: b"this is not an archive\n" * 100


def as_base(make):
    def put(project, _random):
        write_layout(project / "base", [base_files(), make()])
        definition(project, use_base)

    return put


def use_base(content):
    content["bases"]["python3.11"]["image"] = "oci:base"


def damaged_base(project, random):
    """A layout of which one file is damaged. A damaged blob has another digest, so that it must be found."""
    write_layout(project / "base", [base_files()])
    files = sorted(path for path in (project / "base").rglob("*") if path.is_file())
    file = random.choice(files)
    content = damaged(file.read_bytes(), random)
    if content != file.read_bytes():
        file.write_bytes(content)
    definition(project, use_base)


def damaged_layer(project, random):
    """A base with a layer that was damaged before its digest was taken."""
    write_layout(project / "base", [base_files(), damaged(tarred(("opt/x", tarfile.REGTYPE, "x" * 3000)), random)])
    definition(project, use_base)


def manifests():
    yield "layers that are no list", {"layers": {}}
    yield "a hostile digest", {"config": {"mediaType": "x", "digest": "sha256:../../../etc/passwd", "size": 1}}
    yield "a negative size", {"config": {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": -1}}
    yield "many layers", {"layers": [{"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1}] * 100_000}
    yield "a wrong version", {"schemaVersion": 1}
    yield "nulls", {"annotations": None, "subject": None, "artifactType": None}


def configs():
    yield "an empty config", {"a": 1}
    yield "nulls", {"architecture": "amd64", "os": "linux", "config": None, "history": None, "rootfs": None}
    yield "another system", {"architecture": "amd64", "os": "windows", "rootfs": {"type": "layers", "diff_ids": []}}


def with_manifest(change):
    def put(project, _random):
        write_layout(project / "base", [base_files()], manifest=change)
        definition(project, use_base)

    return put


def with_config(config):
    def put(project, _random):
        write_layout(project / "base", [base_files()], config=config)
        definition(project, use_base)

    return put


def large_index(project, _random):
    write_layout(project / "base", [base_files()])
    write(project / "base/index.json", b'{"schemaVersion":2,"manifests":[],"x":"' + b"x" * 100_000_000 + b'"}')
    definition(project, use_base)


def index_of_itself(project, _random):
    write_layout(project / "base", [base_files()])
    index = json.loads((project / "base/index.json").read_text())
    index["manifests"] = [entry | {"mediaType": "application/vnd.oci.image.index.v1+json"} for entry in index["manifests"]]
    write(project / "base/index.json", json.dumps(index))
    definition(project, use_base)


# ---------------------------------------------------------------- definitions


def definition(project, change):
    file = project / "limg.yaml"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def definitions():
    yield "nested brackets", lambda: "functions: " + "[" * 200_000
    yield "nested braces", lambda: "a: {" * 50_000
    yield "nested lists", lambda: "- " * 100_000
    yield "unknown keys", lambda: "functions:\n" + "".join(f"  f{number}: {{ x{number}: 1 }}\n" for number in range(40_000))
    yield "aliases that multiply", lambda: "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)
    )
    yield "merge keys that multiply", lambda: "d0: &d0 { a: 1 }\n" + "".join(
        f"d{n}: &d{n} {{ <<: [{', '.join([f'*d{n - 1}'] * 9)}] }}\n" for n in range(1, 20)
    )
    yield "an alias of itself", lambda: "functions: &a { x: *a }\n"
    yield "two documents", lambda: "functions: {}\n---\nfunctions: {}\n"
    yield "bytes that are not text", lambda: b"functions: \xff\xfe\x00\n"
    yield "a megabyte on one line", lambda: "project: " + "x" * (1 << 20)
    yield "control characters", lambda: 'project: "\\u001b[2J\\u202e"\nfunctions: {}\n'
    yield "tags", lambda: "functions: !!python/object/apply:os.system ['true']\n"
    yield "a large number", lambda: "functions: { f: { timeout: 1" + "0" * 100_000 + " } }\n"
    yield "nothing", lambda: ""
    yield "names that are paths", lambda: 'functions: { "../../outside": { runtime: python3.11, handler: a.b, code: . } }\n'


def as_definition(make):
    return lambda project, _random: write(project / "limg.yaml", make())


def damaged_definition(project, random):
    file = project / "limg.yaml"
    file.write_bytes(damaged(file.read_bytes(), random))


# ---------------------------------------------------------------- folders


def folder_link(target):
    return lambda project, _random: os.symlink(target, project / "functions/one/link")


def deep_folder(project, _random):
    """More levels than a path can name."""
    here = os.open(project / "functions/one", os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deep", dir_fd=here)
        below = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def folders_of_each_other(project, _random):
    folder = project / "functions/one"
    for name in "abcdef":
        (folder / name).mkdir()
        for other in "abcdef":
            os.symlink(f"../{other}", folder / name / f"to-{other}")
    definition(project, lambda content: content["functions"]["one"].update(follow=True))


def pipe(project, _random):
    os.mkfifo(project / "functions/one/pipe")


def pipe_as_code(project, _random):
    os.mkfifo(project / "pipe.zip")
    definition(project, lambda content: content["functions"]["one"].update(code="pipe.zip"))



INPUTS = [
    *((f"zip layer: {name}", as_layer(make)) for name, make in archives()),
    *((f"zip code: {name}", as_code(make)) for name, make in archives()),
    *((f"layer of the base: {name}", as_base(make)) for name, make in layers()),
    *((f"manifest of the base: {name}", with_manifest(change)) for name, change in manifests()),
    *((f"config of the base: {name}", with_config(config)) for name, config in configs()),
    *((f"definition: {name}", as_definition(make)) for name, make in definitions()),
    ("base: an index of 100 MB", large_index),
    ("base: an index that names itself", index_of_itself),
    *((f"folder: a link to {target}", folder_link(target)) for target in ("/", "/proc/self/root", ".", "..", "link")),
    ("folder: 1,200 levels", deep_folder),
    ("folder: folders that link to each other", folders_of_each_other),
    ("folder: a pipe", pipe),
    ("folder: a pipe as code", pipe_as_code),
    # Damage is random: as many again.
    *[("zip layer: damaged", damaged_archive), ("base: damaged", damaged_base),
      ("layer of the base: damaged", damaged_layer), ("definition: damaged", damaged_definition)] * 30,
]  # fmt: skip
