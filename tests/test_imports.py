"""The layout of the package: imports point down, pure packages do no I/O, a script imports little."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import TypeGuard

import pytest

import qmpshell
from tests.harness.program import environment
from tests.harness.screen import Terminal
from tests.harness.servers import Server

ROOT = Path(qmpshell.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# From the top down: a module imports from its own package and from the layers below it, and from
# another package of its layer only if that one does not import it.
LAYERS = (
    ("cli",),
    ("terminal",),
    ("script", "client", "aio", "client_state"),
    ("session",),
    ("manual",),
    ("complete",),
    ("storage",),
    ("qemu",),
    ("transport",),
    ("render", "language"),
    ("qmp",),
    ("errors", "record"),
)
PURE = (
    *("qmp", "render", "language", "complete", "session", "manual", "client_state"),
    *("errors", "record"),
)
# The one module of a pure package that reads files: it finds the manual pages.
IMPURE_MODULES = {Path("manual/find.py")}
IO_MODULES = {
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


def relative(path: Path) -> Path:
    return path.relative_to(ROOT)


def package_of(path: Path) -> str:
    return relative(path).parts[0].removesuffix(".py")


def layer_of(package: str) -> int:
    """Return the height of a package's layer: the greater, the higher."""
    return next(-number for number, names in enumerate(LAYERS) if package in names)


@cache
def exports(package: Path) -> dict[str, str]:
    """Return the module that each name of a package's interface comes from."""
    tables = [
        ast.literal_eval(node.args[1])
        for node in ast.walk(ast.parse((package / "__init__.py").read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "export_lazily"
    ]
    return {name: module for table in tables for module in table for name in table[module].split()}


@cache
def own_imports(path: Path) -> set[Path]:
    """Return the modules of qmpshell that a module imports anywhere, also for type checking."""
    package = relative(path).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ROOT.joinpath(*package[: len(package) - node.level + 1])
            target = base.joinpath(*(node.module or "").split("."))
            found |= {_module(target, alias.name) for alias in node.names}
    return found - {ROOT / "__init__.py", path}


def _module(target: Path, name: str) -> Path:
    """Return the module that `from target import name` imports."""
    if not target.is_dir():
        return target.with_suffix(".py")
    if (target / f"{name}.py").exists():
        return target / f"{name}.py"
    if name not in exports(target):
        return target / "__init__.py"
    return target.joinpath(*exports(target)[name].split(".")).with_suffix(".py")


def foreign_imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def test_imports_point_down() -> None:
    top = {ROOT / "__init__.py", ROOT / "__main__.py"}
    for path in set(MODULES) - top:
        for other in own_imports(path):
            reason = f"{relative(path)} imports {relative(other)}"
            assert layer_of(package_of(other)) <= layer_of(package_of(path)), reason


def test_modules_import_only_exported_names() -> None:
    for path in MODULES:
        inner = [other for other in own_imports(path) if other.name == "__init__.py"]
        assert not inner, f"{relative(path)} imports a name that {inner} does not export"


def test_packages_of_one_layer_are_independent() -> None:
    uses = {
        (package_of(path), package_of(other)) for path in MODULES for other in own_imports(path)
    }
    both = {
        (first, second) for first, second in uses if first != second and (second, first) in uses
    }
    assert both == set()


def test_modules_import_each_other_in_no_cycle() -> None:
    graph = {relative(path): {relative(other) for other in own_imports(path)} for path in MODULES}
    interfaces = {path for path in graph if path.name == "__init__.py"}
    sorter = TopologicalSorter({path: others - interfaces for path, others in graph.items()})
    sorter.prepare()  # raises CycleError with the modules of a cycle


def test_pure_packages_import_no_io_modules() -> None:
    pure = [path for path in MODULES if package_of(path) in PURE]
    for path in pure:
        if relative(path) not in IMPURE_MODULES:
            assert not IO_MODULES & foreign_imports(path), relative(path)


# `self` is not counted.
_MAX_PARAMETERS = 10


def test_constructor_has_at_most_ten_parameters() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                assert len(parameters) - 1 <= _MAX_PARAMETERS, f"{path}:{node.lineno}"


def test_top_level_has_six_modules() -> None:
    names = {path.stem for path in ROOT.glob("*.py")} - {"__init__", "__main__"}
    assert names <= {"aio", "client", "client_state", "errors", "record", "script"}


@pytest.mark.parametrize(
    "package",
    [path for path in sorted(ROOT.iterdir()) if (path / "__init__.py").exists()],
    ids=lambda path: str(path.name),
)
def test_package_exports_what_type_checkers_see(package: Path) -> None:
    """For type checkers, a package imports all names of the modules that its table names."""
    module = import_module(f"qmpshell.{package.name}")
    starred = [
        node.module
        for node in ast.walk(ast.parse((package / "__init__.py").read_text()))
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    ]
    exported = exports(package)
    assert sorted(map(str, starred)) == sorted(set(exported.values()))
    assert set(dir(module)) == set(exported)
    assert not {path.stem for path in package.glob("*.py")} & set(exported)
    for name, home in exported.items():
        assert getattr(module, name) is not None
        for other in (import_module(f"{module.__name__}.{other}") for other in starred):
            same = vars(other).get(name, getattr(module, name))
            assert same is getattr(module, name), f"{name} of {home} is another in {other.__name__}"


@pytest.mark.parametrize("arguments", [["--help"], ["x.sock"], ["-r", "-c", "stop", "x.sock"]])
def test_script_does_not_import_the_terminal(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "qmpshell", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment(),
        check=False,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "qmpshell.cli.main" in imported
    assert ("qmpshell.script" in imported) == (arguments != ["--help"])
    for name in ("asyncio", "prompt_toolkit", "pygments", "subprocess", "dataclasses"):
        assert name not in imported, name
    for name in ("complete", "terminal", "manual"):
        assert not any(module.startswith(f"qmpshell.{name}") for module in imported), name
    if arguments != ["--help"]:
        assert "click" not in imported


def test_script_on_unix_socket_imports_no_other_transport(one_qemu: Server) -> None:
    code = (
        "import sys; from qmpshell.cli.main import run; status = run(sys.argv[1:]);"
        " names = (name for name in sys.modules if 'qmpshell.transport.' in name or name == 'socket');"
        " print(status, *sorted(names))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, one_qemu.address],
        input="query-status\n",
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    names = ("address", "connect", "stream")
    modules = [f"qmpshell.transport.{name}" for name in names]
    assert done.stdout.splitlines()[-1].split() == ["0", *modules]


@pytest.mark.parametrize(
    "code",
    [
        "from qmpshell.terminal import run_terminal",
        "from qmpshell.cli.main import run; run(['-c', 'query-status', *sys.argv[1:]])",
    ],
)
def test_views_are_imported_only_when_used(one_qemu: Server, code: str) -> None:
    views = "print(*(name for name in sys.modules if 'render.views' in name), sep=',')"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; {views}", one_qemu.address],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment(),
        check=True,
    )
    assert done.stdout.splitlines()[-1] == ""


def test_signature_is_imported_before_first_key(one_qemu: Server, tmp_path: Path) -> None:
    imported = tmp_path / "imported"
    program = f"exec {sys.executable} -X importtime -m qmpshell {one_qemu.address} 2>{imported}"
    with Terminal(command=("/bin/sh", "-c", program)) as terminal:
        terminal.wait_ready()
        terminal.wait(lambda: "qmpshell.complete.signature" in imported.read_text(), "import")


def test_terminal_is_imported_without_garbage_collection() -> None:
    code = (
        "import gc, sys; from qmpshell.cli.start import import_shell; import_shell({});"
        " print('qmpshell.terminal.plain' in sys.modules, gc.get_freeze_count() > 10_000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout == "True True\n"


def test_script_collects_garbage_after_its_imports() -> None:
    code = (
        "import gc, qmpshell.script as script; from qmpshell.cli.main import main;"
        " script.ScriptRunner.run = lambda *_: print(gc.isenabled(), flush=True) or 0;"
        " main(['-n', '-c', 'stop'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout == "True\n"


def test_docstrings_and_comments_have_short_lines() -> None:
    """The formatter leaves the lines of docstrings and comments as they are."""
    for path in MODULES:
        lines = path.read_text().splitlines()
        long = {number for number, line in enumerate(lines, 1) if len(line) > 110}
        assert not long or not long & _prose(lines), relative(path)


def _prose(lines: list[str]) -> set[int]:
    """Return the numbers of lines that are comments or parts of docstrings."""
    comments = {number for number, line in enumerate(lines, 1) if line.lstrip().startswith("#")}
    texts = [node.value for node in ast.walk(ast.parse("\n".join(lines))) if _is_text(node)]
    return comments.union(*(range(node.lineno, (node.end_lineno or 0) + 1) for node in texts))


def _is_text(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
