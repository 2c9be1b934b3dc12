#!/usr/bin/env python3
"""The image of the Dockerfile, without Docker: its program is built by its own line, in a folder that holds what
.dockerignore lets in; what its COPY lines name is put into another folder, and run there in a chroot as its user.

IMAGE_PROGRAM names a program that is built already, in place of the build, which takes a quarter of an hour.
Needs root, for chroot and for DNS on port 53 of a loopback address.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import shlex
import shutil
import socket
import ssl
import stat
import string
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from harness import JPEG, REPOSITORY, Service, contains, curl, equal, files_under, picture_size, request, run_checks
from seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS, create_bucket

DOCKERFILE = REPOSITORY / "Dockerfile"
TARGET_DIR = REPOSITORY / "tests" / "e2e" / ".tools" / "image-target"
# Its own address, so that the port 53 of no real name server is in the way.
NAME_SERVER, STORE_NAME = "127.53.0.53", "store.thumbgate.test"
scratch: Path
image: Path
context: Path


# --- The Dockerfile, as far as ours goes ---


def instructions() -> list[tuple[str, str]]:
    lines = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in lines.splitlines() if line.strip()]


def stages() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The one that builds, and the one that is left."""
    begins = [number for number, (name, _) in enumerate(instructions()) if name == "FROM"]
    build, last = instructions()[: begins[1]], instructions()[begins[1] :]
    equal((len(begins), last[0]), (2, ("FROM", "scratch")), "stages")
    return build, last


def values(stage: list[tuple[str, str]], name: str) -> list[str]:
    return [value for instruction, value in stage if instruction == name]


def environment(stage: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values(stage, "ARG") + values(stage, "ENV"):
        for pair in shlex.split(value):
            name, text = pair.split("=", 1)
            found[name] = string.Template(text).substitute(found)
    return found


def is_let_in(path: str) -> bool:
    """By .dockerignore: the last pattern that matches the path, or a folder above it, counts."""
    let_in = True
    for line in (REPOSITORY / ".dockerignore").read_text().splitlines():
        pattern = line.strip().removeprefix("!").removeprefix("**/")
        if pattern and not line.startswith("#") and any(matches(part, pattern, "**/" in line) for part in and_above(path)):
            let_in = line.startswith("!")
    return let_in


def and_above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def matches(path: str, pattern: str, at_any_depth: bool) -> bool:
    path = path.rsplit("/", 1)[-1] if at_any_depth else path
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def copy_context() -> None:
    """What `COPY . .` gets: of what git knows, and of what is not committed yet."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if is_let_in(name) and (REPOSITORY / name).exists():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, context / name)


# --- Building and assembling ---


def the_build_line_makes_the_program_of_what_dockerignore_lets_in() -> None:
    build, _ = stages()
    copy_context()
    assert not (context / "docs").exists() and (context / "src" / "main.rs").exists(), sorted(os.listdir(context))
    in_context = {"cwd": context, "env": os.environ | environment(build), "check": True}
    subprocess.run(["cargo", "metadata", "--no-deps", "--locked", "--format-version=1"], stdout=subprocess.DEVNULL, **in_context)
    (line,) = values(build, "RUN")
    contains(line, "-C target-feature=+crt-static", "the build line")
    if "IMAGE_PROGRAM" in os.environ:
        print(f"   in place of the build line: {Path(os.environ['IMAGE_PROGRAM']).name}, built before", flush=True)
        place_program(Path(os.environ["IMAGE_PROGRAM"]))
        return
    TARGET_DIR.mkdir(parents=True, exist_ok=True)
    (context / "target").symlink_to(TARGET_DIR)
    subprocess.run(["sh", "-c", line.replace("/image/", f"{scratch / 'build' / 'image'}/")], **in_context)


def place_program(program: Path) -> None:
    built = scratch / "build" / "image"
    (built / "data").mkdir(parents=True)
    shutil.copy(program, built / "thumbgate")


def the_image_holds_the_program_certificates_and_a_folder() -> None:
    """As its COPY lines say. What they take from the system of the build is taken from this one."""
    for line in values(stages()[1], "COPY"):
        *options, source, target = line.split()
        contains(options[0], "--from=build", line)
        built = scratch / "build" / source.lstrip("/")
        from_where = built if built.exists() else Path(source)
        to_where = image / target.lstrip("/")
        to_where.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if from_where.is_dir() else shutil.copy)(from_where, to_where)
        for option in options[1:]:
            os.chown(to_where, *map(int, option.removeprefix("--chown=").split(":")))
    # Docker lays these three into every container.
    (image / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    (image / "etc" / "resolv.conf").write_text(f"nameserver {NAME_SERVER}\n")
    (image / "etc" / "hostname").write_text("container\n")
    files = sorted(files_under(image))
    make_devices()
    equal(files, ["etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt", "thumbgate"], "files")


def make_devices() -> None:
    """Every container has these. A static program gets random numbers from them: it cannot look for getrandom()."""
    (image / "dev").mkdir()
    for name, minor in (("null", 3), ("random", 8), ("urandom", 9)):
        os.mknod(image / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        (image / "dev" / name).chmod(0o666)


def the_program_needs_no_library() -> None:
    elf = (image / "thumbgate").read_bytes()
    equal(elf[:6], b"\x7fELF\x02\x01", "a program for 64 bits, little endian")
    (table,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    kinds = {struct.unpack_from("<I", elf, table + number * size)[0] for number in range(count)}
    assert 3 not in kinds, "it names a loader (PT_INTERP), which the image does not have"
    said = subprocess.run(["ldd", image / "thumbgate"], capture_output=True, text=True, check=False)
    assert re.search("statically linked|not a dynamic executable", said.stdout + said.stderr), said


# --- Running ---


def in_container(*arguments: str, **settings: str) -> subprocess.Popen:
    """As Docker would start it, but for the network, which is this machine's."""
    _, last = stages()
    (user,) = values(last, "USER")
    user_id, group_id = map(int, user.split(":"))

    def enter() -> None:
        os.chroot(image)
        os.chdir("/")
        os.setgroups([])
        os.setgid(group_id)
        os.setuid(user_id)

    return subprocess.Popen(
        ["/thumbgate", *arguments], preexec_fn=enter, env=environment(last) | settings,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )


class Container(Service):
    """The service in the chroot, with the harness's log and requests."""

    def __init__(self, **settings: str) -> None:
        self.home, self.lines, self.output = Path(tempfile.mkdtemp(prefix="thumbgate-image-")), [], b""
        # On a loopback address: this is no container, and others must not reach it.
        self.process = in_container("serve", **({"LISTEN": "127.0.0.1:0"} | settings))
        self._follow()


def it_refuses_to_start_for_everybody_on_the_images_own_address() -> None:
    process = in_container("serve")
    _, error = process.communicate(timeout=20)
    equal(process.returncode, 2, "the status")
    for part in ("LISTEN=0.0.0.0:8080", "API_KEYS", "ALLOW_ANONYMOUS=true"):
        contains(error.decode(), part, "what it says")


def it_stores_in_its_volume_and_is_healthy() -> None:
    with Container.started() as service:
        answer = curl(service.home, "--form", f"file=@{JPEG}", f"{service.url}/uploads").expect(201).json()
        thumbnail = service.request("GET", "/thumbnails/image1-thumbnail.jpg").expect(200).body
        equal(picture_size(thumbnail)[1:], (answer["thumbnail"]["width"], answer["thumbnail"]["height"]), "its size")
        stored = image / "data" / "marketing-uploads-bucket" / "image1.jpg"
        equal((stored.read_bytes(), stored.stat().st_uid), (JPEG.read_bytes(), 65532), "the original in the volume")
        probe = in_container("health", service.url)
        equal((probe.wait(20), probe.communicate()[1]), (0, b""), "what HEALTHCHECK runs")
        service.signal()
        equal(service.exit_status(30), 0, "the status after SIGTERM")
    equal(in_container("health", service.url).wait(20), 1, "HEALTHCHECK once it is gone")


def it_reaches_s3_by_a_name_of_dns_over_tls() -> None:
    """DNS in static glibc, and the CA certificates where the program looks for them."""
    with SeaweedFS.started() as store, names_known(), tls_in_front_of(store.ports["s3.port"]) as port:
        for bucket in ("uploads-here", "thumbnails-here"):
            create_bucket(store.client(), bucket)
        settings = {
            "STORE": "s3", "UPLOAD_BUCKET": "uploads-here", "THUMBNAIL_BUCKET": "thumbnails-here",
            "AWS_ENDPOINT_URL": f"https://{STORE_NAME}:{port}", "S3_FORCE_PATH_STYLE": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        with Container.started(**settings) as service:
            service.upload("image1.jpg", JPEG.read_bytes()).expect(201)
            found = store.client().get_object(Bucket="uploads-here", Key="image1.jpg")["Body"].read()
            equal(found, JPEG.read_bytes(), "the original in S3")
            equal(request(service.url, "GET", "/ready").status, 200, "/ready")


@contextlib.contextmanager
def names_known():
    """A name server that knows one name, and no IPv6 address of it."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((NAME_SERVER, 53))
    asked: list[bytes] = []

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                query, client = server.recvfrom(512)
                end = query.index(b"\0", 12) + 5
                name, kind = query[12 : end - 4], query[end - 4 : end - 2]
                asked.append(name)
                known = name == b"".join(bytes([len(part)]) + part.encode() for part in STORE_NAME.split(".")) + b"\0"
                record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("127.0.0.1")
                records = [record] if known and kind == b"\0\1" else []
                flags = b"\x81\x80" if known else b"\x81\x83"
                server.sendto(query[:2] + flags + struct.pack(">4H", 1, len(records), 0, 0) + query[12:end] + b"".join(records), client)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield
        assert asked, "nobody has asked the name server"
    finally:
        server.close()


@contextlib.contextmanager
def tls_in_front_of(port: int):
    """Under a certificate that only the image trusts. Gives the port."""
    key, certificate = scratch / "key.pem", scratch / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=thumbgate's tests", "-addext", f"subjectAltName=DNS:{STORE_NAME}", "-addext",
         "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )
    with (image / "etc" / "ssl" / "certs" / "ca-certificates.crt").open("a") as trusted:
        trusted.write(certificate.read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=pass_on, args=(context, client, port), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


def pass_on(context: ssl.SSLContext, client: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True) as near:
        with socket.create_connection(("127.0.0.1", port)) as far:
            back = threading.Thread(target=copy, args=(far, near), daemon=True)
            back.start()
            copy(near, far)
            back.join(timeout=30)


def copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


CHECKS = [
    the_build_line_makes_the_program_of_what_dockerignore_lets_in,
    the_image_holds_the_program_certificates_and_a_folder,
    the_program_needs_no_library,
    it_refuses_to_start_for_everybody_on_the_images_own_address,
    it_stores_in_its_volume_and_is_healthy,
    it_reaches_s3_by_a_name_of_dns_over_tls,
]

if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("image: it needs root, for chroot")
    with tempfile.TemporaryDirectory(prefix="thumbgate-image-") as folder:
        # The folder itself is the root of the chroot for another user.
        scratch, image, context = Path(folder), Path(folder) / "root", Path(folder) / "context"
        scratch.chmod(0o755)
        for made in (image, context):
            made.mkdir(mode=0o755)
        sys.exit(run_checks("image", CHECKS))
