"""The completions that the user's shell would offer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .program import environment

_PROGRAM = "import sys; sys.argv[0] = 'qmpshell'; from qmpshell.cli.main import main; main()"
_PATIENCE = (
    "from qmpshell.cli import server_completion as server;"
    " server._TIMEOUT = server._FREE_TIMEOUT = 60; "
)


def complete(
    *words: str, shell: str = "bash", cwd: Path | None = None, **variables: str
) -> list[str]:
    """Return the completions of the last word, as lines `TYPE,VALUE` for bash."""
    return _run(_PROGRAM, *words, shell=shell, cwd=cwd, **variables)


def complete_patiently(*words: str, **variables: str) -> list[str]:
    """Return the completions in bash, also if the server is too slow for a user."""
    return _run(_PATIENCE + _PROGRAM, *words, shell="bash", cwd=None, **variables)


def _run(program: str, *words: str, shell: str, cwd: Path | None, **variables: str) -> list[str]:
    line = " ".join(["qmpshell", *words])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        errors="surrogateescape",  # for names of files that are not UTF-8
        cwd=cwd,
        env=environment(
            _QMPSHELL_COMPLETE=f"{shell}_complete",
            COMP_LINE=f"{line} later",
            COMP_POINT=str(len(line)),
            COMP_WORDBREAKS=" \t\n\"'><=;|&(:",
            COMP_WORDS=line,
            COMP_CWORD=words[-1] if shell == "fish" else str(len(words)),
            **variables,
        ),
        check=False,
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]
