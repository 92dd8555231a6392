"""The interactive shell, on prompt_toolkit."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .app import *
    from .completer import *
    from .formatter import *
    from .history import *
    from .keys import *
    from .live_view import *
    from .pictures import *
    from .plain import *
    from .stream_reader import *
    from .styles import *
    from .throttle import *
    from .toolbar import *
    from .typed_text import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "app": "run_terminal",
            "completer": "LineCompleter SignatureLine list_directory list_programs",
            "formatter": "EffectFormatter clip clip_left format_elapsed",
            "history": "HistorySuggester SafeHistory open_history rest_of_line",
            "keys": "Replacement Tab help_line hmp_help_line",
            "live_view": "LiveView",
            "pictures": "PictureFormatter picture_format",
            "plain": "run_plain",
            "stream_reader": "StreamReader",
            "styles": "color_depth json_style make_style paint_table style_names",
            "throttle": "OTHERS EventCount EventThrottle",
            "toolbar": "ToolbarPart layout_toolbar status_parts",
            "typed_text": "LONG_TEXT InputSplitter LineLexer LongLineProcessor",
        },
    )
