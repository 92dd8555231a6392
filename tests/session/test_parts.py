"""The parts of a session: none has the whole session, and each alone changes its attributes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import qmpshell.session
from tests.harness.sessions import Driver

DIRECTORY = Path(qmpshell.session.__file__).parent
MODULES = sorted(path for path in DIRECTORY.rglob("*.py") if path.name != "__init__.py")
# Parts whose attributes are the user's, and that have no code of their own.
SHARED = {"settings"}

parametrize_modules = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)


def assigned_attributes(tree: ast.Module) -> Iterator[ast.Attribute]:
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        for target in targets:
            for item in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(item, ast.Attribute):
                    yield item


def last_name(node: ast.expr) -> str:
    """Return "b" for a.b and for b."""
    name = node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)
    return name.removeprefix("_")


@parametrize_modules
def test_part_is_changed_only_by_its_own_methods(path: Path) -> None:
    parts = {
        name.removeprefix("_") for name in vars(Driver(interactive=True).session.state)
    } - SHARED
    assert {"connection", "lines", "outbox", "sender", "server", "vm"} <= parts
    changed = [
        f"{path.name}:{item.lineno}: {ast.unparse(item)}"
        for item in assigned_attributes(ast.parse(path.read_text()))
        if last_name(item.value) in parts
    ]
    assert changed == []


@parametrize_modules
def test_no_part_has_the_session(path: Path) -> None:
    names = {
        node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)
    }
    assert "Session" not in names
