"""Docstrings, comments, messages and the README are in plain English (no test can prove it)."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path

import pytest

import qmpshell

ROOT = Path(qmpshell.__file__).parent
TOP = ROOT.parent

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
ANY_BANNED = re.compile("|".join(BANNED))
# Names of C, QAPI and QEMU in docstrings; other names in backquotes must exist in the package.
FOREIGN_NAMES = {"BlockInfo", "BlockDirtyBitmapAdd", "uint4", "uint64_t", "qmp_capabilities"}
QUOTED_NAME = re.compile(r"`([A-Za-z]\w*(?:_\w+|[a-z][A-Z]\w*))(?:\(\))?`")
# A file or a name in the table "Where to add something" of the README.
README_FILE = re.compile(r"`([\w/]+(?:\.py|/))`")
README_NAME = re.compile(r"`(?!run_NAME`)([A-Za-z_]\w*)`")
BANNED_VERBS = {"take", "see", "look", "tell", "say", "give", "begin", "settle"}

Texts = list[tuple[int, str]]


class Source:
    """The texts and names in a Python file, with their line numbers."""

    def __init__(self, path: Path) -> None:
        text = path.read_text()
        self.path = path
        self.is_test = ROOT not in path.parents
        self.comments: Texts = []
        self.docstrings: Texts = []
        # All strings that contain a blank: docstrings and messages.
        self.strings: Texts = []
        self.functions: Texts = []
        self.loop_variables: Texts = []
        self.names: set[str] = set()
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                self.comments.append((token.start[0], token.string))
            elif token.type == tokenize.NAME:
                self.names.add(token.string)
        for node in ast.walk(ast.parse(text)):
            self._add(node)

    def _add(self, node: ast.AST) -> None:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and " " in node.value:
                self.strings.append((node.lineno, node.value))
        elif isinstance(node, ast.For | ast.comprehension):
            names = [name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)]
            self.loop_variables += [(node.target.lineno, name) for name in names]
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.body:
                self.docstrings.append((node.body[0].lineno, ast.get_docstring(node) or ""))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.functions.append((node.lineno, node.name))

    def place(self, line: int) -> str:
        return f"{self.path.relative_to(TOP)}:{line}"


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    paths = [*ROOT.rglob("*.py"), *Path(__file__).parent.rglob("*.py")]
    return [Source(path) for path in sorted(paths)]


def findings(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Return the places of banned phrases, with better words."""
    return [
        f"{place}: {match[0]!r}: better {better!r}"
        for place, text in texts
        for words in [" ".join(text.split())]
        if ANY_BANNED.search(words)
        for phrase, better in BANNED.items()
        for match in [re.search(phrase, words)]
        if match is not None
    ]


def test_package_text_has_no_banned_phrase(sources: list[Source]) -> None:
    texts = (
        (source.place(line), text)
        for source in sources
        if not source.is_test
        for line, text in source.comments + source.strings
    )
    assert findings(texts) == []


def test_test_text_has_no_banned_phrase(sources: list[Source]) -> None:
    texts = (
        (source.place(line), text)
        for source in sources
        if source.is_test and source.path != Path(__file__)  # this file contains the rules
        for line, text in source.comments + source.docstrings
    )
    assert findings(texts) == []


def test_readme_has_no_banned_phrase() -> None:
    lines = (TOP / "README.md").read_text().splitlines()
    assert findings((f"line {number}", line) for number, line in enumerate(lines, 1)) == []


def test_test_names_have_at_most_eight_words(sources: list[Source]) -> None:
    for source in sources:
        for line, name in source.functions:
            assert not name.startswith("test_") or name.count("_") <= 8, source.place(line)


def test_names_use_standard_verbs(sources: list[Source]) -> None:
    for source in sources:
        for line, name in source.functions:
            words = name.removeprefix("test_").strip("_").split("_")
            assert words[0] not in BANNED_VERBS, f"{source.place(line)}: {name}"


def test_no_loop_variable_is_named_one(sources: list[Source]) -> None:
    places = [
        source.place(line)
        for source in sources
        for line, name in source.loop_variables
        if name == "one"
    ]
    assert places == []


def test_names_in_backquotes_exist(sources: list[Source]) -> None:
    package = [source for source in sources if not source.is_test]
    known = FOREIGN_NAMES.union(*(source.names for source in package))
    for source in package:
        for line, text in source.comments + source.strings:
            for name in QUOTED_NAME.findall(text):
                assert name in known, f"{source.place(line)}: {name}"


def test_readme_names_existing_places_for_additions(sources: list[Source]) -> None:
    _, _, rest = (TOP / "README.md").read_text().partition("**Where to add something:**")
    table = rest.strip().partition("\n\n")[0]
    files, names = README_FILE.findall(table), README_NAME.findall(table)
    assert len(files) > 20 and len(names) > 10
    for file in files:
        assert any(ROOT.rglob(file)), file
    known = set().union(*(source.names for source in sources if not source.is_test))
    assert set(names) <= known, set(names) - known
