"""The tools that are measured, as the commands that each runs.

A tool is two Bash scripts, run in the folder of the work load. `prepare` imports
the base and is not measured; `build` is what a user would type or keep in a
script, and is run three times: cold, unchanged and after an edit. Their
environment:

  $STORE       an empty folder for the tool's own files
  $BASE        the base, an OCI layout that must not be changed
  $REGISTRY    the registry, HOST:PORT
  $IMAGE       a repository in it
  $STOCK       the base in a registry: $IMAGE:base, or in another registry
  $LIMG        the limg program
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tool:
    """`needs` lists programs in PATH; `engine` is true if the tool needs a Docker engine; `makes_image` is false if it
    makes something else; `base_elsewhere` is true if only another registry has the base; `emptied` has scripts by the
    name of their step, which are run after the edit with $STORE as `prepare` leaves it."""

    title: str
    needs: tuple
    prepare: str
    build: str
    engine: bool = False
    makes_image: bool = True
    base_elsewhere: bool = False
    emptied: dict = field(default_factory=dict)


def docker(buildkit):
    return f"""\
export DOCKER_BUILDKIT={buildkit}
docker build --quiet --build-arg BASE=$IMAGE:base --tag $IMAGE:latest .
docker push --quiet $IMAGE:latest
"""


# On tmpfs too buildah uses overlay, its default on other file systems.
BUILDAH = "buildah --root $STORE/root --runroot $STORE/run --storage-driver overlay"

# The layer as a zip archive, as Lambda accepts layers, and a definition that names it.
ZIPPED = """\
(cd layer && zip --quiet --recurse-paths --symlinks $TMPDIR/layer.zip .)
sed "s,oci:[.][.]/base,oci:$BASE,; s,path: layer ,path: $TMPDIR/layer.zip ,
    s,path: extension,path: $PWD/extension,; s,code: function,code: $PWD/function," limg.yaml >$TMPDIR/limg.yaml
sleep 0.1 # limg does not trust the times of files that are newer than this
"""

# A layer is packed again only if one of its files or folders is newer, as in a makefile.
TAR = r"""pack() { # FOLDER PLACE
    out=$STORE/$1
    if [[ ! -e $out.gz || -n $(find $1 -newer $out.gz -print -quit) ]]; then
        rm -f $out.pipe && mkfifo $out.pipe
        openssl dgst -sha256 -r $out.pipe >$out.diff &
        tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
            --transform="s,^\.,$2,rSh" -C $1 . | tee $out.pipe | pigz -6 -n >$out.gz
        wait
        openssl dgst -sha256 -r $out.gz >$out.digest
    fi
}
put() { # FILE TYPE: copies it into the layout and prints its descriptor
    local digest size
    digest=$(openssl dgst -sha256 -r $1 | cut -d' ' -f1)
    size=$(stat --format=%s $1)
    cp $1 $STORE/layout/blobs/sha256/$digest
    echo "{\"digest\": \"sha256:$digest\", \"size\": $size, \"mediaType\": \"$2\"}"
}
type=application/vnd.oci.image
pack layer opt
pack extension opt/extensions
pack function var/task
layers= diffs=
for name in layer extension function; do
    read -r digest _ <$STORE/$name.digest
    read -r diff _ <$STORE/$name.diff
    ln -f $STORE/$name.gz $STORE/layout/blobs/sha256/$digest
    layers+="{\"mediaType\": \"$type.layer.v1.tar+gzip\", \"digest\": \"sha256:$digest\", \"size\": $(stat --format=%s $STORE/$name.gz)}"
    diffs+="\"sha256:$diff\""
done
jq --slurpfile diffs <(echo "$diffs") \
    '.rootfs.diff_ids += $diffs | .config.Cmd = ["app.handler"] | del(.history)' \
    $STORE/base-config.json >$STORE/config.json
config=$(put $STORE/config.json $type.config.v1+json)
jq --argjson config "$config" --slurpfile layers <(echo "$layers") \
    '.config = $config | .layers += $layers' $STORE/base-manifest.json >$STORE/manifest.json
manifest=$(put $STORE/manifest.json $type.manifest.v1+json)
echo "{\"schemaVersion\": 2, \"manifests\": [$manifest]}" >$STORE/layout/index.json
skopeo copy --quiet --dest-tls-verify=false oci:$STORE/layout docker://$IMAGE:latest
"""

TOOLS = {
    "limg": Tool(
        "limg push registry",
        (),
        "",
        "$LIMG push registry $REGISTRY/bench\n",
    ),
    "limg-zip": Tool(
        "the same, the layer as a zip archive",
        ("zip",),
        ZIPPED,
        "$LIMG push registry $REGISTRY/bench --file $TMPDIR/limg.yaml\n",
    ),
    "docker": Tool(
        "docker build + push, classic builder",
        ("docker", "dockerd"),
        "docker pull --quiet $IMAGE:base\n",
        docker(buildkit=0),
        engine=True,
    ),
    "buildkit": Tool(
        "docker build + push, BuildKit of the same engine",
        ("docker", "dockerd"),
        "docker pull --quiet $IMAGE:base\n",
        docker(buildkit=1),
        engine=True,
    ),
    "buildah": Tool(
        "buildah bud + push",
        ("buildah",),
        f"{BUILDAH} pull --quiet --tls-verify=false $IMAGE:base\n",
        f"""\
buildah="{BUILDAH}"
$buildah bud --quiet --layers --isolation=chroot --tls-verify=false \\
    --build-arg BASE=$IMAGE:base --tag function .
$buildah push --quiet --tls-verify=false function docker://$IMAGE:latest
""",
    ),
    "umoci": Tool(
        "umoci insert + skopeo copy",
        ("umoci", "skopeo"),
        "cp --recursive $BASE $STORE/layout\n",
        """\
image=$STORE/layout:function
umoci insert --image $STORE/layout:latest --tag function layer /opt
umoci insert --image $image extension /opt/extensions
umoci insert --image $image function /var/task
umoci config --image $image --config.cmd app.handler
skopeo copy --quiet --dest-tls-verify=false oci:$image docker://$IMAGE:latest
""",
    ),
    "tar": Tool(
        "tar, pigz -6 per changed layer + skopeo copy",
        ("tar", "pigz", "openssl", "jq", "skopeo"),
        """\
cp --recursive $BASE $STORE/layout
blob() { echo $BASE/blobs/sha256/${1#sha256:}; }
cp $(blob $(jq -r '.manifests[0].digest' $BASE/index.json)) $STORE/base-manifest.json
cp $(blob $(jq -r '.config.digest' $STORE/base-manifest.json)) $STORE/base-config.json
""",
        TAR,
    ),
}
