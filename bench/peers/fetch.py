# SPDX-License-Identifier: Apache-2.0
"""nginx, haproxy and serf, unpacked beside the build and never installed: installing them would
start services on the reader's machine."""
import os
import pathlib
import re
import subprocess

PEERS = {"nginx": "usr/sbin/nginx", "haproxy": "usr/sbin/haproxy", "serf": "usr/bin/serf"}


class Missing(Exception):
    """A program is missing; the message says which, why and what to do."""


def fetch(name, folder):
    """The path of that peer's program under `folder`, downloaded and unpacked when it is not there.

    Shared libraries that this machine lacks are fetched beside it.
    """
    folder = pathlib.Path(folder)
    program = folder / "root" / PEERS[name]
    if not program.exists():
        unpack(name, folder)
    for _ in range(4):  # a library may lack a library
        lacking = lacking_libraries(program, folder)
        if not lacking:
            return program
        wanted = [package for package in library_dependencies(folder) if not have(package, folder)]
        if not wanted:
            break
        for package in wanted:
            unpack(package, folder)
    raise Missing(f"{name} missing: its libraries {', '.join(lacking)} are in none of its packages")


def environment(folder):
    """The environment in which an unpacked program finds its libraries."""
    libraries = sorted({str(path.parent) for path in pathlib.Path(folder).glob("root/**/*.so.*")})
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}


def version(program, folder):
    """As it says itself, e.g. 1.22.1."""
    ended = subprocess.run([program, "-v"], env=environment(folder), capture_output=True, text=True)
    found = re.search(r"\d+\.\d+\.\d+", ended.stdout + ended.stderr)
    return found.group() if found else "of unknown version"


def unpack(package, folder):
    folder.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, text=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    archives = sorted(folder.glob(f"{package}_*.deb"))
    if ended.returncode != 0 or not archives:
        raise Missing(f"{package} missing: `apt-get download {package}` failed "
                      f"({ended.stderr.strip().splitlines()[-1:] or 'no message'}); "
                      "run `apt-get update` and try again, or leave it out with --only")
    subprocess.run(["dpkg", "-x", archives[-1], folder / "root"], check=True)


def lacking_libraries(program, folder):
    ended = subprocess.run(["ldd", program], env=environment(folder), capture_output=True,
                           text=True)
    return re.findall(r"(\S+) => not found", ended.stdout)


def library_dependencies(folder):
    names = set()
    for archive in folder.glob("*.deb"):
        fields = subprocess.run(["dpkg-deb", "-f", archive, "Depends"], capture_output=True,
                                text=True, check=True).stdout
        names.update(re.findall(r"(?:^|[,|])\s*(lib[a-z0-9.+-]+)", fields))
    return sorted(names)


def have(package, folder):
    installed = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package],
                               capture_output=True, text=True).stdout
    return installed.endswith(" installed") or any(folder.glob(f"{package}_*.deb"))
