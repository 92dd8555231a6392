"""Test the colour styles and the choice of the colour depth."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.styles import BaseStyle, default_ui_style, merge_styles
from pygments.styles import get_all_styles

from qmpshell.render import (
    JSON_NAME,
    JSON_NOTE,
    JSON_NUMBER,
    JSON_PUNCTUATION,
    JSON_STRING,
    JSON_WORD,
)
from qmpshell.storage import check_style
from qmpshell.terminal import color_depth, json_style, make_style, paint_table, style_names, styles
from tests.harness.program import environment
from tests.harness.screen import Terminal
from tests.harness.servers import Server

PIECES = (JSON_NAME, JSON_STRING, JSON_NUMBER, JSON_WORD, JSON_NOTE, JSON_PUNCTUATION)
CLASSES = sorted(
    value
    for name, value in vars(styles).items()
    if name.isupper() and isinstance(value, str) and not name.startswith(("_", "JSON_", "AUTO"))
)
ALL = [*CLASSES, *map(json_style, PIECES)]
STATES = (
    styles.TOOLBAR_GOOD,
    styles.TOOLBAR_NOTABLE,
    styles.TOOLBAR_BAD,
    f"signature.{styles.WARNING}",
)
SIGNATURE = ("command", "required", "optional", "given", "current", "type", "mark")
# With those of the completion menu that are prompt_toolkit's.
ALL_STYLES = (
    *(name for name in ALL if name != styles.WARNING),
    *(f"signature.{name}" for name in SIGNATURE),
    *STATES,
    "completion-menu.completion",
    "completion-menu.meta.completion",
    "completion-menu.meta.completion.current",
)
COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")


def attributes_of(style: BaseStyle, name: str) -> tuple[str, bool, bool, bool]:
    attributes = style.get_attrs_for_style_str(f"class:{name}")
    return (
        attributes.color or "",
        bool(attributes.bold),
        bool(attributes.italic),
        bool(attributes.underline),
    )


PLAIN = ("", False, False, False)


# -- styles ---------------------------------------------------------------------------------------


def test_auto_style_uses_only_terminal_palette() -> None:
    style = make_style()
    for name in set(ALL) - {styles.MENU_CURRENT}:  # the menu has prompt_toolkit's colours
        color = attributes_of(style, name)[0]
        assert color == "" or color.startswith("ansi")
    assert attributes_of(style, styles.ERROR)[0] == "ansired"
    assert attributes_of(style, json_style(JSON_STRING))[0] == "ansigreen"


@pytest.mark.parametrize("name", ["auto", "dark", "light", *sorted(get_all_styles())])
def test_errors_and_prompt_stand_out_in_any_style(name: str) -> None:
    style = make_style(name)
    pieces = {attributes_of(style, json_style(piece)) for piece in PIECES}
    for error in (styles.ERROR, styles.TYPED_ERROR):
        assert attributes_of(style, error) not in pieces | {PLAIN}
    assert attributes_of(style, styles.PROMPT) != PLAIN
    for class_name in set(ALL) - {*STATES, styles.MENU_CURRENT}:
        assert style.get_attrs_for_style_str(f"class:{class_name}").bgcolor == ""


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours, from 1 to 21, as defined by WCAG."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


# The palette of xterm.
PALETTE = {
    "ansiblack": "000000",
    "ansired": "cd0000",
    "ansigreen": "00cd00",
    "ansiyellow": "cdcd00",
    "ansiwhite": "ffffff",
}


def drawn_colours(style: BaseStyle, classes: str, default: tuple[str, str]) -> tuple[str, str]:
    """Return the colours of text and background; `default` are those of the terminal."""
    attributes = style.get_attrs_for_style_str(classes)
    text, background = attributes.color or default[0], attributes.bgcolor or default[1]
    return (background, text) if attributes.reverse else (text, background)


def drawn_contrast(style: BaseStyle, class_name: str, default: tuple[str, str]) -> float:
    """Return the contrast of a style where it is used."""
    toolbar = "class:bottom-toolbar class:bottom-toolbar.text"
    places = {"toolbar": toolbar, "signature": toolbar, "completion-menu": "class:completion-menu"}
    place = places.get(class_name.partition(".")[0], "")
    whole = merge_styles([default_ui_style(), style])
    drawn = drawn_colours(whole, f"{place} class:{class_name}", default)
    return contrast(*(PALETTE.get(color, color) for color in drawn))


@pytest.mark.parametrize(
    ("name", "text", "background"),
    [("dark", "d0d0d0", "000000"), ("dark", "d0d0d0", "1e1e1e"), ("light", "000000", "ffffff")],
)
def test_dark_and_light_styles_have_enough_contrast(name: str, text: str, background: str) -> None:
    style = make_style(name)
    assert len({attributes_of(style, name)[0] for name in ALL}) >= 6
    for class_name in ALL_STYLES:
        value = drawn_contrast(style, class_name, (text, background))
        assert value >= 4.5, class_name  # WCAG level AA


@pytest.mark.parametrize("default", [("d0d0d0", "000000"), ("000000", "ffffff")])
def test_auto_style_has_readable_states_and_warnings(default: tuple[str, str]) -> None:
    for name in (*STATES, styles.MENU_CURRENT):
        assert drawn_contrast(make_style(), name, default) >= 4.5, name


@pytest.mark.parametrize("name", ["dark", "light"])
def test_json_pieces_have_at_least_three_styles(name: str) -> None:
    style = make_style(name)
    found = {attributes_of(style, json_style(piece)) for piece in PIECES[:-1]}
    assert len(found) >= 3
    assert PLAIN not in found


def test_pygments_style_sets_token_colours() -> None:
    style = make_style("monokai")
    assert attributes_of(style, json_style(JSON_STRING))[0] == "e6db74"
    assert attributes_of(style, styles.TYPED_STRING)[0] == "e6db74"
    assert attributes_of(style, json_style(JSON_PUNCTUATION)) == PLAIN  # like plain text
    assert attributes_of(make_style("bw"), json_style(JSON_NAME)) == ("", True, False, False)


@pytest.mark.parametrize("name", ["nosuch", "", "a.b", "Monokai"])
def test_unknown_style_error_lists_styles(name: str) -> None:
    with pytest.raises(ValueError, match="it must be auto, dark, light, monokai"):
        make_style(name)


def test_auto_style_does_not_import_pygments() -> None:
    program = (
        "import sys; from qmpshell.terminal.styles import make_style;"
        "make_style(); print('pygments' in sys.modules);"
        "make_style('dark'); print('pygments' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    assert done.stdout.split() == ["False", "True"]


# -- escape sequences -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "depth", "string"),
    [
        ("auto", ColorDepth.DEPTH_4_BIT, "\x1b[0;32m"),
        ("auto", ColorDepth.DEPTH_24_BIT, "\x1b[0;32m"),
        ("dark", ColorDepth.DEPTH_24_BIT, "\x1b[0;38;2;165;214;255m"),
        ("dark", ColorDepth.DEPTH_8_BIT, "\x1b[0;38;5;153m"),
        ("dark", ColorDepth.DEPTH_4_BIT, "\x1b[0;37m"),
    ],
)
def test_paint_table_has_escape_sequences_by_depth(
    name: str, depth: ColorDepth, string: str
) -> None:
    table = paint_table(make_style(name), depth)
    assert table.keys() == set(PIECES)
    assert table[JSON_STRING] == (string, "\x1b[0m")
    assert table[JSON_PUNCTUATION] == ("", "")


@pytest.mark.parametrize("name", ["auto", "dark", "light", "bw"])
def test_paint_table_at_one_bit_has_no_colours(name: str) -> None:
    for start, _ in paint_table(make_style(name), ColorDepth.DEPTH_1_BIT).values():
        assert COLOUR.search(start.encode()) is None
    if name == "auto":
        assert set(paint_table(make_style(), ColorDepth.DEPTH_1_BIT).values()) == {("", "")}


# -- colour depth ---------------------------------------------------------------------------------

ONE, SIXTEEN, MANY, TRUE = ColorDepth


@pytest.mark.parametrize(
    ("color", "variables", "colours", "depth"),
    [
        ("auto", {"TERM": "xterm-256color"}, None, MANY),
        ("auto", {"TERM": "xterm"}, 8, MANY),
        ("auto", {"TERM": "alacritty"}, None, MANY),
        ("auto", {"TERM": "xterm", "COLORTERM": "truecolor"}, 8, TRUE),
        ("auto", {"TERM": "xterm", "COLORTERM": "24bit"}, 8, TRUE),
        ("auto", {"TERM": "xterm", "COLORTERM": "yes"}, 8, MANY),
        ("auto", {"TERM": "xterm-direct"}, 1 << 24, TRUE),
        ("auto", {"TERM": "linux"}, 8, SIXTEEN),
        ("auto", {"TERM": "vt100"}, -1, ONE),
        ("auto", {"TERM": "vt100"}, None, MANY),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, 8, ONE),
        ("auto", {"TERM": "xterm", "NO_COLOR": "0"}, 8, ONE),
        ("auto", {"TERM": "xterm", "NO_COLOR": ""}, 8, MANY),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1", "COLORTERM": "truecolor"}, 8, ONE),
        ("auto", {"TERM": "xterm", "PROMPT_TOOLKIT_COLOR_DEPTH": "DEPTH_4_BIT"}, 8, SIXTEEN),
        ("auto", {"TERM": "xterm", "PROMPT_TOOLKIT_COLOR_DEPTH": "x"}, 8, MANY),
        ("always", {"TERM": "xterm", "NO_COLOR": "1"}, 8, MANY),
        ("always", {"TERM": "vt100"}, -1, MANY),
        ("always", {"TERM": "linux", "NO_COLOR": "1"}, 8, SIXTEEN),
        ("never", {"TERM": "xterm", "COLORTERM": "truecolor"}, 8, ONE),
        ("auto", {}, None, MANY),
    ],
)
def test_color_depth_follows_option_and_environment(
    color: str, variables: dict[str, str], colours: int | None, depth: ColorDepth
) -> None:
    assert color_depth(color, variables, colours=lambda _term: colours) is depth


# -- at the terminal ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "variables", "colour"),
    [
        ("auto", {"COLORTERM": "truecolor"}, "green"),
        ("dark", {"COLORTERM": "truecolor"}, "a5d6ff"),
        ("dark", {"COLORTERM": ""}, "afd7ff"),
        ("light", {"COLORTERM": "truecolor"}, "ba2121"),
        ("gruvbox-dark", {"COLORTERM": "truecolor"}, "b8bb26"),
    ],
)
def test_style_setting_colours_the_reply(
    one_qemu: Server, tmp_path: Path, style: str, variables: dict[str, str], colour: str
) -> None:
    file = tmp_path / "config" / "qmpshell" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f"style = '{style}'\n")
    file.chmod(0o600)
    variables = variables | {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    with Terminal(one_qemu.address, variables=variables) as terminal:
        terminal.wait_ready()
        terminal.line("query-status")
        terminal.wait_above('"prelaunch"')
        assert terminal.colour_of('"prelaunch"') == colour


@pytest.mark.parametrize(
    ("options", "variables", "has_colours"),
    [
        ((), {"TERM": "xterm"}, True),
        ((), {"TERM": "vt100"}, False),
        ((), {"TERM": "no-such-terminal"}, True),
        (("--color", "always"), {"TERM": "vt100"}, True),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
    ],
)
def test_terminal_type_and_option_control_colours(
    one_qemu: Server, options: tuple[str, ...], variables: dict[str, str], has_colours: bool
) -> None:
    variables = variables | {"COLORTERM": ""}
    with Terminal(*options, one_qemu.address, variables=variables) as terminal:
        terminal.wait_ready()
        terminal.line("query-status")
        terminal.wait_above('"prelaunch"')
        assert (COLOUR.search(terminal.raw) is not None) == has_colours


def test_every_listed_style_is_valid() -> None:
    found = list(style_names())
    assert {"monokai", "default"} <= set(found)
    for name in found:
        check_style(name)
