"""A registry on the loopback interface."""

import hashlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request

from .project import OCI


class Registry:
    """Debian's docker-registry."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        config = {
            "version": "0.1", "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
            "http": {"addr": self.address},
        }  # fmt: skip
        (folder / "config.yml").write_text(json.dumps(config))
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["docker-registry", "serve", str(folder / "config.yml")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f".ci/chaos: docker-registry does not start; see {folder / 'log'}")
            time.sleep(0.05)

    def answers(self):
        try:
            return self.get("/v2/").status == 200
        except OSError:
            return False

    def get(self, path, method="GET", accept="*/*"):
        request = urllib.request.Request(f"http://{self.address}{path}", method=method, headers={"Accept": accept})
        return urllib.request.urlopen(request, timeout=30)

    def copy(self, layout, name):
        subprocess.run(
            ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{layout}", f"docker://{self.address}/{name}"],
            check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def manifest(self, repository, tag):
        """The digest and the content of a tag's manifest; None if there is no such tag."""
        try:
            with self.get(f"/v2/{repository}/manifests/{tag}", accept=f"{OCI}.manifest.v1+json") as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        return f"sha256:{hashlib.sha256(content).hexdigest()}", json.loads(content)

    def size(self, repository, digest):
        try:
            with self.get(f"/v2/{repository}/blobs/{digest}", method="HEAD") as answer:
                return int(answer.headers["Content-Length"])
        except urllib.error.HTTPError:
            return None

    def stop(self):
        self.process.terminate()
        self.process.wait()
