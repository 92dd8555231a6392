"""The interactive shell, on prompt_toolkit."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .app import run_terminal as run_terminal
    from .completer import (
        HmpCompleter as HmpCompleter,
        LineCompleter as LineCompleter,
        SignatureLine as SignatureLine,
        list_directory as list_directory,
        list_programs as list_programs,
    )
    from .formatter import ReplyFormatter as ReplyFormatter, format_elapsed as format_elapsed
    from .history import (
        HistorySuggester as HistorySuggester,
        SafeHistory as SafeHistory,
        open_history as open_history,
        rest_of_line as rest_of_line,
    )
    from .keys import (
        Replacement as Replacement,
        Tab as Tab,
        help_line as help_line,
        hmp_help_line as hmp_help_line,
    )
    from .lexer import LineLexer as LineLexer
    from .live_view import LiveView as LiveView
    from .long_lines import (
        LONG_TEXT as LONG_TEXT,
        LongLineProcessor as LongLineProcessor,
    )
    from .pictures import PictureFormatter as PictureFormatter, picture_format as picture_format
    from .plain import run_plain as run_plain
    from .splitter import InputSplitter as InputSplitter
    from .status import (
        ToolbarPart as ToolbarPart,
        clip as clip,
        clip_left as clip_left,
        layout_toolbar as layout_toolbar,
        status_parts as status_parts,
    )
    from .stream_reader import StreamReader as StreamReader
    from .styles import (
        color_depth as color_depth,
        json_style as json_style,
        make_style as make_style,
        paint_table as paint_table,
        style_names as style_names,
    )
    from .throttle import OTHERS as OTHERS, EventCount as EventCount, EventThrottle as EventThrottle
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "app": "run_terminal",
            "completer": "HmpCompleter LineCompleter SignatureLine list_directory list_programs",
            "formatter": "ReplyFormatter format_elapsed",
            "history": "HistorySuggester SafeHistory open_history rest_of_line",
            "keys": "Replacement Tab help_line hmp_help_line",
            "lexer": "LineLexer",
            "live_view": "LiveView",
            "long_lines": "LONG_TEXT LongLineProcessor",
            "pictures": "PictureFormatter picture_format",
            "plain": "run_plain",
            "splitter": "InputSplitter",
            "status": "ToolbarPart clip clip_left layout_toolbar status_parts",
            "stream_reader": "StreamReader",
            "styles": "color_depth json_style make_style paint_table style_names",
            "throttle": "EventCount OTHERS EventThrottle",
        },
    )
