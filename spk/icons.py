#!/usr/bin/env python3
"""Renders the app's icon (ui/public/icon.svg) to PNG files of the sizes that DSM wants.

Only what that drawing uses is understood: rectangles with round corners, paths of lines, cubic curves
and arcs of circles, filled or stroked with round caps. Every pixel is the mean of a grid of samples.

Usage: icons.py SVG SIZE=FILE...
"""

import math
import re
import struct
import sys
import xml.etree.ElementTree as xml
import zlib

SVG = "{http://www.w3.org/2000/svg}"
# Samples per pixel in each direction; small icons need more.
SAMPLES = {16: 12, 24: 10, 32: 8}
ENOUGH_SAMPLES = 4
STEPS = 48  # of a curve


def fail(message):
    sys.exit(f"icons.py: {message}")


def colour(text):
    match = re.fullmatch(r"#([0-9a-f]{6})", text or "")
    if not match:
        fail(f"cannot draw the colour {text!r}")
    return tuple(bytes.fromhex(match[1]))


def path_points(data):
    """A path as one list of points."""
    tokens = re.findall(r"[A-Za-z]|-?\d*\.?\d+", data)
    points, at, i, command = [], (0.0, 0.0), 0, ""

    def numbers(count):
        nonlocal i
        found = [float(t) for t in tokens[i : i + count]]
        i += count
        return found

    while i < len(tokens):
        if tokens[i].isalpha():
            command = tokens[i]
            i += 1
        if command in "zZ":
            continue
        x, y = at
        if command == "M":
            at = tuple(numbers(2))
            points.append(at)
        elif command == "l":
            dx, dy = numbers(2)
            at = (x + dx, y + dy)
            points.append(at)
        elif command == "c":
            n = numbers(6)
            p1, p2, p3 = ((x + n[k], y + n[k + 1]) for k in (0, 2, 4))
            for step in range(1, STEPS + 1):
                t = step / STEPS
                weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
                points.append(tuple(sum(w * p[k] for w, p in zip(weights, ((x, y), p1, p2, p3))) for k in (0, 1)))
            at = p3
        elif command == "a":
            radius, _, _, _, sweep, dx, dy = numbers(7)
            end = (x + dx, y + dy)
            chord = math.hypot(dx, dy)
            if abs(chord - 2 * radius) > 0.01:
                fail("only half circles are understood")
            centre = (x + dx / 2, y + dy / 2)
            start = math.atan2(y - centre[1], x - centre[0])
            turn = math.pi if sweep else -math.pi
            for step in range(1, STEPS + 1):
                angle = start + turn * step / STEPS
                points.append((centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)))
            at = end
        else:
            fail(f"cannot draw the path command {command!r}")
    return points


def round_rectangle(item):
    width, height, radius = (float(item.get(k)) for k in ("width", "height", "rx"))

    def inside(x, y):
        dx = max(radius - x, x - (width - radius), 0)
        dy = max(radius - y, y - (height - radius), 0)
        return 0 <= x <= width and 0 <= y <= height and dx * dx + dy * dy <= radius * radius

    return inside


def polygon(points):
    edges = list(zip(points, points[1:] + points[:1]))

    def inside(x, y):
        hit = False
        for (ax, ay), (bx, by) in edges:
            if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
                hit = not hit
        return hit

    return inside


def stroke(points, width):
    segments = list(zip(points, points[1:]))
    reach = (width / 2) ** 2

    def inside(x, y):
        for (ax, ay), (bx, by) in segments:
            dx, dy = bx - ax, by - ay
            t = min(1, max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)))
            if (x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2 <= reach:
                return True
        return False

    return inside


def shapes(svg):
    root = xml.parse(svg).getroot()
    box = [float(n) for n in root.get("viewBox").split()]
    if box[:2] != [0, 0] or box[2] != box[3]:
        fail("the drawing must be a square from 0,0")
    found = []
    for item in root:
        if item.tag == SVG + "rect":
            found.append((round_rectangle(item), colour(item.get("fill"))))
        elif item.tag == SVG + "path":
            points = path_points(item.get("d"))
            if item.get("stroke"):
                found.append((stroke(points, float(item.get("stroke-width"))), colour(item.get("stroke"))))
            else:
                found.append((polygon(points), colour(item.get("fill"))))
        else:
            fail(f"cannot draw <{item.tag}>")
    return box[2], found


def render(side, found, size):
    samples = SAMPLES.get(size, ENOUGH_SAMPLES)
    scale = side / (size * samples)
    rows = []
    for py in range(size):
        row = bytearray()
        for px in range(size):
            total, hits = [0, 0, 0], 0
            for sy in range(samples):
                y = (py * samples + sy + 0.5) * scale
                for sx in range(samples):
                    x = (px * samples + sx + 0.5) * scale
                    top = next((c for inside, c in reversed(found) if inside(x, y)), None)
                    if top:
                        hits += 1
                        for k in range(3):
                            total[k] += top[k]
            row += bytes((round(t / hits) if hits else 0) for t in total)
            row.append(round(255 * hits / samples**2))
        rows.append(bytes(row))
    return rows


def png(rows, size):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def main():
    if len(sys.argv) < 3:
        fail("usage: icons.py SVG SIZE=FILE...")
    side, found = shapes(sys.argv[1])
    wanted = {}
    for argument in sys.argv[2:]:
        size, _, file = argument.partition("=")
        wanted.setdefault(int(size), []).append(file)
    for size, files in wanted.items():
        data = png(render(side, found, size), size)
        for file in files:
            with open(file, "wb") as out:
                out.write(data)


if __name__ == "__main__":
    main()
