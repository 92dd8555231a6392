"""Values, errors and help documents as styled text. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .diagnostics import (
        excerpt as excerpt,
        format_line_error as format_line_error,
        with_position as with_position,
    )
    from .diff import (
        changed_scalars as changed_scalars,
        mark_changes as mark_changes,
        mark_words as mark_words,
        overlay_changes as overlay_changes,
    )
    from .document import (
        EMPHASIS as EMPHASIS,
        HEADING as HEADING,
        LITERAL as LITERAL,
        NAME as NAME,
        PLAIN as PLAIN,
        STYLES as STYLES,
        WARNING as WARNING,
        Block as Block,
        Group as Group,
        Heading as Heading,
        Item as Item,
        Lines as Lines,
        Literal as Literal,
        Page as Page,
        Paragraph as Paragraph,
        Span as Span,
        Spans as Spans,
        Table as Table,
        definition as definition,
        fold_lines as fold_lines,
        format_document as format_document,
        heading as heading,
        names_table as names_table,
        paragraph as paragraph,
        plain_text_of as plain_text_of,
        text_of as text_of,
        text_parts as text_parts,
    )
    from .flat import value_flat as value_flat
    from .fold import fold_pieces as fold_pieces, remainder_text as remainder_text
    from .json import (
        JSON_NAME as JSON_NAME,
        JSON_NOTE as JSON_NOTE,
        JSON_NUMBER as JSON_NUMBER,
        JSON_PUNCTUATION as JSON_PUNCTUATION,
        JSON_STRING as JSON_STRING,
        JSON_WORD as JSON_WORD,
        Piece as Piece,
        color_json as color_json,
        message_line as message_line,
        paint_json as paint_json,
        style_json as style_json,
        value_line as value_line,
        value_pretty as value_pretty,
    )
    from .text import (
        REDACTED as REDACTED,
        escape as escape,
        escape_json as escape_json,
        escape_lines as escape_lines,
        percent as percent,
        progress_bar as progress_bar,
        replace_spans as replace_spans,
        text_width as text_width,
        utf8_string as utf8_string,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "diagnostics": "excerpt format_line_error with_position",
            "diff": "changed_scalars mark_changes mark_words overlay_changes",
            "document": "Block EMPHASIS Group HEADING Heading Item LITERAL Lines Literal NAME PLAIN Page Paragraph STYLES Span Spans Table WARNING definition fold_lines format_document heading names_table paragraph plain_text_of text_of text_parts",
            "flat": "value_flat",
            "fold": "fold_pieces remainder_text",
            "json": "JSON_NAME JSON_NOTE JSON_NUMBER JSON_PUNCTUATION JSON_STRING JSON_WORD Piece color_json message_line paint_json style_json value_line value_pretty",
            "text": "REDACTED progress_bar replace_spans escape escape_json escape_lines percent text_width utf8_string",
        },
    )
