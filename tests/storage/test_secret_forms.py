"""Tests that every form of a secret is recognized, also misspelt, and that ordinary lines are kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from qmpshell.errors import LineError
from qmpshell.language import Introspection, RawCommand, evaluate_line
from qmpshell.qmp import COMMANDS, load_agent_schema
from qmpshell.storage import (
    MessageRedactor,
    hidden_spans,
    hmp_secret_spans,
    redact_command,
    redact_entry,
    redact_unexpected,
    sent_text,
    without_spans,
)
from qmpshell.storage.secret_names import is_secret_name, secret_command
from tests.harness.evaluation import no_file
from tests.harness.human_help import VERSIONS, catalogue
from tests.harness.schemas import ALL, entities
from tests.harness.secret_forms import HMP_FORMS, ORDINARY_HMP, ORDINARY_QMP, QMP_FORMS, SECRET


@pytest.mark.parametrize("line", QMP_FORMS)
def test_secret_in_any_form_stays_out_of_history(line: str) -> None:
    continued = line if "{" in line else line.replace(" ", " \\\n  ")
    for text in (line, f"stop\n{line}\ncont", continued):
        assert SECRET not in (redact_entry(text, human=False) or "")


@pytest.mark.parametrize("line", [line for line in QMP_FORMS if line[0] == "{"])
def test_secret_in_raw_mode_is_redacted(line: str) -> None:
    assert SECRET not in (redact_entry(line, human=False, raw=True) or "")
    assert SECRET not in sent_text(line.encode() + b"\n", {})


@pytest.mark.parametrize("line", HMP_FORMS)
def test_secret_in_any_hmp_form_is_redacted(line: str) -> None:
    assert redact_entry(line, human=True) is None
    message = {"execute": "human-monitor-command", "arguments": {"command-line": line}}
    assert SECRET not in json.dumps(redact_command(message))


@pytest.mark.parametrize("line", QMP_FORMS)
def test_sent_secret_in_any_form_is_redacted(line: str) -> None:
    try:
        found = evaluate_line(line, Introspection(read_file=no_file, has_schema=True))
    except LineError:
        return
    for action in getattr(found, "actions", ()):
        if isinstance(action, RawCommand):
            data, message = action.text.encode() + b"\n", action.value
        elif hasattr(action, "arguments"):
            message = {"execute": action.name, "arguments": action.arguments}
            data = json.dumps(message).encode() + b"\n"
        else:
            continue
        assert SECRET not in sent_text(data, message)
        assert SECRET not in json.dumps(MessageRedactor().sent(message))


@pytest.mark.parametrize("line", QMP_FORMS)
def test_message_about_line_omits_secret(line: str) -> None:
    spans = hidden_spans(line, human=False)
    shown = list(line)
    for start, end in reversed(spans):
        shown[start:end] = "…"
    assert SECRET not in "".join(shown)
    assert SECRET not in without_spans(f"no '{SECRET}'; did you mean x={SECRET}?", line, spans)


@pytest.mark.parametrize("line", ORDINARY_QMP)
def test_ordinary_line_is_unchanged(line: str) -> None:
    assert redact_entry(line, human=False) == line
    assert hidden_spans(line, human=False) == []


@pytest.mark.parametrize("line", ORDINARY_HMP)
def test_ordinary_hmp_line_is_unchanged(line: str) -> None:
    assert redact_entry(line, human=True) == line
    assert hmp_secret_spans(line) == []


# -- misspellings ----------------------------------------------------------------------------------

TYPED = [
    ("set_password", "protocol=vnc", "password"),
    ("change-vnc-password", "", "password"),
    ("guest-set-user-password", "username=root", "password"),
    ("sev-inject-launch-secret", "packet-header=a", "secret"),
    ("object-add", "qom-type=secret id=s", "data"),
    ("object-add", "id=s qom-type=secrt", "data"),
    ("object-add", "qomtype=secret id=s", "data"),
    ("qom-set", "path=/objects/s property=data", "value"),
    ("qom-set", "path=/objects/s property=dta", "value"),
    ("qom-set", "path=/objects/s", "data"),
]


def misspelt(draw: st.DrawFn, name: str) -> str:
    """Return the name with one mistake, or as it is."""
    at = draw(st.integers(0, len(name) - 1))
    extra = draw(st.sampled_from("qxyz"))
    return draw(
        st.sampled_from(
            [
                name,
                name[:at] + name[at + 1 :],
                name[:at] + extra + name[at:],
                name[:at] + extra + name[at + 1 :],
                name[:at] + name[at : at + 2][::-1] + name[at + 2 :],
            ]
        )
    )


@st.composite
def misspelt_lines(draw: st.DrawFn) -> str:
    command, others, member = draw(st.sampled_from(TYPED))
    command = misspelt(draw, command)
    words = [*others.split(), f"{misspelt(draw, member)}={SECRET}"]
    return " ".join((command, *draw(st.permutations(words))))


@given(misspelt_lines())
def test_secret_with_misspelt_names_is_redacted(line: str) -> None:
    assert SECRET not in (redact_entry(line, human=False) or "")
    name, *words = line.split()
    message = {"execute": name, "arguments": dict(word.split("=", 1) for word in words)}
    assert SECRET not in json.dumps(redact_command(message))
    assert SECRET not in str(redact_entry(json.dumps(message), human=False))


HMP = [("set_password", "vnc"), ("change", "vnc password"), ("block_passwd", "d0")]


@st.composite
def misspelt_hmp_lines(draw: st.DrawFn) -> str:
    command, words = draw(st.sampled_from(HMP))
    return f"{misspelt(draw, command)} {words} {SECRET}"


@given(misspelt_hmp_lines())
def test_secret_of_misspelt_hmp_command_is_redacted(line: str) -> None:
    assert redact_entry(line, human=True) is None


def test_other_commands_have_no_secrets() -> None:
    names = {item["name"] for server in ALL for item in entities(server)} | {
        *load_agent_schema().commands()
    }
    bearing = {name for name, facts in COMMANDS.items() if facts.secrets}
    found = {name for name in names if not name.isdecimal() and secret_command(name)}
    assert found <= {*bearing, "human-monitor-command", "password", "SecretKeyring"}
    hmp_names = {name for version in VERSIONS for name in catalogue(version).by_name}
    found = {name for name in hmp_names if secret_command(name)}
    assert found <= {"set_password", "object_add", "qom-set", "change"}


def test_other_members_are_not_secret() -> None:
    members = {
        member.get("name", "")
        for server in ALL
        for item in entities(server)
        for member in item.get("members", ())
    }
    found = {name for name in members if is_secret_name(name)}
    assert found <= {"password", "cookie", "pass", "input-data"}


# -- later messages --------------------------------------------------------------------------------


def test_later_message_omits_secret() -> None:
    redactor = MessageRedactor()
    redactor.sent({"execute": "migrate", "arguments": {"uri": f"tcp://u:{SECRET}@h"}})
    reply = {"return": {"status": "failed", "error-desc": f"cannot resolve u:{SECRET}@h"}}
    expected = {"return": {"status": "failed", "error-desc": "cannot resolve u:<redacted>@h"}}
    assert redactor.received(reply, {"execute": "query-migrate"}) == expected
    event = {"event": "X", "data": {"reason": [SECRET]}}
    assert redactor.received(event, None) == {"event": "X", "data": {"reason": ["<redacted>"]}}


def test_message_omits_secret_of_earlier_reply() -> None:
    redactor = MessageRedactor()
    command = {"execute": "qom-get", "arguments": {"path": "/objects/s", "property": "data"}}
    redactor.received({"return": SECRET}, command)
    reply = {"error": {"class": "GenericError", "desc": f"bad {SECRET}"}}
    assert SECRET not in json.dumps(redactor.received(reply, None))


def test_number_of_remembered_secrets_is_bounded() -> None:
    redactor = MessageRedactor()
    for number in range(1500):
        redactor.sent({"execute": "x", "arguments": {"password": f"hunter-{number:04}"}})
    old, new = {"return": "hunter-0000"}, {"return": "hunter-1499"}
    assert redactor.received(old, None) is old
    assert redactor.received(new, None) == {"return": "<redacted>"}


def test_unexpected_message_omits_secret() -> None:
    echo = {"execute": "set_password", "arguments": {"password": SECRET}}
    text = json.dumps(echo)
    assert SECRET not in redact_unexpected(echo, text)
    assert SECRET not in redact_unexpected(None, text[:-3])
    assert redact_unexpected(None, '{"return": ') == '{"return": '


def test_schema_is_logged_as_it_is() -> None:
    """It contains only names, one of which may also be a password."""
    redactor = MessageRedactor()
    redactor.sent({"execute": "set_password", "arguments": {"password": "block-commit"}})
    schema = {"return": [{"name": "block-commit", "meta-type": "command"}]}
    assert redactor.received(schema, {"execute": "query-qmp-schema"}) is schema
    assert redactor.received(schema, {"execute": "query-commands"}) is not schema
