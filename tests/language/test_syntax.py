"""Tests of the grammar of a line: items, redirects, shell commands, transactions and comments."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from qmpshell.errors import LineError
from qmpshell.language import (
    CommandItem,
    Item,
    Line,
    RawItem,
    ShellCommandItem,
    TransactionItem,
    parse,
    tokenize,
    tokens as t,
)
from qmpshell.language.values import MAX_HINT


def parsed(line: str) -> Line:
    return parse(line).items()


def item_as_tuple(item: Item) -> Any:
    """Return an item as typed: (NAME, its arguments, its file)."""
    match item:
        case RawItem():
            return item.token.text if item.file is None else (item.token.text, item.file.path)
        case ShellCommandItem():
            return [item.name.text, *(token.text for token in item.tokens)]
        case TransactionItem():
            rest = [
                argument.key.text + argument.operator.text + argument.value.text
                for argument in item.arguments
            ]
            return ("transaction(", [item_as_tuple(action) for action in item.actions], *rest)
    assert isinstance(item, CommandItem)
    words = [
        argument.key.text + argument.operator.text + argument.value.text
        for argument in item.arguments
    ]
    if item.whole is not None:
        words.append(item.whole.text)
    if item.file is not None:
        words.append(f"{item.file.operator} {item.file.path}")
    return (item.name.text, *words)


def items(line: str) -> list[Any]:
    found = parsed(line)
    assert found.redirect is None
    return [item_as_tuple(item) for item in found.items]


def mistake(line: str) -> tuple[str, str, str]:
    """Return the reason, the marked text and the hint of the error."""
    with pytest.raises(LineError) as caught:
        parsed(line)
    error = caught.value
    return error.reason, line[error.start : error.end], error.hint


# -- tokens ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a | b c", [(t.NAME, "a"), (t.PIPE, "|"), (t.TEXT, "b c")]),
        ("a |  b # > c;  ", [(t.NAME, "a"), (t.PIPE, "|"), (t.TEXT, "b # > c;")]),
        ("a |", [(t.NAME, "a"), (t.PIPE, "|")]),
        ("a |b", [(t.NAME, "a"), (t.WORD, "|b")]),
        ("a b|c", [(t.NAME, "a"), (t.WORD, "b|c")]),
        ("a > b", [(t.NAME, "a"), (t.REDIRECT, ">"), (t.FILE, "b")]),
        ("a >> b", [(t.NAME, "a"), (t.REDIRECT, ">>"), (t.FILE, "b")]),
        ("a < b", [(t.NAME, "a"), (t.REDIRECT, "<"), (t.FILE, "b")]),
        ("a <> b", [(t.NAME, "a"), (t.REDIRECT, "<>"), (t.FILE, "b")]),
        ("a > 'b c'", [(t.NAME, "a"), (t.REDIRECT, ">"), (t.FILE, "'b c'")]),
        ("a > b=c", [(t.NAME, "a"), (t.REDIRECT, ">"), (t.FILE, "b=c")]),
        ("a > /b[0]{", [(t.NAME, "a"), (t.REDIRECT, ">"), (t.FILE, "/b[0]{")]),
        ("a >", [(t.NAME, "a"), (t.REDIRECT, ">")]),
        ("a > # b", [(t.NAME, "a"), (t.REDIRECT, ">"), (t.COMMENT, "# b")]),
        ("a >b", [(t.NAME, "a"), (t.WORD, ">b")]),
        ("a 1>2", [(t.NAME, "a"), (t.WORD, "1>2")]),
        ("a b=>", [(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, ">")]),
        ("a b=|", [(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, "|")]),
        ('a b=" | > "', [(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.QUOTED, '" | > "')]),
        ("a < b; c", [(t.NAME, "a"), (t.REDIRECT, "<"), (t.FILE, "b"), (t.SEPARATOR, ";"), (t.NAME, "c")]),
        ("/wait X", [(t.SHELL_COMMAND, "/wait"), (t.WORD, "X")]),
        ("a; /wait-job j", [(t.NAME, "a"), (t.SEPARATOR, ";"), (t.SHELL_COMMAND, "/wait-job"), (t.WORD, "j")]),
        ("/ a", [(t.SHELL_COMMAND, "/"), (t.WORD, "a")]),
        ("/hmp a; b # c > d", [(t.SHELL_COMMAND, "/hmp"), (t.TEXT, "a; b # c > d")]),
        ("/hmp a | b", [(t.SHELL_COMMAND, "/hmp"), (t.TEXT, "a"), (t.PIPE, "|"), (t.TEXT, "b")]),
        ("/hmp", [(t.SHELL_COMMAND, "/hmp")]),
        ("transaction( a )", [(t.OPEN, "transaction("), (t.NAME, "a"), (t.CLOSE, ")")]),
        ("transaction(a )", [(t.OPEN, "transaction("), (t.NAME, "a"), (t.CLOSE, ")")]),
        ("transaction()", [(t.OPEN, "transaction("), (t.CLOSE, ")")]),
        ("transaction( a\nb )", [(t.OPEN, "transaction("), (t.NAME, "a"), (t.SEPARATOR, "\n"), (t.NAME, "b"), (t.CLOSE, ")")]),
        ("transaction( a b=) )", [(t.OPEN, "transaction("), (t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, ")"), (t.CLOSE, ")")]),
        ("a )", [(t.NAME, "a"), (t.WORD, ")")]),
        ("a \n b=c", [(t.NAME, "a"), (t.KEY, "b"), (t.OPERATOR, "="), (t.VALUE, "c")]),
    ],
)  # fmt: skip
def test_tokenize_returns_kinds_and_texts(line: str, expected: list[tuple[str, str]]) -> None:
    found = tokenize(line)
    assert [(token.kind, token.text) for token in found] == expected
    assert all(line.startswith(token.text, token.start) for token in found)


# -- items -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("; ;", []),
        ("a; b ; c;", [("a",), ("b",), ("c",)]),
        ("a b=c;d; e", [("a", "b=c;d"), ("e",)]),
        ("a;b", [("a;b",)]),
        ("a b=c:=d e:=1", [("a", "b=c:=d", "e:=1")]),
        ("a {'b': 1}; c", [("a", "{'b': 1}"), ("c",)]),
        ('{"a": "; | >"}; c', ['{"a": "; | >"}', ("c",)]),
        ("# a", []),
        ("  # a | b > c", []),
        ("a # b | c", [("a",)]),
        ("a b=c# d=e", [("a", "b=c#", "d=e")]),
        ("a b=#c", [("a", "b=#c")]),
        ("a; # b", [("a",)]),
        ("a < f # b", [("a", "< f")]),
        # Files passed with a command.
        ("getfd fdname=x < f", [("getfd", "fdname=x", "< f")]),
        ("add-fd fdset-id=1 <> f; b", [("add-fd", "fdset-id=1", "<> f"), ("b",)]),
        ("getfd < 'a b'", [("getfd", "< a b")]),
        ('getfd < "a\\u0041"', [("getfd", "< aA")]),
        ("getfd {'fdname': 'x'} < f", [("getfd", "{'fdname': 'x'}", "< f")]),
        ("getfd fdname=x < a;b", [("getfd", "fdname=x", "< a;b")]),
        # Shell commands.
        ("/quit", [["/quit"]]),
        ("/wait -t 5 JOB_* id=a; b", [["/wait", "-t", "5", "JOB_*", "id", "=", "a"], ("b",)]),
        ("/keyval blockdev-add driver=raw,file.x=a", [["/keyval", "blockdev-add", "driver", "=", "raw,file.x=a"]]),
        ("/events # a", [["/events"]]),
        ("/nosuch a", [["/nosuch", "a"]]),
        ("a; /hmp info b; c | 2", [("a",), ["/hmp", "info b; c | 2"]]),
        ("transaction( )", [("transaction(", [])]),
        ("transaction( a b=c; d )", [("transaction(", [("a", "b=c"), ("d",)])]),
        ("transaction(\n\na b=c\n  d\n)", [("transaction(", [("a", "b=c"), ("d",)])]),
        ("transaction( a # ) b\n c )", [("transaction(", [("a",), ("c",)])]),
        ("transaction( # a\n b )", [("transaction(", [("b",)])]),
        ("transaction( a {'b': ' ) '} )", [("transaction(", [("a", "{'b': ' ) '}")])]),
        ("transaction( a ) p.q=r; b", [("transaction(", [("a",)], "p.q=r"), ("b",)]),
        ("a; transaction( b ); c", [("a",), ("transaction(", [("b",)]), ("c",)]),
        ("transaction( a b=c) )", [("transaction(", [("a", "b=c)")])]),
        ("transaction( a b=c(d); e )", [("transaction(", [("a", "b=c(d)"), ("e",)])]),
        ("transaction( a b=c) d=e; f )", [("transaction(", [("a", "b=c)", "d=e"), ("f",)])]),
        ("transaction( a b='c)'\n)", [("transaction(", [("a", "b='c)'")])]),
        ("transaction( a\n;\nb; )", [("transaction(", [("a",), ("b",)])]),
        ("transaction a=b", [("transaction", "a=b")]),
    ],
)  # fmt: skip
def test_tree_contains_all_items(line: str, expected: list[Any]) -> None:
    assert items(line) == expected


@pytest.mark.parametrize(
    ("line", "redirect"),
    [
        ("a | b", ("|", "b", "|")),
        ("a; b | c | d > e", ("|", "c | d > e", "|")),
        ("a | # b; c", ("|", "# b; c", "|")),
        ('{"a": 1} | jq .', ("|", "jq .", "|")),
        ("/wait X | cat", ("|", "cat", "|")),
        ("/hmp info a | cat", ("|", "cat", "|")),
        ("transaction( a ) | cat", ("|", "cat", "|")),
        ("a; b > c", (">", "c", "c")),
        ("a >> c # d", (">>", "c", "c")),
        ("a b=c > 'd e'", (">", "d e", "'")),
        ("/source a > b", (">", "b", "b")),
        ("getfd fdname=x < f > g", (">", "g", "g")),
        ("transaction( a ) b=c > d", (">", "d", "d")),
        ('a b="exec:c > d" > e', (">", "e", "e")),
        ("a b=exec:c>d", None),
        ("a b=exec:c; d > e", (">", "e", "e")),
        ("a", None),
    ],
)
def test_redirect_is_parsed(line: str, redirect: tuple[str, str, str] | None) -> None:
    found = parsed(line).redirect
    if redirect is None:
        assert found is None
        return
    assert found is not None
    operator, text, begins = redirect
    assert (found.operator, found.text) == (operator, text)
    assert line.startswith(begins, found.start)


# -- mistakes --------------------------------------------------------------------------------------

AT_END = "> FILE must be at the end of the line; it gets the replies to the whole line"
BEHIND = "the file that is passed to the command"
QUOTE_EXEC = 'quote the whole value: uri="exec:cat > file"'
LINE_IS = "a line is COMMAND KEY=VALUE…, or a JSON object"
MONITOR_PROMPT = "this is the prompt of the human monitor: use /hmp"
BEFORE_CLOSE = "a blank must precede )"
ONE_WORD = "write transaction( in one word, and a blank after it"
ONLY_ITEMS = "only another JSON object or ; COMMAND may follow"
ONLY_ACTIONS = "only actions, such as blockdev-snapshot-sync, are allowed in a transaction"


@pytest.mark.parametrize(
    ("line", "reason", "marked", "hint"),
    [
        ("a |", "a program must follow |", "|", ""),
        ("a |  ", "a program must follow |", "|", ""),
        ("/hmp a |", "a program must follow |", "|", ""),
        ("| a", "not a command name", "|", LINE_IS),
        ("a; | b", "not a command name", "|", LINE_IS),
        ("> a", "not a command name", ">", LINE_IS),
        ("a >", "a file must follow >", ">", ""),
        ("a >> ", "a file must follow >>", ">>", ""),
        ("a > # b", "a file must follow >", ">", ""),
        ("a > ; b", "a file must follow >", ">", ""),
        ("a > | b", "a file must follow >", ">", ""),
        ("a <", "a file must follow <", "<", ""),
        ("a <>; b", "a has no argument '<>'", "<>", None),
        ("a > b c", "text after the file name of the redirect", "c", AT_END),
        ("a > b; c", "text after the file name of the redirect", ";", AT_END),
        ("a > b | c", "text after the file name of the redirect", "|", AT_END),
        ("a > b > c", "text after the file name of the redirect", ">", AT_END),
        ("a > b < c", "text after the file name of the redirect", "<", AT_END),
        ("a < b c=d", f"text after {BEHIND}", "c", "< FILE must follow the arguments"),
        ("a <> b c", f"text after {BEHIND}", "c", "<> FILE must follow the arguments"),
        ("a < b < c", f"text after {BEHIND}", "<", "< FILE must follow the arguments"),
        ("a > 'b", "the quote is not closed", "'b", None),
        ("a > 'b'c", "a blank must follow the closing quote or bracket", "c", None),
        ("a < \"b\\q\"", "the string has an escape that is not valid in JSON", "\\", None),
        ("a |b", "a has no argument '|b'", "|b", "a blank must follow |"),
        ("a >b", "a has no argument '>b'", ">b", "a blank must follow >"),
        ("a <b", "a has no argument '<b'", "<b", "a blank must follow <"),
        ("migrate uri=exec:cat > f", "> after exec: would redirect the replies, and not be part of the command", ">", QUOTE_EXEC),
        ("migrate uri=exec:cat >> f", ">> after exec: would redirect the replies, and not be part of the command", ">>", QUOTE_EXEC),
        ("migrate uri=exec:gzip -c > f", "> after exec: would redirect the replies, and not be part of the command", ">", QUOTE_EXEC),
        ("stop; migrate uri=exec:cat > f", "> after exec: would redirect the replies, and not be part of the command", ">", QUOTE_EXEC),
        ('{"a": 1} <>', "a file must follow <>", "<>", ""),
        ('{"a": 1} b', "text after the JSON object", "b", ONLY_ITEMS),
        ('{"a": 1} {"b": 2} c', "text after the JSON object", "c", ONLY_ITEMS),
        ("transaction(", "the transaction is not closed", "transaction(", ") as a separate word ends it"),
        ("transaction( a", "the transaction is not closed", "transaction(", ") as a separate word ends it"),
        ("a; transaction( b c=d)", BEFORE_CLOSE, ")", "to send ) as part of the value, quote the value"),
        ("transaction(\na b=c)\n)", BEFORE_CLOSE, ")", "to send ) as part of the value, quote the value"),
        ("transaction( a b=(c)); d )", BEFORE_CLOSE, ")", "to send ) as part of the value, quote the value"),
        ("transaction( a b=c) | d", BEFORE_CLOSE, ")", "to send ) as part of the value, quote the value"),
        ("transaction( a b=c) # d", BEFORE_CLOSE, ")", "to send ) as part of the value, quote the value"),
        ("transaction( a)", BEFORE_CLOSE, ")", ""),
        ("transaction( a b)", BEFORE_CLOSE, ")", ""),
        ("transaction(a b=c; d e=f)", BEFORE_CLOSE, ")", "to send ) as part of the value, quote the value"),
        ("transaction(a)", BEFORE_CLOSE, ")", ""),
        ("transaction((a )", "not a command name", "(a", LINE_IS),
        ("(qemu) info block", "not a command name", "(qemu)", f"{MONITOR_PROMPT} info block"),
        ("(qemu)", "not a command name", "(qemu)", f"{MONITOR_PROMPT} LINE"),
        ("transaction (a; b)", "transaction has no argument '(a'", "(a", ONE_WORD),
        ("transaction ( a; b )", "transaction has no argument '('", "(", ONE_WORD),
        ("transaction( {'a': 1} )", ONLY_ACTIONS, "{'a': 1}", ""),
        ("transaction( a; /wait X )", ONLY_ACTIONS, "/wait", ""),
        ("transaction( a < f )", ONLY_ACTIONS, "a", ""),
        ("transaction( a b )", "a has no argument 'b'", "b", None),
        ("transaction( a=b )", "not a command name", "a=b", None),
        ("transaction( a ) {'b': 1}", "a JSON object must be the only argument", "{'b': 1}", ""),
    ],
)  # fmt: skip
def test_invalid_line_reports_reason_and_position(
    line: str, reason: str, marked: str, hint: str | None
) -> None:
    """A hint of None is not checked."""
    found = mistake(line)
    assert found[:2] == (reason, marked)
    assert hint is None or found[2] == hint


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("device_del net1", "id=net1"),
        ("object-del mem0", "id=mem0"),
        ("device_add driver:nvme", "driver=nvme"),
        ("device_add driver: nvme", "driver=…"),
        ("migrate tcp:h:1", "uri=tcp:h:1"),
        ("x --force", "force=…"),
    ],
)
def test_misspelled_item_gets_suggestion(line: str, meant: str) -> None:
    assert f"did you mean {meant}?" in mistake(line)[2]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ('device_del "id=net0"', 'id="net0"'),
        ('migrate "uri=exec:cat > f"', 'uri="exec:cat > f"'),
        ('x "a.b=c d"', 'a.b="c d"'),
        ('x a=b "c=d"', 'c="d"'),
        (f'x "a={"b" * 99}"', f'a="{"b" * (MAX_HINT - 3)}…'),
    ],
)
def test_quoted_argument_gets_its_value_quoted(line: str, meant: str) -> None:
    assert mistake(line)[2] == f"quote only the value: {meant}"


def test_invalid_item_at_any_position_raises_error() -> None:
    for line in ("a; b c", "a b; c", "a; transaction( b c ); d", "a; b | "):
        with pytest.raises(LineError):
            parsed(line)


# -- HMP lines ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "text", "command"),
    [
        ("info status", "info status", None),
        ("  info status  ", "info status", None),
        ("info a; b # c > d", "info a; b # c > d", None),
        ("it's {x \"", "it's {x \"", None),
        ("info a | grep b | c", "info a", "grep b | c"),
        ("info a\t|\tgrep b", "info a", "grep b"),
        ("p 1 | 2", "p 1 | 2", None),
        ("p 1 | 0x2", "p 1 | 0x2", None),
        ("p 1 | -2", "p 1 | -2", None),
        ("p 1|2", "p 1|2", None),
        ("p 1 | 2 | cat", "p 1 | 2", "cat"),
        ("info a |grep", "info a |grep", None),
        ("a || b", "a || b", None),
        ("/wait X", "/wait X", None),
        ("", "", None),
    ],
)
def test_hmp_line_treats_only_pipe_as_syntax(line: str, text: str, command: str | None) -> None:
    for found_text, redirect in (human(line), hmp(line)):
        assert found_text == text
        assert (redirect.text if redirect else None) == command


def human(line: str) -> tuple[str, Any]:
    found = parse(line, human=True).items()
    texts = [token.text for item in found.items for token in getattr(item, "tokens", [])]
    assert len(texts) <= 1
    return "".join(texts), found.redirect


def hmp(line: str) -> tuple[str, Any]:
    found = parsed(f"stop; /hmp {line}")
    assert item_as_tuple(found.items[0]) == ("stop",)
    name, *rest = item_as_tuple(found.items[1])
    assert name == "/hmp" and len(rest) <= 1
    return "".join(rest), found.redirect


def test_hmp_line_with_trailing_pipe_is_rejected() -> None:
    with pytest.raises(LineError) as caught:
        human("info a |")
    assert (caught.value.reason, caught.value.start) == ("a program must follow |", 7)


# -- random text -------------------------------------------------------------------------------

SNIPPETS = [
    "a",
    "b=c",
    ";",
    "|",
    ">",
    ">>",
    "<",
    "<>",
    "#",
    "'d'",
    '"e"',
    "{",
    "}",
    "{'f':1}",
    "transaction(",
    ")",
    "/hmp",
    "/wait",
    "|",
    "2",
    "exec:",
    "uri=exec:x",
    "\\",
    "=",
    ":=",
    "f.g=",
    "[",
    "]",
    "json:",
    "]",
    "'",
    '"',
    "é",
]
lines = st.lists(st.sampled_from([*SNIPPETS, " ", "\n"]) | st.text(max_size=3)).map("".join)
spaced = st.lists(st.sampled_from(SNIPPETS)).map(" ".join)


def outcome(line: str) -> Line | LineError:
    try:
        return parsed(line)
    except LineError as error:
        return error


@given(lines | spaced)
def test_random_text_gives_items_or_positioned_error(line: str) -> None:
    found = outcome(line)
    if isinstance(found, LineError):
        assert found.reason
        assert 0 <= found.start < found.end
        assert found.start <= len(line)
        return
    assert found.items or found.redirect is None
    if found.redirect is not None:
        assert found.redirect.operator in ("|", ">", ">>")


@given(lines | spaced)
def test_random_hmp_line_is_split_or_rejected(line: str) -> None:
    try:
        text, redirect = human(line)
    except LineError as error:
        text, redirect = line[: error.start], None
    blanks = " \t\r\n\xa0"
    assert line.lstrip(blanks).startswith(text.lstrip(blanks))
    assert redirect is None or line.rstrip().endswith(redirect.text)


@given(st.lists(st.sampled_from(["a", "b c=d", "e f='; g'", "{'h': 1}", "/i j"]), max_size=5))
def test_semicolon_separates_independent_items(pieces: list[str]) -> None:
    alone = [item_as_tuple(parsed(piece).items[0]) for piece in pieces]
    assert items("; ".join(pieces)) == alone
    assert items(" ;\t".join([*pieces, ""])) == alone


WORDS = (
    """stop a=1 a.b='x c=" { } [ transaction( ) ; | > < # /wait /hmp /watch @? := \\ json:{ , é"""
)
FRAGMENTS = st.lists(st.sampled_from([*WORDS.split(), "\n", " ", "\u00a0"]), max_size=12)


@given(st.one_of(st.text(max_size=60), FRAGMENTS.map("".join), FRAGMENTS.map(" ".join)))
def test_leaves_joined_with_blanks_are_the_line(line: str) -> None:
    tree = parse(line)
    position = 0
    for token in tree.tokens:
        assert set(line[position : token.start]) <= set(t.BLANKS)
        assert line[token.start : token.end] == token.text
        position = token.end
    assert set(line[position:]) <= set(t.BLANKS)


@given(st.one_of(st.text(max_size=60), FRAGMENTS.map(" ".join)))
@example("0 #\n0")
def test_parts_contain_the_tokens_between_marks(line: str) -> None:
    tree = parse(line)
    marks = [token for token in tree.tokens if token.kind in (t.SEPARATOR, t.OPEN, t.CLOSE)]
    assert [part.mark for part in tree.parts] == [None, *marks]
    for part in tree.parts:
        assert all(token in tree.tokens for token in part.tokens)
        assert not part.tokens or part.tokens[-1].end <= part.end
    with contextlib.suppress(LineError):
        tree.items()


def test_transaction_in_a_transaction_is_an_error() -> None:
    reason, marked, _ = mistake("transaction( abort\ntransaction( abort )")
    assert reason.startswith("only actions") and marked == "transaction("
