"""What may be set by name: every value as text, as TOML, and as it is shown."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.storage import CONFIRM, OPTIONS, OWN_STYLES, OptionError, Settings, apply, check_style
from tests.harness.program import environment


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_a_setting_and_its_default_can_be_read(name: str) -> None:
    option = OPTIONS[name]
    settings = Settings()
    assert option.name == name
    assert option.what
    assert option.possible.startswith("it is ")
    assert option.read(option.write(settings)) == getattr(settings, option.attribute)
    for choice in option.choices:
        setattr(settings, option.attribute, option.read(choice))
        assert option.write(settings) == choice


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("color", "never", "never"),
        ("confirm", "quit,system_reset", ("quit", "system_reset")),
        ("confirm", " quit , blockdev-* ", ("quit", "blockdev-*")),
        ("confirm", "", ()),
        ("confirm", " ", ()),
        ("editing", "vi", "vi"),
        ("events", "none", "none"),
        ("events", "JOB_*,STOP", ("JOB_*", "STOP")),
        ("fold", "0", 0),
        ("fold", "007", 7),
        ("layout", "pretty", "pretty"),
        ("layout", "auto", None),
        ("pager", "", ""),
        ("pager", " less -R ", "less -R"),
        ("quiet", "on", True),
        ("result", "off", False),
        ("style", "dark", "dark"),
        ("style", "monokai", "monokai"),
        ("timeout", "5", 5.0),
        ("timeout", "0.25", 0.25),
        ("timeout", "none", None),
        ("verbose", "on", True),
    ],
)
def test_text_is_read(name: str, text: str, value: object) -> None:
    found = OPTIONS[name].read(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("color", "red"),
        ("color", ""),
        ("color", "Never"),
        ("confirm", ","),
        ("confirm", "quit,,stop"),
        ("confirm", "quit now"),
        ("confirm", "quit\x1b"),
        ("editing", "ed"),
        ("events", ""),
        ("events", "STOP,"),
        ("events", "STOP\x9b"),
        ("fold", "-1"),
        ("fold", "x"),
        ("fold", ""),
        ("fold", "1.5"),
        ("fold", "٣"),
        ("fold", "9" * 5000),
        ("layout", "wide"),
        ("pager", "less\n-R"),
        ("pager", "less\0"),
        ("quiet", "true"),
        ("style", "nosuch"),
        ("style", ""),
        ("style", "../monokai"),
        ("style", "_mapping"),
        ("timeout", "x"),
        ("timeout", ""),
        ("timeout", "-1"),
        ("timeout", "nan"),
        ("timeout", "inf"),
        ("timeout", "2e9"),
        ("verbose", "maybe"),
    ],
)
def test_a_wrong_text_is_told_with_what_is_possible(name: str, text: str) -> None:
    with pytest.raises(OptionError) as caught:
        OPTIONS[name].read(text)
    message = str(caught.value)
    assert message.startswith(f"{name} cannot be {text[:40]!r}: it is ")
    assert message.isprintable()
    assert all(choice in message for choice in OPTIONS[name].choices)


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("color", "always", "always"),
        ("confirm", ["quit", "blockdev-*"], ("quit", "blockdev-*")),
        ("confirm", [], ()),
        ("editing", "vi", "vi"),
        ("events", "stderr", "stderr"),
        ("events", "JOB_*,STOP", ("JOB_*", "STOP")),
        ("events", ["JOB_*", "STOP"], ("JOB_*", "STOP")),
        ("events", [], "none"),
        ("fold", 0, 0),
        ("layout", "auto", None),
        ("pager", "most -s", "most -s"),
        ("quiet", True, True),
        ("result", False, False),
        ("style", "light", "light"),
        ("timeout", 5, 5.0),
        ("timeout", 0.5, 0.5),
        ("timeout", "none", None),
    ],
)
def test_a_value_of_toml_is_taken(name: str, value: object, taken: object) -> None:
    found = OPTIONS[name].take(value)
    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("color", 5, "color cannot be 5: it is auto, always or never"),
        ("color", True, "color cannot be true: it is auto, always or never"),
        (
            "confirm",
            "quit",
            'confirm cannot be \'quit\': it is a list of names, as in ["quit", "blockdev-*"]',
        ),
        ("confirm", ["quit", 5], "confirm cannot be ['quit', 5]: it is a list of names"),
        ("confirm", ["a b"], "confirm cannot be ['a b']: it is a list of names"),
        ("confirm", ["a,b"], "confirm cannot be ['a,b']: it is a list of names"),
        ("confirm", [""], "confirm cannot be ['']: it is a list of names"),
        ("events", 5, 'events cannot be 5: it is "inline", "stderr", "none", or a list of names'),
        ("events", ["a", ""], "events cannot be ['a', '']: it is "),
        ("fold", True, "fold cannot be true: it is a number of lines, 0 for all"),
        ("fold", 1.5, "fold cannot be 1.5: it is a number of lines"),
        ("fold", -1, "fold cannot be -1: it is a number of lines"),
        ("fold", "60", "fold cannot be '60': it is a number of lines"),
        ("pager", ["less"], "pager cannot be ['less']: it is a command"),
        ("pager", "a\x1b[2J", "pager cannot be 'a\\x1b[2J': it is a command"),
        ("quiet", "on", "quiet cannot be 'on': it is true or false"),
        ("quiet", 1, "quiet cannot be 1: it is true or false"),
        ("style", {"a": 1}, "style cannot be {'a': 1}: it is auto, dark, light or a style"),
        ("timeout", True, 'timeout cannot be true: it is a number of seconds, or "none"'),
        ("timeout", "5", "timeout cannot be '5': it is a number of seconds"),
        ("timeout", float("nan"), "timeout cannot be nan: it is a number of seconds"),
        ("verbose", [1] * 100, "verbose cannot be [1, 1, 1, "),
    ],
)
def test_a_wrong_value_of_toml_is_told_with_what_is_possible(
    name: str, value: object, message: str
) -> None:
    with pytest.raises(OptionError) as caught:
        OPTIONS[name].take(value)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 200


def test_a_number_that_python_does_not_write_is_told_too() -> None:
    with pytest.raises(OptionError, match="fold cannot be so long a number: it is a number of"):
        OPTIONS["fold"].take(1 << 20_000)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters=", "), min_size=1).filter(
    str.isprintable
)
VALUES = {
    "confirm": st.lists(NAMES).map(tuple),
    # A sign alone mutes nothing.
    "events": st.lists(NAMES.filter(lambda name: name.strip("-+")), min_size=1).map(tuple),
    "fold": st.integers(0, 10**9),
    "pager": st.text().filter(str.isprintable).map(str.strip),
    "timeout": st.none() | st.floats(0, 1e9),
}


@given(st.data(), st.sampled_from(sorted(VALUES)))
def test_what_is_written_can_be_read(data: st.DataObject, name: str) -> None:
    value: Any = data.draw(VALUES[name])
    settings = Settings()
    apply({name: value}, settings)
    found = OPTIONS[name].read(OPTIONS[name].write(settings))
    assert found == value or (name == "events" and value in (("none",), ("stderr",), ("inline",)))


@given(st.sampled_from(sorted(OPTIONS.keys() - {"style"})), st.text())
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    settings = Settings()
    try:
        apply({name: OPTIONS[name].read(text)}, settings)
    except OptionError:
        return
    shown = OPTIONS[name].write(settings)
    assert shown.isprintable()
    assert OPTIONS[name].read(shown) == getattr(settings, OPTIONS[name].attribute)


def test_what_the_command_line_says_goes_first() -> None:
    settings = Settings(verbose=True, timeout=3)
    values = {"verbose": False, "timeout": 9.0, "result": True, "style": "dark", "confirm": ()}
    apply(values, settings, given={"verbose", "timeout"})
    assert settings.verbose
    assert settings.timeout == 3
    assert settings.result_only
    assert settings.events == "inline"
    assert settings.style == "dark"
    assert settings.confirm == ()


def test_the_default_list_of_what_is_confirmed() -> None:
    assert Settings().confirm == CONFIRM
    assert OPTIONS["confirm"].write(Settings()) == (
        "quit,system_reset,system_powerdown,guest-shutdown"
    )


def test_a_wrong_style_is_told_some_that_there_are() -> None:
    with pytest.raises(ValueError, match="it is auto, dark, light, ") as caught:
        check_style("nosuch")
    named = str(caught.value).removeprefix("it is ").partition(" or another")[0].split(", ")
    for name in named:
        if name not in OWN_STYLES:
            check_style(name)
    assert "monokai" in named


def test_pygments_is_imported_only_for_a_style_of_its_own() -> None:
    program = (
        "import sys; from qmpshell.storage.settings import OPTIONS;"
        "[OPTIONS['style'].read(name) for name in ('auto', 'dark', 'light')];"
        "print('pygments' in sys.modules);"
        "OPTIONS['style'].read('monokai'); print('pygments' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    assert done.stdout.split() == ["False", "True"]
