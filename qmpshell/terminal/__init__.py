"""The interactive shell, on prompt_toolkit."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .app import run_terminal as run_terminal
    from .completer import SignatureLine as SignatureLine, list_folder as list_folder
    from .formatter import ReplyView as ReplyView, elapsed_text as elapsed_text
    from .history import (
        HistorySuggest as HistorySuggest,
        SafeHistory as SafeHistory,
        open_history as open_history,
        rest_of_line as rest_of_line,
    )
    from .keys import (
        Replacement as Replacement,
        Tab as Tab,
        help_line as help_line,
        human_help_line as human_help_line,
    )
    from .lexer import LineLexer as LineLexer
    from .live_view import PanelView as PanelView
    from .prompt import Entry as Entry
    from .status import (
        Part as Part,
        clip as clip,
        clip_left as clip_left,
        lay_out as lay_out,
        status_parts as status_parts,
    )
    from .stream_reader import Wire as Wire
    from .styles import (
        color_depth as color_depth,
        json_style as json_style,
        make_style as make_style,
        paint_table as paint_table,
        style_names as style_names,
    )
    from .throttle import OTHERS as OTHERS, Folded as Folded, Storm as Storm
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "app": "run_terminal",
            "completer": "SignatureLine list_folder",
            "formatter": "ReplyView elapsed_text",
            "history": "HistorySuggest SafeHistory open_history rest_of_line",
            "keys": "Replacement Tab help_line human_help_line",
            "lexer": "LineLexer",
            "live_view": "PanelView",
            "prompt": "Entry",
            "status": "Part clip clip_left lay_out status_parts",
            "stream_reader": "Wire",
            "styles": "color_depth json_style make_style paint_table style_names",
            "throttle": "Folded OTHERS Storm",
        },
    )
