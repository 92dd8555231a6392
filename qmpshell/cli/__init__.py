"""The command line, on click."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .launch import OutputReader as OutputReader
    from .options import (
        parse_arguments as parse_arguments,
        run_command as run_command,
        shell_command as shell_command,
    )
    from .qemu_args import (
        QemuCommandLine as QemuCommandLine,
        default_machine as default_machine,
        make_command_line as make_command_line,
        refuse_terminal as refuse_terminal,
        split_options as split_options,
        takes_argument as takes_argument,
    )
    from .runtime_dir import make_runtime_directory as make_runtime_directory
    from .start import Invocation as Invocation, make_ports as make_ports
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "launch": "OutputReader",
            "options": "parse_arguments run_command shell_command",
            "qemu_args": "QemuCommandLine default_machine split_options make_command_line refuse_terminal takes_argument",
            "runtime_dir": "make_runtime_directory",
            "start": "Invocation make_ports",
        },
    )
