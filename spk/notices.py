#!/usr/bin/env python3
"""Writes the notices of all software in the program and its pages: name, version, licence, and each text once.

Usage: notices.py CARGO_TARGET FILE   (in the root of the repository, with the UI's packages installed)
"""

import json
import pathlib
import re
import subprocess
import sys

NAMES = re.compile(r"(?i)^(licen[cs]e|copying|notice|unlicense|copyright)([.-].*)?$")


def texts(folder):
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_file() and NAMES.match(path.name):
            yield path.read_text(encoding="utf-8", errors="replace").strip().replace("\r\n", "\n")


def crates(target):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    data = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    edges = {n["id"]: n["deps"] for n in data["resolve"]["nodes"]}
    packages = {p["id"]: p for p in data["packages"]}
    # What is only needed to build or to test is not in the program.
    reached, waiting = set(), [data["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package not in reached:
            reached.add(package)
            waiting += [d["pkg"] for d in edges[package] if any(k["kind"] is None for k in d["dep_kinds"])]
    for package in sorted((packages[i] for i in reached), key=lambda p: (p["name"], p["version"])):
        if package["source"]:
            yield package["name"], package["version"], package["license"] or "see text", pathlib.Path(package["manifest_path"]).parent


def modules():
    lock = json.loads(pathlib.Path("ui/package-lock.json").read_text())
    for path, package in sorted(lock["packages"].items()):
        if path and not package.get("dev"):
            yield path.rsplit("node_modules/", 1)[1], package.get("version", ""), package.get("license", "see text"), pathlib.Path("ui", path)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: notices.py CARGO_TARGET FILE")
    found, lines = {}, ["EggMoney contains the following software of others.", ""]
    for name, version, licence, folder in [*crates(sys.argv[1]), *modules()]:
        numbers = [found.setdefault(text, len(found) + 1) for text in texts(folder)]
        lines.append(f"{name} {version}: {licence}" + (f" (texts {', '.join(map(str, sorted(set(numbers))))})" if numbers else ""))
    for text, number in found.items():
        lines += ["", "=" * 78, f"Text {number}", "=" * 78, text]
    pathlib.Path(sys.argv[2]).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
