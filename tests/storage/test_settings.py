"""Tests of the settings as text and as TOML values."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.storage import (
    CONFIRM,
    OWN_STYLES,
    SETTINGS,
    SettingError,
    Settings,
    apply_settings,
    check_style,
    parse_events,
)
from tests.harness.program import environment


@pytest.mark.parametrize("name", SETTINGS)
def test_option_default_round_trips(name: str) -> None:
    option = SETTINGS[name]
    settings = Settings()
    assert option.name == name
    assert option.help
    assert option.possible.startswith("it must be ")
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
def test_option_text_is_parsed(name: str, text: str, value: object) -> None:
    found = SETTINGS[name].read(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stderr,STOP", "after stderr, use -STOP to hide or +STOP to show events"),
        ("none, JOB_*", "after none, use -JOB_* to hide or +JOB_* to show events"),
        ("STOP,stderr", "stderr must be the first word, without - or +"),
        ("-stderr", "stderr must be the first word, without - or +"),
        ("none,none", "none must be the first word, without - or +"),
        ("stop", "events have names in capitals: did you mean STOP?"),
        ("STOP,-job_*", "events have names in capitals: did you mean -JOB_*?"),
        ("!STOP", "- hides events: did you mean -STOP?"),
        ("STOP RESUME", "a comma separates names: STOP,RESUME"),
        ("Stderr", "did you mean stderr?"),
        (",", ""),
        ("-", ""),
    ],
)
def test_invalid_events_give_the_right_form(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        parse_events(text)


@pytest.mark.parametrize(
    "text", ["STOP", "JOB_*,-JOB_X", "stderr,-STOP", "none,+STOP", "-[A-M]*", "__com.redhat_X"]
)
def test_valid_events_are_accepted(text: str) -> None:
    assert parse_events(text) == tuple(text.split(","))


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
def test_invalid_text_error_lists_possible_values(name: str, text: str) -> None:
    with pytest.raises(SettingError) as caught:
        SETTINGS[name].read(text)
    message = str(caught.value)
    assert message.startswith(f"{name} cannot be {text[:40]!r}: it must be ")
    assert message.isprintable()
    assert all(choice in message for choice in SETTINGS[name].choices)


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
def test_toml_value_is_accepted(name: str, value: object, taken: object) -> None:
    found = SETTINGS[name].from_toml(value)
    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("color", 5, "color cannot be 5: it must be auto, always or never"),
        ("color", True, "color cannot be true: it must be auto, always or never"),
        (
            "confirm",
            "quit",
            'confirm cannot be \'quit\': it must be a list of names, as in ["quit", "blockdev-*"]',
        ),
        ("confirm", ["quit", 5], "confirm cannot be ['quit', 5]: it must be a list of names"),
        ("confirm", ["a b"], "confirm cannot be ['a b']: it must be a list of names"),
        ("confirm", ["a,b"], "confirm cannot be ['a,b']: it must be a list of names"),
        ("confirm", [""], "confirm cannot be ['']: it must be a list of names"),
        (
            "events",
            5,
            'events cannot be 5: it must be "inline", "stderr", "none", or a list of names',
        ),
        ("events", ["a", ""], "events cannot be ['a', '']: it must be "),
        ("fold", True, "fold cannot be true: it must be a number of lines, 0 for all"),
        ("fold", 1.5, "fold cannot be 1.5: it must be a number of lines"),
        ("fold", -1, "fold cannot be -1: it must be a number of lines"),
        ("fold", "60", "fold cannot be '60': it must be a number of lines"),
        ("pager", ["less"], "pager cannot be ['less']: it must be a command"),
        ("pager", "a\x1b[2J", "pager cannot be 'a\\x1b[2J': it must be a command"),
        ("quiet", "on", "quiet cannot be 'on': it must be true or false"),
        ("quiet", 1, "quiet cannot be 1: it must be true or false"),
        (
            "style",
            {"a": 1},
            "style cannot be {'a': 1}: it must be auto, dark, light or a Pygments style",
        ),
        ("timeout", True, 'timeout cannot be true: it must be a number of seconds, or "none"'),
        ("timeout", "5", "timeout cannot be '5': it must be a number of seconds"),
        ("timeout", float("nan"), "timeout cannot be nan: it must be a number of seconds"),
        ("verbose", [1] * 100, "verbose cannot be [1, 1, 1, "),
    ],
)
def test_invalid_toml_value_error_lists_possible_values(
    name: str, value: object, message: str
) -> None:
    with pytest.raises(SettingError) as caught:
        SETTINGS[name].from_toml(value)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 200


def test_very_long_number_error_omits_the_number() -> None:
    with pytest.raises(
        SettingError, match="fold cannot be a very long number: it must be a number of"
    ):
        SETTINGS["fold"].from_toml(1 << 20_000)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters=", "), min_size=1).filter(
    str.isprintable
)
VALUES = {
    "confirm": st.lists(NAMES).map(tuple),
    # "-" without a name mutes no event.
    "events": st.lists(st.from_regex(r"[-+]?[A-Z_*][A-Z0-9_*?]*", fullmatch=True), min_size=1).map(
        tuple
    ),
    "fold": st.integers(0, 10**9),
    "pager": st.text().filter(str.isprintable).map(str.strip),
    "timeout": st.none() | st.floats(0, 1e9),
}


@given(st.data(), st.sampled_from(sorted(VALUES)))
def test_random_setting_round_trips_as_text(data: st.DataObject, name: str) -> None:
    value: Any = data.draw(VALUES[name])
    settings = Settings()
    apply_settings({name: value}, settings)
    found = SETTINGS[name].read(SETTINGS[name].write(settings))
    assert found == value or (name == "events" and value in (("none",), ("stderr",), ("inline",)))


@given(st.sampled_from(sorted(SETTINGS.keys() - {"style"})), st.text())
def test_random_text_is_parsed_or_rejected(name: str, text: str) -> None:
    settings = Settings()
    try:
        apply_settings({name: SETTINGS[name].read(text)}, settings)
    except SettingError:
        return
    shown = SETTINGS[name].write(settings)
    assert shown.isprintable()
    assert SETTINGS[name].read(shown) == getattr(settings, SETTINGS[name].attribute)


def test_apply_keeps_options_of_command_line() -> None:
    settings = Settings(verbose=True, timeout=3)
    values = {"verbose": False, "timeout": 9.0, "result": True, "style": "dark", "confirm": ()}
    apply_settings(values, settings, explicit={"verbose", "timeout"})
    assert settings.verbose
    assert settings.timeout == 3
    assert settings.result_only
    assert settings.events == "inline"
    assert settings.style == "dark"
    assert settings.confirm == ()


def test_confirm_default_lists_destructive_commands() -> None:
    assert Settings().confirm == CONFIRM
    assert SETTINGS["confirm"].write(Settings()) == (
        "guest-shutdown,quit,system_powerdown,system_reset"
    )


def test_unknown_style_error_lists_existing_styles() -> None:
    with pytest.raises(ValueError, match="it must be auto, dark, light, ") as caught:
        check_style("nosuch")
    named = str(caught.value).removeprefix("it must be ").partition(" or another")[0].split(", ")
    for name in named:
        if name not in OWN_STYLES:
            check_style(name)
    assert "monokai" in named


def test_pygments_is_imported_only_for_its_styles() -> None:
    program = (
        "import sys; from qmpshell.storage.config import SETTINGS;"
        "[SETTINGS['style'].read(name) for name in ('auto', 'dark', 'light')];"
        "print('pygments' in sys.modules);"
        "SETTINGS['style'].read('monokai'); print('pygments' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    assert done.stdout.split() == ["False", "True"]
