"""The screen of a VM, drawn with characters, or read from the pixels of characters of a VGA."""

from __future__ import annotations

import re

from ...record import Record
from ..document import PLAIN, Spans, join_spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..document import Span

_HEADER = re.compile(rb"P6\s+(\d{1,5})\s+(\d{1,5})\s+255\s")
# How many rows of a picture contribute to a row of characters, about. More are not visible.
_SAMPLES = 4
# From dark to light.
_SHADES = " .:-=+*#%@"
REVERSE = "reverse"

Color = bytes  # red, green and blue
Cell = tuple[str, Color, Color]  # a character, its foreground and background


class Picture(Record):
    """A picture: `width` by `height` pixels of three bytes for red, green and blue."""

    width: int
    height: int
    pixels: bytes


def parse_ppm(data: bytes) -> Picture:
    """Return the picture in a PPM file (P6), as QEMU writes it. Raises ValueError."""
    header = _HEADER.match(data)
    if header is None:
        raise ValueError("this is not a picture in PPM format")
    width, height = int(header[1]), int(header[2])
    size, found = 3 * width * height, len(data) - header.end()
    if not size:
        raise ValueError("the picture has no pixels")
    if found < size:
        raise ValueError(f"the picture is cut off: it has {found} bytes instead of {size}")
    return Picture(width, height, data[header.end() : header.end() + size])


def png_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a picture in PNG format. Raises ValueError."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or len(data) < 24:
        raise ValueError("this is not a picture in PNG format")
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def fit(width: int, height: int, *, columns: int, rows: int) -> tuple[int, int]:
    """Return the columns and rows for a picture, of cells that are twice as high as wide.

    Both are at most those given, and no pixel is wider than a column.
    """
    columns = max(min(columns, width, 2 * rows * width // height), 1)
    return columns, max(min(rows, round(columns * height / width / 2)), 1)


def scale(picture: Picture, width: int, height: int) -> list[list[Color]]:
    """Return rows of colours: each is the mean of its part of the picture."""
    columns = _parts(picture.width, width)
    return [_mean(picture, rows, columns) for rows in _parts(picture.height, height)]


def _parts(length: int, count: int) -> list[range]:
    starts = [length * number // count for number in range(count + 1)]
    return [range(start, max(starts[at + 1], start + 1)) for at, start in enumerate(starts[:-1])]


def _mean(picture: Picture, rows: range, columns: Sequence[range]) -> list[Color]:
    """Return the mean colour of each span of columns in these rows."""
    stride = 3 * picture.width
    sampled = rows[:: max(len(rows) // _SAMPLES, 1)]
    lines = [picture.pixels[stride * row : stride * (row + 1)] for row in sampled]
    planes = [
        [
            sum(sum(line[part.start : part.stop]) for line in plane) // (len(lines) * len(part))
            for part in columns
        ]
        for plane in ([line[number::3] for line in lines] for number in range(3))
    ]
    return list(map(bytes, zip(*planes, strict=True)))


def draw_picture(
    picture: Picture, *, columns: int, rows: int, colors: bool, unicode: bool
) -> Iterator[Spans]:
    """Yield the lines of a picture that has at most these columns and rows.

    The styles are colours: `#rrggbb bg:#rrggbb`. A character is two pixels high with `unicode`, and
    shows the brightness without `colors`.
    """
    width, height = fit(picture.width, picture.height, columns=columns, rows=rows)
    if not unicode or not colors:
        draw = _background if colors else _shade
        return (join_spans(map(draw, row)) for row in scale(picture, width, height))
    found = scale(picture, width, min(2 * height, picture.height))
    found += [[bytes(3)] * width] * (len(found) % 2)
    pairs = zip(found[::2], found[1::2], strict=True)
    return (join_spans(map(_half_blocks, upper, lower)) for upper, lower in pairs)


def _half_blocks(upper: Color, lower: Color) -> Span:
    return _background(upper) if upper == lower else (_colors(upper, lower), "▀")


def _background(color: Color) -> Span:
    return f"bg:#{color.hex()}", " "


def _colors(fg: Color, bg: Color) -> str:
    return f"#{fg.hex()} bg:#{bg.hex()}"


def _shade(color: Color) -> Span:
    return PLAIN, _SHADES[_brightness(color) * len(_SHADES) // 256]


def _brightness(color: Color) -> int:
    """Return the brightness of a colour, from 0 to 255."""
    red, green, blue = color
    return (299 * red + 587 * green + 114 * blue) // 1000


# -- text -----------------------------------------------------------------------------------------

_HEIGHT = 16  # of a character
# The widths of characters: of a VGA in text mode, whose last column is empty, and of Linux.
_TEXT_MODE, _LINUX = 9, 8
_FEWEST_COLUMNS = 40
# How many cells may have no known character: a cursor, and one in this number of the others.
_UNKNOWN = 4
_UNKNOWN_SHARE = 20
# What a terminal without Unicode shows of lines and blocks.
_ASCII = {
    **dict.fromkeys("─═", "-"),
    **dict.fromkeys("│║▌▐", "|"),
    **dict.fromkeys("┐└┴┬├┼┘┌╡╢╖╕╣╗╝╜╛╞╟╚╔╩╦╠╬╧╨╤╥╙╘╒╓╫╪", "+"),
    **dict.fromkeys("░▒▓█▄▀■", "#"),
}
# The font of SeaBIOS for a VGA, 16 bytes for each character of code page 437, which is also that of
# Linux; in the public domain. A byte is a row, its highest bit the leftmost pixel.
_FONT = (
    b"c-nnePix~w6c;JzB)sWuXiRd+2M{eJq7^nQ{R+K{Y*F_hTA#9l3hm~Sk5C9b_tNhWa3dIcFgY#;xh5z3Qi@?A>qF4=z4"
    b"`lQHtlnQ{nL9h@Bf=o6ou4Y{dRSAdvkTwYAkvox~&kck*EfsCOb6vFl#7edA{9l8OtqhVX?zXgsERb(zZhdNb+G`zI<8"
    b"cj^Ewf-rjVYe?0o)%X$G+M_L#tXP`jg=~vSfXtsM$`0cB=uYi8oZsuA!>+@~iYx#HchuwbI?;hswBtD2o$CF`lJc<vj`"
    b"HZpF7#x*~;9KwC_x;aDND?-@$STgOEa44_DuyiBuca8tm?z08gh$DcFtS-%3`I(FHlNQ20#8d(o;rA#Wlb{-#FnPXT)q"
    b"N=+~jDCwg+52^#!VGsN}!0w&8d4CXTOpV?4Oy2}=uptx#4~+2soIb*XGm)56;hWF@ggJI4}9%z0SmA}^_lF5Bc8Sr84+"
    b"_+?id#Au(+H`Gtp^?ldrf{R#I>kLFXp-P+&7RPxU$0ohWIIk817<{Z%Lo%KSKPv!pAdLrDuY5N90gLeQcMI#2+OwQEtg"
    b"&%dng>yfT?@-ULz0IwcK?LrS3X#;*Q<GBss+k-K!X&1f(mG`;-5^s?!d$Oor%}JQVmh<wSVQs>-u$ZQ4St1iXB<M=Dhq"
    b"`VbmnmX??kF05dO+Wi_~d-+-#R2BjN?cZDRY4<`wv6G-pBc^uaFZhskT5^w2W;q24=_v<DZSw8x>vHT)SV!K}SH=eyb*"
    b"uPU$ntqn3?}eEklEttJEx*jkexkd^<o(eJ9iLQ_nWr$pX4%-zt31(^n`}n^MFQKAefqpk8r!eYLs8T+#crH6916hrHwI"
    b"1B!pTei;P_efeX%3)1-eA>MU%*s!v57|>Ea7@nbCO0aWsl0m9peOUKN0r&w_fv5)nO;#Vb9soqZ%fmfu(tjeVx2SC^${"
    b"KhAhN-Vf9C3Da>lwtTsq#KX(K!dL(f0}~3sVpTtFoS2qc;5^m!Jpxx}=<mp#7ZEu>kcTpCrkz=Z>6IOBw$uF#?VQBYql"
    b"Irj&S9EQSnSuw!mk&YHXhEZ%$G-vkU~&r3e>L`?$;0Q=kd$Ps}BgAhf$tl?gpAMhhiLyLs>xXOLu1c_{~wfT)k0X0>wR"
    b"GJnkcBFR35y*ORi>;j~_O@kG8?ADra7M%Z}sgGc^6fpe*Ye0AmowC%Nda>XRzqxmqtnv3!$sP7M|e2$nrK7p1q9RQji%"
    b"(oX`;8TAPd-g+pk^TZ?2d+wXRZZw=gx7(H-i+WJO!0W7*Cjkd=k)f3?QgC+cO2W{{?|A;ak#wyWuin>H{?0#x3g+loss"
    b"PTRZI2r^Kbpncfb3ezux#C_B`zaWbv7zNBwQA7(5)xKgL!*BpnW){}|ia)lUX;Et2*GBVZrcf8xnACc={<lxN<ZH4@?a"
    b"K>8$z$GK<!c{=s9O;ex$F%rSK^)Xm~?!`wqdA;7sYwtu5uW)}6`WK{O>iK)(;wS0kllV-7^}@G@h4BsZW%m;SMf5caXc"
    b"y3nfc$0VJYFrA%a!hDe79OIpnVtSzKW+kZAiTSBN@nHrn&P8@1IMgSw!EMV8YI=IxjXY%hem4oe*+7!<ev;qq=|eeGsm"
    b"*6Zy{P^ub~8M$Bh1;18`)H%<#2??pO}f(sydSs3UmgMPg*LDJV}JH+&L+u+gB(K7>q`VX76^!|=R(w@q49{$hEig{puy"
    b"pVUhzpE-A>sdxpfye(cE&lY&r&09m74Tm)Y26+"
)
# Its characters; code page 437 has no symbols below 32.
_CHARACTERS = (
    " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
    f"{bytes(range(32, 127)).decode()}⌂{bytes(range(128, 256)).decode('cp437')}"
)


def read_text(picture: Picture) -> list[list[Cell]]:
    """Return the rows of characters that a picture consists of, or [] if it shows something else."""
    is_text_mode = picture.width % _TEXT_MODE == 0 and picture.height % _HEIGHT == 0
    return (is_text_mode and _read_cells(picture, _TEXT_MODE)) or _read_cells(picture, _LINUX)


def _read_cells(picture: Picture, width: int) -> list[list[Cell]]:
    """Return the rows of cells of this width, up to the last one that has text, or []."""
    glyphs = _load_font()
    cells: dict[bytes, Cell] = {}
    stride, columns = 3 * picture.width, picture.width // width
    rows: list[list[Cell]] = []
    end = known = unknown = 0
    for number in range(picture.height // _HEIGHT if columns >= _FEWEST_COLUMNS else 0):
        starts = range(number * _HEIGHT * stride, (number + 1) * _HEIGHT * stride, stride)
        lines = [picture.pixels[at : at + stride] for at in starts]
        row: list[Cell] = []
        for left in range(0, 3 * width * columns, 3 * width):
            pixels = b"".join([line[left : left + 24] for line in lines])
            if pixels not in cells:
                cells[pixels] = _read_cell(pixels, glyphs)
            row.append(cells[pixels])
        rows.append([(char or "_", fg, bg) for char, fg, bg in row])
        chars = [char for char, _, _ in row if char != " "]
        unknown += chars.count("")
        known += len(chars) - chars.count("")
        if unknown > _UNKNOWN + known // _UNKNOWN_SHARE:
            return []
        end = len(rows) if chars else end
    return rows[:end]


def _read_cell(pixels: bytes, glyphs: Mapping[int, str]) -> Cell:
    """Return the cell, whose character is "" if it is unknown."""
    found = {pixels[at : at + 3] for at in range(0, len(pixels), 3)}
    # Text is light on dark more often, and halves of blocks look alike.
    colors = sorted(found, key=_brightness, reverse=True)
    for fg, bg in (colors, colors[::-1]) if len(colors) == 2 else ():
        bits = "".join("01"[pixels[at : at + 3] == fg] for at in range(0, len(pixels), 3))
        if int(bits, 2) in glyphs:
            return glyphs[int(bits, 2)], fg, bg
    return " " if len(colors) == 1 else "", colors[0], colors[-1]


def _load_font() -> Mapping[int, str]:
    """Return the character of each bitmap."""
    import base64
    import zlib

    font = zlib.decompress(base64.b85decode(_FONT))
    # Some characters look alike; the usual ones are preferred.
    codes = (*reversed(range(256)), *range(32, 127))
    return {
        int.from_bytes(font[_HEIGHT * code : _HEIGHT * (code + 1)]): _CHARACTERS[code]
        for code in codes
    }


def draw_text(rows: Sequence[Sequence[Cell]], *, colors: bool, unicode: bool) -> Iterator[Spans]:
    """Yield the lines of a text, with the styles of `draw_picture`, or "reverse" without colours."""
    for row in rows:
        spans = join_spans(
            (
                _colors(fg, bg) if colors else _reverse(fg, bg),
                char if unicode or char.isascii() else _ASCII.get(char, "?"),
            )
            for char, fg, bg in row
        )
        style, text = spans.pop()
        yield [*spans, (style, text if style else text.rstrip())]


def _reverse(fg: Color, bg: Color) -> str:
    """Return the style of a cell without colours. A cell of one colour counts as a background."""
    return REVERSE if _brightness(bg) > (_brightness(fg) if fg != bg else 127) else PLAIN
