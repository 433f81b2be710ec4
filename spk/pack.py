#!/usr/bin/env python3
"""Puts an SPK together: ustar, INFO first, fixed order, times, owners and modes, gzip without a time.

The same input gives the same bytes, wherever it lies.
"""

import argparse
import gzip
import hashlib
import io
import os
import pathlib
import re
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
ICON_SIZES = (16, 24, 32, 48, 64, 72, 256)
SCRIPTS = ("preinst", "postinst", "preuninst", "postuninst", "preupgrade", "postupgrade", "start-stop-status")
ARCHITECTURES = ("x86_64", "armv8")
# The first second of 2020: old enough for every clock, and the same for everybody.
TIME = 1577836800


def fail(message):
    sys.exit(f"pack.py: {message}")


class Archive:
    """A ustar archive in memory."""

    def __init__(self):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.USTAR_FORMAT)
        self.folders = set()
        self.kilobytes = 0

    def _member(self, name, kind, mode):
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.mtime = kind, mode, TIME
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    def folder(self, name):
        if name and name not in self.folders:
            self.folder(os.path.dirname(name))
            self.folders.add(name)
            self.tar.addfile(self._member(name, tarfile.DIRTYPE, 0o755))

    def file(self, name, data, mode=0o644):
        self.folder(os.path.dirname(name))
        member = self._member(name, tarfile.REGTYPE, mode)
        member.size = len(data)
        self.kilobytes += -(-len(data) // 4096) * 4
        self.tar.addfile(member, io.BytesIO(data))

    def bytes(self):
        self.tar.close()
        return self.buffer.getvalue()


def files_under(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file())


def payload(arguments):
    archive = Archive()
    program = pathlib.Path(arguments.program).read_bytes()
    archive.file("bin/eggmoney", program, 0o755)
    archive.file("bin/eggmoney.version", f"{arguments.version}\n".encode())
    for path in files_under(HERE / "payload"):
        archive.file(path.relative_to(HERE / "payload").as_posix(), path.read_bytes())
    for size in ICON_SIZES:
        archive.file(f"ui/images/eggmoney_{size}.png", (HERE / "icons" / f"eggmoney_{size}.png").read_bytes())
    archive.file("share/LICENSE", (ROOT / "LICENSE").read_bytes())
    if arguments.notices:
        archive.file("share/THIRD-PARTY-NOTICES.txt", pathlib.Path(arguments.notices).read_bytes())
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=arguments.level, mtime=0) as out:
        out.write(archive.bytes())
    return packed.getvalue(), archive.kilobytes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the built program")
    parser.add_argument("--version", required=True, help="x.y.z-NNNN")
    parser.add_argument("--arch", required=True, choices=ARCHITECTURES)
    parser.add_argument("--notices", help="notices of others' software")
    parser.add_argument("--level", type=int, default=9, help="of compression")
    parser.add_argument("--to", required=True, help="folder for the package")
    arguments = parser.parse_args()
    if not re.fullmatch(r"\d+\.\d+\.\d+-\d{4,}", arguments.version):
        fail(f"{arguments.version!r} is no version: write x.y.z-NNNN")

    tgz, kilobytes = payload(arguments)
    info = (HERE / "INFO.in").read_text(encoding="utf-8")
    values = {
        "VERSION": arguments.version,
        "ARCH": arguments.arch,
        "EXTRACTSIZE": str(kilobytes),
        "CHECKSUM": hashlib.md5(tgz).hexdigest(),
    }
    info = re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], info)

    spk = Archive()
    spk.file("INFO", info.encode())
    spk.file("PACKAGE_ICON.PNG", (HERE / "icons/eggmoney_64.png").read_bytes())
    spk.file("PACKAGE_ICON_256.PNG", (HERE / "icons/eggmoney_256.png").read_bytes())
    spk.file("LICENSE", (ROOT / "LICENSE").read_bytes())
    for folder in ("conf", "scripts", "WIZARD_UIFILES"):
        spk.folder(folder)
        for path in files_under(HERE / folder):
            name = path.relative_to(HERE).as_posix()
            spk.file(name, path.read_bytes(), 0o755 if folder == "scripts" and path.name in SCRIPTS else 0o644)
    spk.file("package.tgz", tgz)
    data = spk.bytes()

    target = pathlib.Path(arguments.to)
    target.mkdir(parents=True, exist_ok=True)
    name = f"EggMoney-{arguments.version}-{arguments.arch}.spk"
    (target / name).write_bytes(data)
    (target / f"{name}.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    print(target / name)


if __name__ == "__main__":
    main()
