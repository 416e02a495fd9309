#!/usr/bin/python3
"""Links between pages: the file that one names is there, and so is its heading.
links.py --source DIR
"""
import argparse
import pathlib
import posixpath
import re
import sys

from violations import told

SKIPPED = re.compile(r"^(build[^/]*|\.git|\.cache)(/|$)")
FENCE = re.compile(r"^\s*(```|~~~)")
LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def prose(text):
    """(line, text) of what is no example, without what stands in ``."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchor_of(heading):
    """As GitHub and GitLab make it of a heading."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def anchors_of(text):
    found = {}
    for _, line in prose(text):
        heading = HEADING.match(line)
        if heading:
            anchor = anchor_of(heading.group(1))
            found[anchor] = found.get(anchor, 0) + 1
    again = {f"{anchor}-{i}" for anchor, count in found.items() for i in range(1, count)}
    return set(found) | again


def links_of(text):
    for number, line in prose(text):
        for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if not ELSEWHERE.match(target):
                yield number, target


def faults_of(name, text, read):
    """read(path) -> the text of a file, "" of a folder or of what is no page, None: not there."""
    for number, target in links_of(text):
        path, _, anchor = target.partition("#")
        folder = posixpath.dirname(name)
        place = posixpath.normpath(posixpath.join(folder, path)) if path else name
        there = read(place)
        if there is None:
            yield f"{name}:{number}: the link {target} names a file that is not there"
        elif anchor and anchor not in anchors_of(there):
            yield f"{name}:{number}: the link {target} names a heading that is not there"


def check_self():
    """The rules above find what they are for."""
    assert anchor_of("6a. SMSCs and `reminders`, [x](y.md)!") == "6a-smscs-and-reminders-x"
    page = "# One\n```\n# two\n[x](gone.md)\n```\n## One\n`[x](gone.md)` [y](#one-1)\n"
    assert anchors_of(page) == {"one", "one-1"}
    files = {"docs/a.md": page, "docs/b.md": "", "README.md": ""}

    def found(text):
        return [*faults_of("docs/a.md", text, files.get)]

    assert not found(page)
    assert not found("[x](b.md) [y](../README.md) [z](a.md#one) [w](https://x.example/#y)")
    assert found("[x](c.md)\n[y](#two) [z](b.md#one)") == [
        "docs/a.md:1: the link c.md names a file that is not there",
        "docs/a.md:2: the link #two names a heading that is not there",
        "docs/a.md:2: the link b.md#one names a heading that is not there"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=lambda text: pathlib.Path(text).resolve(), required=True)
    source = parser.parse_args().source
    check_self()

    def read(name):
        path = source / name
        if path.suffix == ".md" and path.is_file():
            return path.read_text(encoding="utf-8")
        return "" if path.exists() else None

    pages = {path.relative_to(source).as_posix() for path in source.rglob("*.md")}
    pages = sorted(name for name in pages if not SKIPPED.search(name))
    violations, seen = [], 0
    for name in pages:
        text = read(name)
        seen += sum(1 for _ in links_of(text))
        violations += faults_of(name, text, read)
    if len(pages) < 10 or seen < 30:
        violations.append(f"{source}: only {len(pages)} pages with {seen} links: wrong folder")
    return told(violations, f"{seen} links of {len(pages)} pages")


if __name__ == "__main__":
    sys.exit(main())
