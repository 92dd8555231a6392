"""Test how replies and events are formatted for a terminal."""

from __future__ import annotations

import json

import pytest

from qmpshell.language import LogicalLine, SourceLine
from qmpshell.qmp import Reply
from qmpshell.session import Request, ShowReply
from qmpshell.storage import Settings
from qmpshell.terminal import EffectFormatter, format_elapsed

SOURCE = SourceLine("", LogicalLine())


def view(*, columns: int = 80, **options: object) -> EffectFormatter:
    settings = Settings(**options)  # type: ignore[arg-type]
    return EffectFormatter(
        settings, address="", width=lambda: columns, encoding=None, child_server=None
    )


def shown(
    value: object,
    *,
    elapsed: float = 0.0123,
    text: str | None = None,
    late: bool = False,
    is_typed: bool = True,
) -> ShowReply:
    message = value if isinstance(value, dict) and "error" in value else {"return": value}
    raw = json.dumps(message).encode()
    request = Request({"execute": "x"}, data=b"", source=SOURCE, text=text, is_typed=is_typed)
    return ShowReply(Reply(raw, message, strict=True), request, late=late, elapsed=elapsed)


def text_of(fragments: list[tuple[str, str]]) -> str:
    return "".join(text for _, text in fragments)


ERROR = {"error": {"class": "GenericError", "desc": "no \x1b[2J"}}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (shown({}), '{"return": {}}  12 ms\n'),
        (shown({}, late=True), 'late reply to x:\n{"return": {}}  12 ms\n'),
        (shown(ERROR), "GenericError: no \\x1b[2J  12 ms\n"),
        (
            shown(ERROR, is_typed=False),
            '{"error": {"class": "GenericError", "desc": "no \\u001b[2J"}}  12 ms\n',
        ),
        (shown("VM status: paused\r\n", text="info status"), "VM status: paused\n"),
        (shown("paused", text="info status", elapsed=3), "paused\n(3.00 s)\n"),
        (shown("", text="stop"), ""),
    ],
)
def test_reply_is_formatted_with_elapsed_time(reply: ShowReply, expected: str) -> None:
    assert text_of(view().fragments(reply)) == expected


@pytest.mark.parametrize("columns", range(20, 40))
def test_elapsed_time_never_overflows_the_row(columns: int) -> None:
    for value in ("a" * size for size in range(30)):
        lines = text_of(view(columns=columns).fragments(shown(value))).splitlines()
        if len(lines) == 1:
            room = -len('{"return": "' + value + '"}') % columns
            assert room >= len("  12 ms")
        else:
            assert lines[-1] in ("12 ms", "}  12 ms")


def test_long_reply_is_folded_with_line_count() -> None:
    value = [f"line {number}" for number in range(1000)]
    lines = text_of(view(fold=10).fragments(shown(value))).splitlines()
    assert lines[:2] == ["{", '  "return": [']
    assert lines[9] == '    "line 7",'
    assert lines[10] == "… 994 more lines; /last shows all  12 ms"
    assert len(lines) == 11
    assert json.loads("".join(view().whole(shown(value), {}))) == {"return": value}
    assert len(text_of(view(fold=0).fragments(shown(value))).splitlines()) == 1004


def test_long_hmp_text_is_folded_too() -> None:
    reply = shown("row\r\n" * 100, text="info mtree")
    lines = text_of(view(fold=10).fragments(reply)).splitlines()
    assert lines == ["row"] * 10 + ["… 90 more lines; /last shows all"]
    assert text_of(view(fold=10).fragments(reply)).endswith("\n")
    human = text_of(view(fold=10, hmp=True).fragments(reply))
    assert human.endswith("\n… 90 more lines; /last shows all\n")
    assert "".join(view().whole(reply, {})) == "row\n" * 100


def test_again_returns_none_if_rows_do_not_suffice() -> None:
    reply = shown(list(range(30)))
    assert view(columns=20).fitting(reply, rows=10) is None
    again = view(columns=20).fitting(reply, rows=100)
    assert again is not None
    assert text_of(again) == "".join(view(columns=20).whole(reply, {}))
    assert view().fitting(shown(ERROR), rows=1) is not None


def test_event_data_is_one_truncated_line() -> None:
    assert text_of(view().on_one_line({"a": [1, 2]})) == '{"a": [1, 2]}'
    long = text_of(view(fold=3).on_one_line("x" * 100_000))
    assert long.endswith("x…")
    assert len(long) == 241


def test_colours_do_not_span_line_breaks() -> None:
    chunks = view(columns=20).whole(shown(["a"]), {"string": ("<", ">")})
    assert "".join(chunks) == '{"return": [<"a">]}\n'
    chunks = view(columns=20).whole(shown(["a", "b"]), {"string": ("<", ">")})
    assert "".join(chunks) == '{\n  "return": [\n    <"a">,\n    <"b">\n  ]\n}\n'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00949, "9.5 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (59.99, "59.99 s"),
        (60, "1 min 0 s"),
    ],
)
def test_format_elapsed_rounds_to_the_unit(seconds: float, text: str) -> None:
    assert format_elapsed(seconds) == text


def test_failure_in_file_shows_line_without_arguments() -> None:
    line = LogicalLine()
    line.add("x password=hidden", number=7, line="x password=hidden", dropped=0)
    request = Request({"execute": "x"}, data=b"", source=SourceLine("a.qmp", line))
    for message, heading in ((ERROR, "a.qmp:7: x\n"), ({"return": {}}, "")):
        reply = ShowReply(Reply(b"", message, strict=True), request, late=False, elapsed=0.0)
        text = text_of(view().fragments(reply))
        assert text.startswith(heading)
        assert ("a.qmp" in text) == bool(heading)
        assert "hidden" not in text
