#!/usr/bin/env python3
"""Finds sentences of more than 30 words in public docs: tests/sentences.py [FILE…]

Public docs are the comments `///` and `//!` of the crates and the examples, and all pages at the root. Of CHANGELOG.md
what came before 0.2 does not count. Code blocks, tables,
headings and the targets of links do not count; a piece of code within a sentence counts as one word.
Prints the place of each, and fails if there is one.
"""

import re
import sys
from pathlib import Path

MOST = 30
ROOT = Path(__file__).resolve().parent.parent
FILES = ["*.md", "src/**/*.rs", "examples/**/*.rs", "examples/**/*.md", "tests/README.md", "bench/README.md"]
FILES += [f"crates/*/{path}" for path in ("*.md", "src/**/*.rs", "examples/**/*.rs")]


def lines(path):
    """The lines of prose with their numbers; an empty one where something else stands."""
    rust = path.suffix == ".rs"
    fenced = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if path.name == "CHANGELOG.md" and line.startswith("## 0.1"):
            return
        if rust:
            doc = re.match(r"\s*//[/!](?!/) ?(.*)", line)
            if not doc:
                fenced = False
                yield number, ""
                continue
            line = doc[1]
        if re.match(r"\s*(```|~~~)", line):
            fenced = not fenced
            yield number, ""
        elif fenced or re.match(r"\s*(\||#|\[[^\]]*\]: |<)", line):
            yield number, ""
        else:
            yield number, line


def paragraphs(path):
    """Lists of (number, line): an item of a list is a paragraph of its own."""
    paragraph = []
    for number, line in lines(path):
        item = re.match(r"\s*([-*+]|\d+\.) +", line)
        if (not line.strip() or item) and paragraph:
            yield paragraph
            paragraph = []
        if line.strip():
            paragraph.append((number, line[item.end():] if item else line))
    if paragraph:
        yield paragraph


def sentences(paragraph):
    """Pairs of the line where a sentence begins and the sentence."""
    text, starts = "", []
    for number, line in paragraph:
        starts.append((len(text), number))
        text += line.strip() + " "

    # Of the same length, so that places stay known.
    def blank(match):
        return "x" + "_" * (len(match[0]) - 1)

    plain = re.sub(r"(`+)(?!`).*?\1", blank, text)
    plain = re.sub(r"\]\([^)\s]*\)", lambda m: "]" + " " * (len(m[0]) - 1), plain)
    plain = re.sub(r"\]\[[^\]]*\]", lambda m: "]" + " " * (len(m[0]) - 1), plain)
    begin = 0
    for end in [m.end() for m in re.finditer(r"[.!?][)\"*_\]]*\s+(?=\W*[A-Z0-9x`§]|$)", plain)] + [len(plain)]:
        if plain[begin:end].strip():
            number = max(n for at, n in starts if at <= begin)
            yield number, text[begin:end].strip(), plain[begin:end]
        begin = end


def main(names):
    paths = [Path(name).resolve() for name in names]
    paths = paths or sorted({path for glob in FILES for path in ROOT.glob(glob)})
    found = seen = 0
    for path in paths:
        for paragraph in paragraphs(path):
            for number, sentence, plain in sentences(paragraph):
                seen += 1
                words = sum(any(c.isalnum() for c in word) for word in plain.split())
                if words > MOST:
                    found += 1
                    print(f"{path.relative_to(ROOT)}:{number}: {words} words: {sentence}")
    print(f"{found} of {seen} sentences have more than {MOST} words")
    # Where nothing is read, nothing is found.
    return found > 0 or seen < (1 if names else 1000)


sys.exit(main(sys.argv[1:]))
