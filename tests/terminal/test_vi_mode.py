"""Test that the mode of the vi key bindings is shown."""

from __future__ import annotations

from tests.harness.screen import Terminal
from tests.harness.servers import Server

_ESCAPE = "\x1b"


def test_toolbar_shows_the_vi_mode(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_toolbar("prelaunch")
        assert "INSERT" not in terminal.toolbar
        terminal.line("/set editing=vi")
        terminal.wait_toolbar("INSERT", "prelaunch")
        terminal.type(f"stop{_ESCAPE}")
        terminal.wait_toolbar("NORMAL", "prelaunch")
        terminal.type("V")
        terminal.wait_toolbar("VISUAL")
        terminal.type(_ESCAPE)
        terminal.wait_toolbar("NORMAL")
        terminal.type("R")
        terminal.wait_toolbar("REPLACE")
        terminal.type(_ESCAPE)
        terminal.wait_toolbar("NORMAL")
        terminal.type("ddi")
        terminal.wait_toolbar("INSERT")
        terminal.line("/set editing=emacs")
        terminal.wait(lambda: "INSERT" not in terminal.toolbar, "no mode")


def test_normal_mode_is_shown_in_small_window(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address, rows=8) as terminal:
        terminal.wait_prompt()
        terminal.line("/set editing=vi")
        terminal.wait_above("/set editing=vi")
        terminal.type(_ESCAPE)
        terminal.wait_toolbar("NORMAL")
        terminal.type("i")
        terminal.wait(lambda: not terminal.toolbar, "no mode")


def test_queued_setting_changes_the_visible_prompt(one_qemu: Server) -> None:
    with Terminal("-q", one_qemu.address) as terminal:
        terminal.wait_toolbar("prelaunch")
        terminal.line("/wait -t 1 SHUTDOWN")
        terminal.line("/set editing=vi")
        terminal.wait_toolbar("INSERT")
        terminal.type(f"stop{_ESCAPE}")
        terminal.wait_toolbar("NORMAL")
