"""What is measured over lines: the lines, the work loads, and the tools of each.

The tools are on one end of a line and all registries on the other.
"""

from dataclasses import dataclass, replace
from types import ModuleType

from . import fleet, loads
from .tools import TOOLS, Tool

RATES = (100, 200, 1000)
DELAYS = (1, 10, 50)

# Mbit/s and ms of round trip by name. The first has no limit: what the processor allows.
NONE = "none"
LINES = {NONE: None} | {f"{rate}x{delay}": (rate, delay) for rate in RATES for delay in DELAYS}

# The line that all tools are measured on, and those that are measured if none are named.
MAIN = "200x10"
USUAL = [NONE, "100x10", "200x1", MAIN, "200x50", "1000x10"]

# The tools that are measured on every line.
FIRST = ("limg", "umoci", "skopeo")


@dataclass(frozen=True)
class Load:
    """A work load over lines: the module that makes it and its name there, its tools, and the round trips that each step
    needs at least."""

    title: str
    kind: ModuleType
    name: str
    tools: dict
    round_trips: dict


LIMG, UMOCI = TOOLS["limg"], TOOLS["umoci"]

# All functions in one layout; uploads run in parallel, after one that has sent the base and the layer.
UMOCI_FLEET = """\
umoci insert --image $STORE/layout:latest --tag shared layer /opt
for code in functions/*; do
    image=$STORE/layout:${code##*/}
    umoci insert --image $STORE/layout:shared --tag ${code##*/} $code /var/task
    umoci config --image $image --config.cmd app.handler
done
copy="skopeo copy --quiet --dest-tls-verify=false oci:$STORE/layout:{} docker://$REGISTRY/bench/{}:latest"
echo function | xargs -I{} $copy
ls functions | grep -v function | xargs -P 8 -I{} $copy
"""

# The definition names the other registry's base.
NAME_STOCK = """\
sed "s,oci:[.][.]/base,$STOCK,; s,path: layer,path: $PWD/layer,; s,code: ,code: $PWD/," limg.yaml >$TMPDIR/limg.yaml
"""

SKOPEO = """\
skopeo copy --quiet --src-tls-verify=false --dest-tls-verify=false docker://$STOCK docker://$IMAGE:latest
"""

PUSH = LIMG.build.strip()
CACHED = PUSH + " --cache-from $REGISTRY/bench/{function}\n"

# The round trips that cannot overlap: the connection, POST and PUT of a layer, and the manifest. A small layer needs only
# its POST; if nothing has changed, one question is enough. A base in another registry adds the question for its manifest.
LOADS = {
    "line-python": Load(
        "the image of `python`",
        loads,
        "python",
        {
            "limg": replace(LIMG, emptied={"empty": LIMG.build, "cached": CACHED}),
            "umoci": replace(UMOCI, emptied={"empty": UMOCI.build}),
            "buildkit": TOOLS["buildkit"],
        },
        {"cold": 4, "unchanged": 2, "edit": 3, "empty": 2, "cached": 2},
    ),
    "line-first": Load(
        "a small function on a base of another registry",
        fleet,
        "first",
        {
            "limg": Tool(
                "limg push registry, a base of another registry", (), NAME_STOCK, PUSH + " --file $TMPDIR/limg.yaml\n",
                base_elsewhere=True,
            ),
            "skopeo": Tool(
                "skopeo copy, only the base", ("skopeo",), "", SKOPEO, makes_image=False, base_elsewhere=True
            ),
        },
        {"cold": 5, "unchanged": 3, "edit": 4},
    ),
    "line-fleet": Load(
        "50 functions that share a layer; one is edited",
        fleet,
        "fleet",
        {"limg": LIMG, "umoci": replace(UMOCI, title=UMOCI.title + ", 50 functions", build=UMOCI_FLEET)},
        {"cold": 4, "unchanged": 2, "edit": 3},
    ),
}


def tools(name, line):
    """The tools that are measured with a work load on a line."""
    known = LOADS[name].tools
    if line == MAIN:
        return known
    if line == NONE or name == "line-fleet":
        return {"limg": known["limg"]}
    return {key: tool for key, tool in known.items() if key in FIRST}
