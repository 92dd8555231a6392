"""Docstrings, comments, messages and the README are in plain English (no test can prove it)."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import qmpshell

ROOT = Path(qmpshell.__file__).parent
TOP = ROOT.parent
SOURCES = sorted([*ROOT.rglob("*.py"), *Path(__file__).parent.rglob("*.py")])

# Phrases of texts that are poetic, or read as translated, and what plain English says.
BANNED = {
    r"Owns:|[Mm]ust not know": "one sentence of purpose",
    r"\banew\b": "again",
    r"\bof ours\b|\bof (the|a) (user|server|shell|monitor|device)'s\b(?! \w)": "qmpshell's, the server's",
    r"\bbe it\b|\bbe they\b": "whether",
    r"\bso many\b|\bso much\b": "this many, a number",
    r"\bare told\b|\bis told\b|\btells of\b": "is shown, reports",
    r"\btakes? note\b|\btakes? notice\b": "handles",
    r"\bhow things stand\b|\bstands? (in|at|there|behind|before)\b": "is in, at",
    r"\b(it|that|this) is no \w": "it is not a",
    r"\bis no (argument|command|number|key)\b": "has no argument, is not a",
    r"\bwho(ever)? (has|have|had|asks|waits|looks|gives|types)\b": "a user or function",
    r"\bof its own accord\b|\bby itself it\b": "automatically",
    r"\bbegun\b|\bgoes on\b|\bgone on\b": "started, continues",
    r"\bnothing is known of\b": "no command, event or type named",
    r"\blocal commands?\b": "shell command",
    r"\bthe (house|household|room|rooms)\b": "the package",
}
# The rules themselves.
EXEMPT = {Path(__file__)}


def comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def strings(text: str) -> Iterator[tuple[int, str]]:
    """Yield docstrings and messages: all strings that contain a blank."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def findings(lines: Iterator[tuple[int, str]]) -> list[str]:
    return [
        f"line {number}: {match[0]!r}: better {better!r}"
        for number, text in lines
        for phrase, better in BANNED.items()
        for match in [re.search(phrase, " ".join(text.split()))]
        if match is not None
    ]


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path not in EXEMPT and ROOT in path.parents],
    ids=lambda path: str(path.relative_to(TOP)),
)
def test_package_text_has_no_banned_phrase(path: Path) -> None:
    text = path.read_text()
    assert findings(comments(text)) + findings(strings(text)) == []


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path not in EXEMPT and ROOT not in path.parents],
    ids=lambda path: str(path.relative_to(TOP)),
)
def test_test_text_has_no_banned_phrase(path: Path) -> None:
    text = path.read_text()
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = (
        (node.body[0].lineno, ast.get_docstring(node) or "")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented) and node.body
    )
    assert findings(comments(text)) + findings(docstrings) == []


def test_readme_has_no_banned_phrase() -> None:
    lines = enumerate((TOP / "README.md").read_text().splitlines(), 1)
    assert findings(iter(lines)) == []


def test_test_names_have_at_most_eight_words() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert node.name.count("_") <= 8, f"{path.name}: {node.name}"


BANNED_VERBS = {"take", "see", "look", "tell", "say", "give", "begin", "settle"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(TOP)))
def test_names_use_standard_verbs(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            words = node.name.removeprefix("test_").strip("_").split("_")
            assert words[0] not in BANNED_VERBS, f"line {node.lineno}: {node.name}"
        elif isinstance(node, ast.For | ast.comprehension):
            names = {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
            assert "one" not in names, f"line {node.target.lineno}: a loop variable named 'one'"


# Names of C, QAPI and QEMU in docstrings; other names in backquotes must exist in the package.
FOREIGN_NAMES = {"BlockInfo", "BlockDirtyBitmapAdd", "uint4", "uint64_t", "qmp_capabilities"}


def test_names_in_backquotes_exist() -> None:
    texts = {path: path.read_text() for path in SOURCES if ROOT in path.parents}
    known = FOREIGN_NAMES | {
        token.string
        for text in texts.values()
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.NAME
    }
    for path, text in texts.items():
        for line, comment in [*comments(text), *strings(text)]:
            for name in re.findall(r"`([A-Za-z]\w*(?:_\w+|[a-z][A-Z]\w*))(?:\(\))?`", comment):
                assert name in known, f"{path.name}:{line}: {name}"
