"""The plan of the house: imports point down, the pure parts stay pure, a script imports little."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TypeGuard

import pytest

import qmpshell
from tests.harness.program import environment

ROOT = Path(qmpshell.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# From the ground up; a module may import from its own floor and from those below.
FLOORS = (
    ("__init__", "errors", "exits", "folders", "settings", "options", "page"),
    ("protocol",),
    ("schema",),
    ("language",),
    ("requests", "effects", "ports"),
    ("render", "complete"),
    ("diagnosis", "guard", "hints", "waits", "records", "inputs", "manual"),
    ("commands",),
    ("session", "raw", "transport", "files", "configuration"),
    ("connection", "script"),
    ("tools",),
    ("terminal",),
    ("cli",),
    ("__main__",),
)
PURE = (
    "settings",
    "options",
    "page",
    "protocol",
    "schema",
    "language",
    "complete",
    "render",
    "requests",
    "effects",
    "ports",
    "diagnosis",
    "guard",
    "hints",
    "waits",
    "commands",
    "session",
    "raw",
)
# Of this room all is pure but what looks for the pages.
WORLDLY_MANUAL = ("finding",)
WORLDLY = {
    "asyncio",
    "click",
    "datetime",
    "io",
    "os",
    "pathlib",
    "prompt_toolkit",
    "select",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "threading",
    "time",
}


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(number for number, names in enumerate(FLOORS) if name in names)


def imports(path: Path) -> set[tuple[str, bool]]:
    """The rooms and foreign modules that a module imports, and whether the name is a room's."""
    package = ("qmpshell", *path.relative_to(ROOT).parts[:-1])
    found: set[tuple[str, bool]] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {(alias.name.partition(".")[0], False) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((str(node.module).partition(".")[0], False))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            parts = [*base, *(node.module or "").split(".")][1:]
            parts = [part for part in parts if part]
            if parts:
                found.add((parts[0], True))
            else:
                names = {alias.name for alias in node.names}
                rooms = {room(module) for module in MODULES}
                found |= {(name if name in rooms else "__init__", True) for name in names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    if path == ROOT / "__init__.py":
        return  # the front door names what is inside, and imports it when it is asked for
    ours = floor(room(path))
    for name, is_room in imports(path):
        if is_room:
            assert floor(name) <= ours, f"{path.name} imports {name} from above"


def test_rooms_on_one_floor_do_not_import_each_other_in_circles() -> None:
    uses = {
        room(path): {name for name, is_room in imports(path) if is_room and name != room(path)}
        for path in MODULES
    }
    for names in FLOORS:
        for name in names:
            for other in uses.get(name, set()) & set(names):
                assert name not in uses.get(other, set()), f"{name} and {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pure_rooms_do_not_know_the_world(path: Path) -> None:
    if room(path) in PURE or (room(path) == "manual" and path.stem not in WORLDLY_MANUAL):
        assert not WORLDLY & {name for name, is_room in imports(path) if not is_room}


def test_every_module_says_what_it_owns() -> None:
    for path in MODULES:
        if path.name not in ("__init__.py", "__main__.py"):
            text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
            assert "Owns:" in text, path
            assert "ust not know" in text, path


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_written_for_people_has_lines_that_they_can_read(path: Path) -> None:
    """The formatter breaks code, and leaves docstrings and comments as they are."""
    text = path.read_text()
    prose = [node.value for node in ast.walk(ast.parse(text)) if _is_text(node)]
    lines = {number for one in prose for number in range(one.lineno, (one.end_lineno or 0) + 1)}
    for number, line in enumerate(text.splitlines(), 1):
        if number in lines or line.lstrip().startswith("#"):
            assert len(line) <= 110, f"{path}:{number}"


def _is_text(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@pytest.mark.parametrize("arguments", [["--help"], ["x.sock"], ["-r", "-c", "stop", "x.sock"]])
def test_a_script_imports_neither_asyncio_nor_prompt_toolkit_nor_pygments(
    arguments: list[str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "qmpshell", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment(),
        check=False,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "qmpshell.script.run" in imported
    for name in ("asyncio", "prompt_toolkit", "pygments", "subprocess", "dataclasses"):
        assert name not in imported, name
    for name in ("complete", "terminal", "manual"):
        assert not any(one.startswith(f"qmpshell.{name}") for one in imported), name
    if not arguments[0].startswith("-"):
        assert "click" not in imported


def test_nothing_unused_is_imported_as_a_module() -> None:
    """Each module below the package is imported by another, or is an entrance."""
    entrances = {"__init__", "__main__"}
    texts = {path: path.read_text() for path in MODULES}
    for path in MODULES:
        name = path.stem
        if name not in entrances:
            assert any(
                f"{name} import" in text or f"import {name}" in text or f'"{name}"' in text
                for other, text in texts.items()
                if other != path
            ), path
