"""Values, errors and help documents as styled text. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .diagnostics import *
    from .diff import *
    from .document import *
    from .fold import *
    from .json import *
    from .text import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "diagnostics": "excerpt format_line_error with_position",
            "diff": "changed_scalars mark_changes mark_words overlay_changes",
            "document": (
                "EMPHASIS HEADING LITERAL NAME PLAIN STYLES WARNING Block Group Heading Item"
                " Lines Literal Page Paragraph Span Spans Table definition fold_lines"
                " format_document heading names_table paragraph plain_text_of text_of text_parts"
            ),
            "fold": "fold_pieces remainder_text",
            "json": (
                "JSON_NAME JSON_NOTE JSON_NUMBER JSON_PUNCTUATION JSON_STRING JSON_WORD Piece"
                " color_json message_line paint_json style_json value_flat value_line"
                " value_pretty"
            ),
            "text": (
                "REDACTED escape escape_json escape_lines percent progress_bar replace_spans"
                " text_width utf8_string"
            ),
        },
    )
