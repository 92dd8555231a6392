"""Tests that secrets in commands, replies and typed lines are not recorded."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.storage import (
    Secrets,
    hmp_secret_spans,
    is_secret_name,
    redact_command,
    redact_line,
    redact_reply,
    redact_spans,
    secret_spans,
)

SECRET = "hunter2"
HIDDEN = "<redacted>"


def command(name: str, **arguments: Any) -> dict[str, Any]:
    return {
        "execute": name,
        "arguments": {key.replace("_", "-"): value for key, value in arguments.items()},
    }


def hmp(line: str) -> dict[str, Any]:
    return command("human-monitor-command", command_line=line)


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "pass",
        "cookie",
        "cookies",
        "input-data",
        "old-password",
        "new_password",
        "key-password",
        "vncPassword",
        "PASSWORD",
        "PGPASSWORD",
        "DB_PASSWD",
        "password1",
        "password-base64",
        "passwords",
        "file.cookie",
        "file.server.password",
        "__com.redhat_password",
        "proxy-password",
        "pasword",
        "passord",
    ],
)
def test_is_secret_name_accepts_secret_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "key-secret",
        "password-secret",
        "proxy-password-secret",
        "cookie-secret",
        "passwordid",
        "tls-creds",
        "tls-authz",
        "secret",
        "new-secret",
        "old-secret",
        "keyid",
        "iv",
        "data",
        "key",
        "id",
        "username",
        "cookie64",
        "txcookie",
        "pass-discard-request",
        "bypass",
        "iommu-bypass",
        "compass",
        "password-required",
        "set_password-done",
        "passwordless",
        "packet-header",
        "keys",
        "name",
    ],
)
def test_is_secret_name_rejects_other_names(name: str) -> None:
    assert not is_secret_name(name)


# -- commands -------------------------------------------------------------------------------------

# Each contains SECRET at least once.
SECRET_COMMANDS: list[dict[str, Any]] = [
    command("set_password", protocol="vnc", password=SECRET),
    command("set_password", protocol="vnc", password=SECRET, display="d0", connected="keep"),
    {"exec-oob": "set_password", "arguments": {"password": SECRET}, "id": 1},
    command("change-vnc-password", password=SECRET),
    command("change", device="vnc", target="password", arg=SECRET),
    command("guest-set-user-password", username="root", password=SECRET, crypted=False),
    command("block_passwd", device="d0", password=SECRET),
    command("sev-inject-launch-secret", packet_header="aGVhZA==", secret=SECRET, gpa=1),
    command("guest-exec", path="/bin/sh", input_data=SECRET),
    command("guest-exec", path="/bin/x", arg=["--user", "u", f"--password={SECRET}"]),
    command("guest-exec", path="/bin/x", env=[f"PGPASSWORD={SECRET},with,commas", "A=1"]),
    command("object-add", qom_type="secret", id="s", data=SECRET, format="raw"),
    command("object-add", qom_type="secret", id="s", props={"data": SECRET}),
    command("object-add", qom_type="secret_keyring", id="s", data=SECRET),
    command("object-add", qom_type="x-my-Secret", id="s", data=SECRET),
    command("object-add", id="s", data=SECRET),
    command("object-add", id="s", props={"data": SECRET}),
    command("object-add", qom_type=["secret"], data=SECRET),
    command("qom-set", path="/objects/s", value=SECRET),
    command("qom-set", path="/objects/s", property="data", value=SECRET),
    command("qom-set", path="/machine/x", property="admin-password", value=SECRET),
    command("qom-set", path="/machine/x", property="data", value={"a": [SECRET]}),
    command("blockdev-add", driver="https", url="https://h/x", cookie=SECRET),
    command("blockdev-add", driver="raw", file={"driver": "https", "cookie": SECRET}),
    command("blockdev-add", **{"driver": "raw", "file.cookie": SECRET}),
    command("blockdev-add", driver="https", url=f"https://me:{SECRET}@host/x"),
    command("blockdev-add", driver="iscsi", url=f"iscsi://me%{SECRET}@host/iqn/1"),
    command("blockdev-add", driver="pbs", password=SECRET, node_name="n"),
    command("backup", key_password=SECRET),
    command("drive-mirror", target=f'json:{{"driver": "https", "cookie": "{SECRET}"}}'),
    command("drive-mirror", target=f"json:{{'file': {{'password': '{SECRET}'}}}}"),
    command("drive-mirror", target=f'json:{{"file.url": "https://u:{SECRET}@h/"}}'),
    command("drive-mirror", target=f'json:{{"password": "{SECRET}", "password": true}}'),
    command("drive-mirror", target=f'json:{{"password": "{SECRET}'),
    command("drive-mirror", target="json:{\"file\": \"json:{'password': 'hunter2'}\"}"),
    command("change-backing-file", backing_file=f'json:{{"a": [{{"cookie": "{SECRET}"}}]}}'),
    command("x-other", passwords=[SECRET, "other"]),
    command("x-other", password=[[SECRET], {"a": SECRET}]),
    command("x-other", password={"value": SECRET}),
    command("x-other", deep=[[{"new_passphrase": SECRET}]]),
    {
        "execute": "transaction",
        "arguments": {
            "actions": [
                {
                    "type": "blockdev-snapshot-sync",
                    "data": {"snapshot-file": f'json:{{"cookie": "{SECRET}"}}'},
                },
                {"type": "x", "data": {"password": SECRET}},
            ]
        },
    },
    # Secrets in unexpected arguments.
    {"execute": "x", "password": SECRET},
    command("human-monitor-command", command_line="x", password=SECRET),
]

HUMAN_SECRETS = [
    (f"set_password vnc {SECRET}", f"set_password vnc {HIDDEN}"),
    (f"  set_password  vnc  {SECRET} ", f"  set_password  vnc  {HIDDEN} "),
    (f"set_password vnc {SECRET} keep", f"set_password vnc {HIDDEN} keep"),
    (f"set_password vnc {SECRET} -d vnc2 fail", f"set_password vnc {HIDDEN} -d vnc2 fail"),
    (f'set_password vnc "a {SECRET}"', f"set_password vnc {HIDDEN}"),
    (f'set_password vnc "a\\" {SECRET}" keep', f"set_password vnc {HIDDEN} keep"),
    (f'set_password vnc "a {SECRET}', f"set_password vnc {HIDDEN}"),
    (f"set_password vnc a {SECRET}", f"set_password vnc {HIDDEN}"),
    (f"set_password vnc -d {SECRET}", f"set_password vnc {HIDDEN}"),
    (f"set_password/x {SECRET}", f"set_password/{HIDDEN}"),
    (f"change vnc password {SECRET}", f"change vnc password {HIDDEN}"),
    (f'change "vnc" passwd {SECRET} x', f'change "vnc" passwd {HIDDEN}'),
    (f"change -f vnc password {SECRET}", f"change -f vnc password {HIDDEN}"),
    (f"change vnc -f password {SECRET}", f"change vnc -f password {HIDDEN}"),
    (f"block_passwd d0 {SECRET}", f"block_passwd d0 {HIDDEN}"),
    (
        f"object_add secret,id=x,data={SECRET},format=raw",
        f"object_add secret,id=x,data={HIDDEN},format=raw",
    ),
    (f"object_add secret,data=a,,{SECRET},id=x", f"object_add secret,data={HIDDEN},id=x"),
    (f"object_add data={SECRET},id=x", f"object_add data={HIDDEN},id=x"),
    (f"object_add data=a b {SECRET},qom-type=secret", f"object_add data={HIDDEN},qom-type=secret"),
    (f'object_add {{"qom-type": "secret", "data": "{SECRET}"}}', f"object_add {HIDDEN}"),
    (f"qom-set /objects/s data {SECRET}", f"qom-set /objects/s data {HIDDEN}"),
    (f'qom-set -j /objects/s data "{SECRET}"', f"qom-set -j /objects/s data {HIDDEN}"),
    (f"qom-set /x password a {SECRET}", f"qom-set /x password {HIDDEN}"),
    (
        f"drive_add 0 if=none,file=https://u:{SECRET}@h/x,id=a",
        f"drive_add 0 if=none,file=https://u:{HIDDEN}@h/x,id=a",
    ),
    (
        f"drive_add 0 file.driver=https,file.cookie=a {SECRET},id=a",
        f"drive_add 0 file.driver=https,file.cookie={HIDDEN},id=a",
    ),
    (
        f'drive_add 0 file=json:{{"cookie": "{SECRET}"}}',
        f'drive_add 0 file=json:{{"cookie": {HIDDEN}',
    ),
]

HARMLESS_COMMANDS: list[dict[str, Any]] = [
    {"execute": "stop"},
    {"execute": "expire_password", "arguments": {"protocol": "vnc", "time": "now"}},
    command("display-update", type="vnc", addresses=[]),
    command("object-add", qom_type="secret", id="s", file="/run/secret", format="base64"),
    command("object-add", qom_type="memory-backend-ram", id="m", size=1, data="x"),
    command("blockdev-add", driver="luks", key_secret="s0", **{"encrypt.key-secret": "s0"}),
    command("blockdev-add", driver="https", password_secret="s0", cookie_secret="s1"),
    command("blockdev-add", driver="ssh", server={"host": "h", "port": "22"}, tls_creds="t"),
    command("blockdev-add", filename='json:{"driver": "luks", "key-secret": "s0"}'),
    command("blockdev-add", filename="https://me@host/x?key-secret=s0"),
    command(
        "x-blockdev-amend", options={"new-secret": "s1", "old-secret": "s0", "state": "active"}
    ),
    command("ringbuf-write", device="r", data="text"),
    command("qom-set", path="/x", property="size", value="12"),
    command("qom-get", path="/objects/s", property="data"),
    command("x", password=None, new_password=True, cookie=5, pass_=2),
    hmp("info status"),
    hmp("change ide1-cd0 /x.iso"),
    hmp("set_password vnc"),
    hmp("object_add secret,id=x,file=/run/s"),
    hmp("object_add rng-random,id=x"),
    hmp("object_add rng-random,data=x"),
    hmp("object_add data=x,qom-type=rng-random"),
    hmp("expire_password vnc now"),
    hmp("qom-set /x size 12"),
    hmp("qom-get /x data"),
    hmp("x/10i $pc"),
    hmp(""),
]


@pytest.mark.parametrize("message", SECRET_COMMANDS, ids=json.dumps)
def test_secrets_in_commands_are_hidden(message: dict[str, Any]) -> None:
    assert SECRET in json.dumps(message)
    before = copy.deepcopy(message)
    redacted = redact_command(message)
    assert message == before
    assert SECRET not in json.dumps(redacted)
    assert HIDDEN in json.dumps(redacted)
    assert redacted.keys() == message.keys()
    assert redact_command(redacted) == redacted


@pytest.mark.parametrize(("line", "expected"), HUMAN_SECRETS)
def test_secrets_in_hmp_commands_are_hidden(line: str, expected: str) -> None:
    assert redact_command(hmp(line)) == hmp(expected)


@pytest.mark.parametrize("message", HARMLESS_COMMANDS, ids=json.dumps)
def test_command_without_secret_is_returned_uncopied(message: dict[str, Any]) -> None:
    assert redact_command(message) is message


def test_redact_command_keeps_other_arguments() -> None:
    message = command("set_password", protocol="vnc", password=SECRET, connected="keep")
    assert redact_command(message) == command(
        "set_password", protocol="vnc", password=HIDDEN, connected="keep"
    )
    message = command("blockdev-add", url=f"https://me:{SECRET}@host/x", size=[1, {"a": None}])
    assert redact_command(message) == command(
        "blockdev-add", url=f"https://me:{HIDDEN}@host/x", size=[1, {"a": None}]
    )


@pytest.mark.parametrize("value", [12345, 1.5, True, [1], {"a": 1}, ""])
def test_secret_of_wrong_type_is_hidden(value: object) -> None:
    message = command("set_password", protocol="vnc", password=value)
    assert redact_command(message)["arguments"]["password"] == HIDDEN


def test_numeric_value_of_unknown_password_is_hidden() -> None:
    message = command("x-set", root_password=12345)
    assert redact_command(message)["arguments"] == {"root-password": HIDDEN}


@pytest.mark.parametrize(
    "marker", [SECRET, {"password": SECRET}, [{"data": SECRET, "qom-type": "secret"}], None, 5]
)
def test_message_id_is_unchanged(marker: object) -> None:
    message = command("set_password", password="x") | {"id": marker}
    assert redact_command(message)["id"] == marker
    stop = {"execute": "stop", "id": marker}
    assert redact_command(stop) is stop
    reply = {"return": {}, "id": marker}
    assert redact_reply(reply, message) is reply
    error = {"error": {"class": "GenericError", "desc": SECRET}, "id": marker}
    command_sent = command("set_password", password=SECRET) | {"id": marker}
    assert redact_reply(error, command_sent)["id"] == marker


def test_deeply_nested_command_is_redacted() -> None:
    deep: Any = {"password": SECRET}
    for _ in range(3000):
        deep = [deep]
    redacted: Any = redact_command({"execute": "x", "arguments": {"a": deep}})["arguments"]["a"]
    while isinstance(redacted, list):
        redacted = redacted[0]
    assert redacted == {"password": HIDDEN}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text() | st.sampled_from(["password", "qom-type", "data", "value", "arguments"]),
            inner,
            max_size=3,
        )
    ),
)
MESSAGES = st.dictionaries(
    st.sampled_from(["execute", "exec-oob", "arguments", "id", "return", "error", "event"]), VALUES
)


@given(MESSAGES, st.none() | MESSAGES)
def test_random_messages_keep_their_keys(
    message: dict[str, Any], command_sent: dict[str, Any] | None
) -> None:
    assert redact_command(message).keys() == message.keys()
    assert redact_reply(message, command_sent).keys() == message.keys()


@given(st.text(alphabet="abc=:/@%\"'\\{},-.\n ") | st.text())
def test_random_text_gives_ordered_secret_spans(text: str) -> None:
    for find in (secret_spans, hmp_secret_spans):
        spans = find(text)
        ends = [offset for span in spans for offset in span]
        assert ends == sorted(ends)
        assert redact_spans(text, spans).count(HIDDEN) >= len(spans)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "password=" * 20_000,
        "://a:" * 40_000,
        "iscsi://" * 25_000,
        "'password':" * 20_000,
        '"' * 200_000,
        "pas" + "s" * 200_000,
        "=" * 200_000,
        "a " * 100_000,
    ],
    ids=lambda text: text[:12],
)
@pytest.mark.parametrize("prefix", ["", "json:", "object_add secret,", "qom-set /x "])
def test_long_text_is_redacted_in_bounded_work(
    text: str, prefix: str, count_lines: Callable[[Callable[[], object]], int]
) -> None:
    message = hmp(prefix + text) | {"return": prefix + text}
    assert count_lines(lambda: redact_command(message)) < 1_000_000


# -- replies --------------------------------------------------------------------------------------

QOM_GET = command("qom-get", path="/objects/s", property="data")
SET = command("set_password", protocol="vnc", password=SECRET)


def error(desc: str) -> dict[str, Any]:
    return {"error": {"class": "GenericError", "desc": desc}}


@pytest.mark.parametrize(
    ("reply", "command_sent", "expected"),
    [
        ({"return": SECRET}, QOM_GET, {"return": HIDDEN}),
        ({"return": {"a": SECRET}, "id": 1}, QOM_GET, {"return": HIDDEN, "id": 1}),
        (
            {"return": SECRET},
            command("qom-get", path="/x", property="admin-password"),
            {"return": HIDDEN},
        ),
        ({"return": f'"{SECRET}"\r\n'}, hmp("qom-get /objects/s data"), {"return": HIDDEN}),
        ({"return": SECRET}, hmp('qom-get "/objects/s" "data"'), {"return": HIDDEN}),
        (error(f"Invalid '{SECRET}'"), SET, error(f"Invalid '{HIDDEN}'")),
        (
            {"return": f"Error: invalid parameter value: {SECRET}\r\n"},
            hmp(f"set_password vnc {SECRET}"),
            {"return": f"Error: invalid parameter value: {HIDDEN}\r\n"},
        ),
        (
            {"return": f'Error: "a b{SECRET}" and a "b{SECRET}'},
            hmp(f'set_password vnc "a \\"b{SECRET}"'),
            {"return": f'Error: "a b{SECRET}" and {HIDDEN}'},
        ),
        (
            error(f'Cannot find device=\'json:{{"cookie": "{SECRET}"}}\''),
            command("x", device=f'json:{{"cookie": "{SECRET}"}}'),
            error(f"Cannot find device='{HIDDEN}'"),
        ),
        (
            error(f"bad cookie {SECRET}"),
            command("x", device=f'json:{{"cookie": "{SECRET}"}}'),
            error(f"bad cookie {HIDDEN}"),
        ),
        (
            error("no access to u:longer-hunter2"),
            command("x", a="https://u:longer-hunter2@h/", password="hunter2"),
            error(f"no access to u:{HIDDEN}"),
        ),
        (error("Parameter 'abc'"), command("x", password="abc"), error(f"Parameter '{HIDDEN}'")),
        (error("it is 12345"), command("x", password=12345), error(f"it is {HIDDEN}")),
        (
            {"return": [{"cookie": SECRET, "n": [{"old-password": [SECRET]}]}]},
            {"execute": "query-x"},
            {"return": [{"cookie": HIDDEN, "n": [{"old-password": [HIDDEN]}]}]},
        ),
        (
            {"return": [{"filename": f'json:{{"cookie": "{SECRET}"}}'}]},
            {"execute": "query-block"},
            {"return": [{"filename": HIDDEN}]},
        ),
        (
            {"return": [{"file": f"ftp://u:{SECRET}@h/x"}]},
            {"execute": "query-block"},
            {"return": [{"file": f"ftp://u:{HIDDEN}@h/x"}]},
        ),
        (
            {"return": [{"properties": [{"name": "data", "type": "string", "value": SECRET}]}]},
            command("qom-list-get", paths=["/objects/s"]),
            {"return": [{"properties": [{"name": "data", "type": "string", "value": HIDDEN}]}]},
        ),
        (
            {"event": "X", "data": {"password": SECRET}, "timestamp": {"seconds": 1}},
            None,
            {"event": "X", "data": {"password": HIDDEN}, "timestamp": {"seconds": 1}},
        ),
    ],
    ids=str,
)
def test_secrets_in_replies_are_hidden(
    reply: dict[str, Any], command_sent: dict[str, Any] | None, expected: dict[str, Any]
) -> None:
    before = copy.deepcopy(reply)
    assert redact_reply(reply, command_sent) == expected
    assert reply == before


@pytest.mark.parametrize(
    ("reply", "command_sent"),
    [
        ({"return": {}}, SET),
        ({"return": {"status": "running"}}, {"execute": "query-status"}),
        ({"return": SECRET}, command("qom-get", path="/x", property="type")),
        ({"return": None}, QOM_GET),
        ({"return": True}, QOM_GET),
        (error("Property 'data' is not readable"), QOM_GET),
        ({"return": "Error: no such object\r\n"}, hmp("qom-get /x data")),
        ({"return": "running"}, hmp("info status")),
        ({"return": [{"name": "data", "type": "string"}]}, command("qom-list", path="/objects/s")),
        ({"return": [{"name": "password", "type": "12"}]}, {"execute": "query-qmp-schema"}),
        ({"return": [{"cookie": 0, "password": True, "passwordid": "x"}]}, {"execute": "query-x"}),
        ({"return": {"key-secret": "s0", "file": "https://h/x"}}, {"execute": "query-block"}),
        ({"event": "MIGRATION_PASS", "data": {"pass": 2}}, None),
        (error("wrong 'x'"), {"execute": "set_password", "arguments": SECRET}),
        ({"QMP": {"version": {}, "capabilities": ["oob"]}}, None),
    ],
    ids=str,
)
def test_reply_without_secret_is_returned_uncopied(
    reply: dict[str, Any], command_sent: dict[str, Any] | None
) -> None:
    assert redact_reply(reply, command_sent) is reply


# In the other commands the secret is longer or in invalid JSON.
REPEATABLE = [
    command for command in SECRET_COMMANDS if SECRET in Secrets(command, is_command=True).texts
]


@pytest.mark.parametrize("message", REPEATABLE, ids=json.dumps)
def test_error_reply_hides_secret_of_its_command(message: dict[str, Any]) -> None:
    redacted = redact_reply(error(f"Invalid value '{SECRET}'"), message)
    assert redacted == error(f"Invalid value '{HIDDEN}'")


def test_most_secret_commands_have_repeatable_secrets() -> None:
    assert len(REPEATABLE) >= len(SECRET_COMMANDS) - 3


# -- lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("set_password protocol=vnc password=hunter2", "set_password protocol=vnc password=@?"),
        (
            'set_password password="hunter2 \\" x" protocol=vnc',
            "set_password password=@? protocol=vnc",
        ),
        ("set_password password='hunter2 x' protocol=vnc", "set_password password=@? protocol=vnc"),
        ("set_password password=it's-hunter2", "set_password password=@?"),
        ('set_password password:="hunter2"', "set_password password:=@?"),
        ("set_password password:=hunter2", "set_password password:=@?"),
        ("set_password password=12345", "set_password password=@?"),
        ("set_password password=true", "set_password password=@?"),
        ("set_password password=null", "set_password password=@?"),
        ('set_password password=["hunter2"]', "set_password password=@?"),
        ('set_password "password"=hunter2', 'set_password "password"=@?'),
        ('set_password "pass\\u0077ord"=hunter2', 'set_password "pass\\u0077ord"=@?'),
        ("  set_password\tpassword=hunter2  # x", "  set_password\tpassword=@?  # x"),
        ("stop; set_password password=hunter2; cont", "stop; set_password password=@?; cont"),
        ("set_password password=hunter2;x", "set_password password=@?"),
        ("set_password password=a | jq .", "set_password password=@? | jq ."),
        ("set_password password=a > out", "set_password password=@? > out"),
        ("/oob set_password password=a", "/oob set_password password=@?"),
        ("/watch -n 2 block_passwd password=a", "/watch -n 2 block_passwd password=@?"),
        ("change-vnc-password password=a", "change-vnc-password password=@?"),
        ("change device=vnc target=password arg=a", "change device=vnc target=password arg=@?"),
        ("object-add qom-type=secret id=s data=a", "object-add qom-type=secret id=s data=@?"),
        ("object-add data=a id=s qom-type='secret'", "object-add data=@? id=s qom-type='secret'"),
        (
            "object-add qom-type=secret props.data=a id=s",
            "object-add qom-type=secret props.data=@? id=s",
        ),
        (
            "object-add qom-type=secret props={'data': 'a'}",
            "object-add qom-type=secret props=@?",
        ),
        ("qom-set path=/x property=data value=a", "qom-set path=/x property=data value=@?"),
        ("qom-set value={'a': 1} path=/x property=data", "qom-set value=@? path=/x property=data"),
        ("guest-exec path=/x input-data=a", "guest-exec path=/x input-data=@?"),
        ('guest-exec path=/x env=["PASSWORD=a"]', "guest-exec path=/x env=@?"),
        ("guest-exec path=/x env.0=PASSWORD=a", "guest-exec path=/x env.0=@?"),
        (
            "sev-inject-launch-secret packet-header=a secret=b",
            "sev-inject-launch-secret packet-header=a secret=@?",
        ),
        ("blockdev-add file.cookie=a driver=raw", "blockdev-add file.cookie=@? driver=raw"),
        ("blockdev-add file={'cookie': 'a'}", "blockdev-add file=@?"),
        ("blockdev-add url=https://u:p@h/x n=1", "blockdev-add url=@? n=1"),
        ('x file=json:{"cookie": "a"} y=1', "x file=@? y=1"),
        ('x file=\'json:{"cookie": "a"}\' y=1', "x file=@? y=1"),
        ("x passwords.0=a passwords.1=b", "x passwords.0=@? passwords.1=@?"),
        (
            'human-monitor-command command-line="set_password vnc a"',
            "human-monitor-command command-line=@?",
        ),
        (
            "transaction(\nx password=a\ny b=c\n) new-password=d",
            "transaction(\nx password=@?\ny b=c\n) new-password=@?",
        ),
    ],
)
def test_secret_in_line_becomes_placeholder(line: str, expected: str) -> None:
    assert redact_line(line) == expected
    assert redact_line(expected) == expected


@pytest.mark.parametrize(
    "line",
    [
        '{"execute": "set_password", "arguments": {"password": "a"}}',
        "{'execute': 'set_password', 'arguments': {'password': 'a'}}",
        '-> {"execute": "object-add", "arguments": {"qom-type": "secret", "data": "a"}}',
        '{"execute": "guest-exec", "arguments": {"input-data": "a"}}',
        '{"execute": "set_password", "arguments": {"password": "a"',
        '{"execute": "set_password", "arguments": {"password": "a", "password": true}}',
        'set_password {"protocol": "vnc", "password": "a"}',
        '/oob set_password {"protocol": "vnc", "password": "a"}',
        '/watch {"execute": "block_passwd", "arguments": {"password": "a"}}',
        "set_password protocol=vnc password=my secret",
        "set_password protocol=vnc password= hunter2",
        "set_password protocol=vnc password = hunter2",
        'set_password protocol=vnc password="hunter2',
        'set_password protocol=vnc password="hunter2"x',
        'set_password protocol=vnc password="hunter2"x=1',
        "set_password protocol=vnc password='it's'",
        "set_password protocol=vnc password={hunter2}",
        "set_password password=a password=b",
        "set_password password=a password.x=b",
        "set_password vnc hunter2",
        "(QEMU) set_password protocol=vnc password=hunter2",
        "change vnc password hunter2",
        "object_add secret,id=x,data=hunter2",
        "object-add secret,id=x,data=hunter2",
        "qom-set /objects/s data hunter2",
        "password=hunter2",
        "# set_password protocol=vnc password=hunter2",
        "stop # password=hunter2",
        "stop | mysql --password=hunter2",
        "/connect wss://me:hunter2@host/",
        "/hmp set_password vnc hunter2",
        "stop; /hmp change vnc password hunter2; x",
        "/watch /hmp set_password vnc hunter2",
        "/watch -n 2 -c 3 /hmp change vnc password hunter2 | cat",
        "/keyval object secret,id=x,data=hunter2",
        "/keyval object-add qom-type=secret,data=hunter2",
        '/keyval object {"qom-type": "secret", "data": "hunter2"}',
        "/keyval blockdev driver=https,cookie=a b",
        "block_passwd d0 hunter2",
        "x a=1 https://me:hunter2@host/",
    ],
)
def test_line_that_cannot_be_redacted_is_dropped(line: str) -> None:
    assert redact_line(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "stop",
        "  query-status  ",
        "# a remark",
        "set_password protocol=vnc password=@?",
        "set_password protocol=vnc password=@/run/secret",
        "set_password protocol=vnc password:=@/run/secret.json",
        "object-add qom-type=secret id=s data=@?",
        "object-add qom-type=secret id=s file=/run/secret",
        "blockdev-add driver=luks key-secret=s0 password-secret=s1 tls-creds=t0",
        '{"execute": "blockdev-add", "arguments": {"key-secret": "s0"}}',
        '{"execute": "sto',
        "/help set_password",
        "/wait MIGRATION_PASS pass=2",
        "/hmp info status",
        "/keyval blockdev driver=luks,key-secret=s0",
        "/keyval",
        "/hmp",
        "device_del net1",
        "x a='b",
        "expire_password protocol=vnc time=now",
        "qom-get path=/objects/s property=data",
        "ringbuf-write device=r data=x",
        "x password=",
        "getfd fdname=x < secret-file",
        "query-block | grep password",
        "screendump filename=/tmp/a;b",
        "transaction(\nblock-dirty-bitmap-add node=a name=b\n)",
        "transaction(",
        ")",
    ],
)
def test_line_without_secret_is_unchanged(line: str) -> None:
    assert redact_line(line) == line


@pytest.mark.parametrize("line", [line for line, _ in HUMAN_SECRETS])
def test_hmp_line_with_secret_is_dropped(line: str) -> None:
    """HMP would send `@?` unchanged as the password."""
    assert redact_line(line, human=True) is None
    assert redact_line(f"/hmp {line}") is None


@pytest.mark.parametrize("line", ["info status", "x/10i $pc", "p 1 | 2", "change cd0 /x; #y", "'"])
def test_hmp_line_without_secret_is_unchanged(line: str) -> None:
    assert redact_line(line, human=True) == line


PIECES = st.sampled_from(
    [
        *(
            "set_password",
            "object-add",
            "qom-type=secret",
            "data=",
            "password=",
            "password:=",
            "x=",
        ),
        *("/hmp", "/keyval", "/oob", "transaction(", ")", "|", ">", "<", ";", "#", "\n", " ", "  "),
        *(
            '"',
            "'",
            "{",
            "}",
            "[",
            "]",
            "\\",
            "json:",
            '"password":',
            ":",
            ",",
            "@?",
            "@",
            "a",
            "1",
        ),
        *("https://u:p@h", ".", "=", ":=", "é", "\0", "\ud800"),
    ]
)


@given(st.text() | st.lists(PIECES).map("".join), st.booleans())
def test_redacting_random_line_twice_changes_nothing(line: str, human: bool) -> None:
    redacted_line = redact_line(line, human=human)
    if redacted_line is not None:
        assert redact_line(redacted_line, human=human) == redacted_line


def plain(secret: str) -> str | None:
    fits = not (set(secret) & set(" \t\r\n;\\'\"")) and secret.isprintable() and secret.isascii()
    return secret if fits and secret[0] not in "@{[#" else None


QUOTINGS: list[Callable[[str], str | None]] = [
    plain,
    lambda secret: json.dumps(secret),
    lambda secret: json.dumps(secret, ensure_ascii=False) if secret.isprintable() else None,
    lambda secret: f"'{secret}'" if "'" not in secret and "\n" not in secret else None,
    lambda secret: json.dumps([secret]),
    lambda secret: json.dumps({"a": {"b": secret}}),
]
TYPED = [
    "set_password protocol=vnc password=SECRET",
    "set_password password:=SECRET protocol=vnc",
    "change-vnc-password password=SECRET",
    'guest-set-user-password username=root "password"=SECRET crypted=false',
    "block_passwd device=d0 password=SECRET # remark",
    "object-add data=SECRET qom-type=secret id=s",
    "object-add qom-type=secret id=s props.data=SECRET",
    "qom-set path=/objects/s property=data value=SECRET",
    "sev-inject-launch-secret packet-header=x secret=SECRET",
    "guest-exec path=/bin/x input-data=SECRET | jq .",
    "stop; blockdev-add driver=https file.cookie=SECRET; cont",
    "/oob set_password password=SECRET",
    "transaction(\nx password=SECRET\n)",
    "set_password protocol=vnc password = SECRET",
    'set_password {"password": SECRET}',
    '{"execute": "set_password", "arguments": {"password": SECRET}}',
]


@given(
    st.sampled_from(TYPED),
    st.text(max_size=5),
    st.text(max_size=5),
    st.sampled_from(QUOTINGS),
)
def test_secret_with_any_quotes_is_redacted(
    line: str, before: str, after: str, quote: Callable[[str], str | None]
) -> None:
    quoted = quote(before + SECRET + after)
    if quoted is None:
        return
    redacted_line = redact_line(line.replace("SECRET", quoted))
    assert redacted_line is None or (SECRET not in redacted_line and "@?" in redacted_line)


@given(st.sampled_from(TYPED[:12]), st.text(alphabet="ab '\"{}[]=,:\\@#|", max_size=12))
def test_json_quoted_secret_becomes_placeholder(line: str, secret: str) -> None:
    redacted_line = redact_line(line.replace("SECRET", json.dumps(SECRET + secret)))
    assert redacted_line == line.replace("SECRET", "@?")
