"""The command line, on click."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .options import *
    from .start import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "options": "parse_arguments run_command shell_command",
            "start": "Invocation make_ports parse_common_options",
        },
    )
