"""The command line, on click."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .options import (
        parse_arguments as parse_arguments,
        run_command as run_command,
        shell_command as shell_command,
    )
    from .start import (
        Invocation as Invocation,
        make_ports as make_ports,
        parse_common_options as parse_common_options,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "options": "parse_arguments run_command shell_command",
            "start": "Invocation make_ports parse_common_options",
        },
    )
