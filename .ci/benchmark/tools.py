"""The tools that are measured: the commands that each runs, and nothing else.

A tool is two Bash scripts, run in the folder of the work load. `prepare` gives
it the base and is not measured; `build` is what somebody types or keeps in a
script, and is run three times: cold, unchanged and after an edit. They find

  $STORE       an empty folder for whatever the tool keeps
  $BASE        the base, an OCI layout that must not be changed
  $REGISTRY    the registry, HOST:PORT
  $IMAGE       the repository in it, which has the base's blobs and its tag `base`
  $LIMG        limg's program
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tool:
    """`needs` are programs in PATH; `engine` says that it talks to a Docker engine."""

    title: str
    needs: tuple
    prepare: str
    build: str
    engine: bool = False


def docker(buildkit):
    return f"""\
export DOCKER_BUILDKIT={buildkit}
docker build --quiet --build-arg BASE=$IMAGE:base --tag $IMAGE:latest .
docker push --quiet $IMAGE:latest
"""


# Storage on tmpfs by overlay, as buildah has it by default on other file systems.
BUILDAH = "buildah --root $STORE/root --runroot $STORE/run --storage-driver overlay"

# The layer as Lambda takes layers, and a definition that names it.
ZIPPED = """\
(cd layer && zip --quiet --recurse-paths --symlinks $TMPDIR/layer.zip .)
sed "s,oci:[.][.]/base,oci:$BASE,; s,path: layer ,path: $TMPDIR/layer.zip ,
    s,path: extension,path: $PWD/extension,; s,code: function,code: $PWD/function," limg.yaml >$TMPDIR/limg.yaml
sleep 0.1 # what was just written is not taken for unchanging
"""

# A layer is packed again only if a file or folder of it is newer, as a makefile would have it.
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
put() { # FILE: into the layout, and its descriptor to the output
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
