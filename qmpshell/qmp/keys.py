"""The keys of a keyboard, by QEMU's names (QKeyCode in qapi/ui.json), for a US layout."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from .schema import Schema

SHIFT = "shift"

# The key of each character that needs no other one.
_PLAIN = {
    " ": "spc",
    "\n": "ret",
    "\t": "tab",
    "\b": "backspace",
    "\x1b": "esc",
    "-": "minus",
    "=": "equal",
    "[": "bracket_left",
    "]": "bracket_right",
    "\\": "backslash",
    ";": "semicolon",
    "'": "apostrophe",
    "`": "grave_accent",
    ",": "comma",
    ".": "dot",
    "/": "slash",
    **{char: char for char in "abcdefghijklmnopqrstuvwxyz0123456789"},
}
# Characters that Shift makes of the character below them.
_SHIFTED = dict(
    zip(
        '!@#$%^&*()_+{}|:"~<>?ABCDEFGHIJKLMNOPQRSTUVWXYZ',
        "1234567890-=[]\\;'`,./abcdefghijklmnopqrstuvwxyz",
        strict=True,
    )
)

# Names that users know from elsewhere.
_ALIASES = {
    "altgr": "alt_r",
    "bksp": "backspace",
    "control": "ctrl",
    "del": "delete",
    "enter": "ret",
    "escape": "esc",
    "ins": "insert",
    "meta": "meta_l",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "prtsc": "print",
    "return": "ret",
    "space": "spc",
    "super": "meta_l",
    "win": "meta_l",
}

# The names of QEMU 10, for servers whose schema is unknown.
_NAMES_TEXT = """
    unmapped pause ro kp_comma kp_equals power hiragana henkan yen sleep wake audionext
    audioprev audiostop audioplay audiomute volumeup volumedown mediaselect mail calculator
    computer ac_home ac_back ac_forward ac_refresh ac_bookmarks muhenkan katakanahiragana lang1
    lang2 shift shift_r alt alt_r ctrl ctrl_r menu esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace
    tab q w e r t y u i o p bracket_left bracket_right ret a s d f g h j k l semicolon
    apostrophe grave_accent backslash z x c v b n m comma dot slash asterisk spc caps_lock f1 f2
    f3 f4 f5 f6 f7 f8 f9 f10 num_lock scroll_lock kp_divide kp_multiply kp_subtract kp_add
    kp_enter kp_decimal sysrq kp_0 kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8 kp_9 less f11 f12 f13
    f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 print home pgup pgdn end left up down right
    insert delete stop again props undo front copy open paste find cut lf help meta_l meta_r
    compose
"""
_NAMES = _NAMES_TEXT.split()


def keys_for(char: str) -> tuple[str, ...]:
    """Return the keys that type a character together, or () if this keyboard cannot.

    >>> keys_for("a"), keys_for("?"), keys_for("é")
    (('a',), ('shift', 'slash'), ())
    """
    if char in _SHIFTED:
        return (SHIFT, _PLAIN[_SHIFTED[char]])
    return (_PLAIN[char],) if char in _PLAIN else ()


def split_combination(text: str) -> list[str]:
    """Return the names in keys such as `ctrl-alt-f1` or `ctrl--`; `-` is also a key.

    >>> split_combination("ctrl-alt-f1"), split_combination("ctrl--"), split_combination("-")
    (['ctrl', 'alt', 'f1'], ['ctrl', '-'], ['-'])
    """
    if text.endswith("-") and (text == "-" or text.endswith("--")):
        return [*(text[:-2].split("-") if len(text) > 2 else []), "-"]
    return text.split("-")


def key_names(schema: Schema | None) -> list[str]:
    """Return the names of the server's keys, or those of QEMU 10 without a schema."""
    command = schema.command("send-key") if schema is not None else None
    if schema is None or command is None:
        return _NAMES
    keys = schema.members(command.arg_type).get("keys")
    key = schema.element_type(keys.type) if keys is not None else None
    code = schema.members(key or "", lambda _: "qcode").get("data")
    return list(schema.enum_values(code.type)) if code is not None else _NAMES


def keys_for_name(name: str, names: Collection[str], *, is_alone: bool) -> tuple[str, ...]:
    """Return the keys that a name or a character means, or () if it is not one of `names`.

    A capital letter needs Shift only if it `is_alone`: Ctrl-C is pressed without it.

    >>> keys_for_name("F1", ["f1"], is_alone=True), keys_for_name("C", ["c"], is_alone=False)
    (('f1',), ('c',))
    """
    if len(name) == 1 and (is_alone or not name.isalpha()):
        return keys_for(name)
    lower = name.lower()
    lower = _ALIASES.get(lower, lower)
    return (lower,) if lower in names else ()
