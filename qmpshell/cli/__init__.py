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
        QemuLine as QemuLine,
        default_machine as default_machine,
        read_line as read_line,
        refuse_terminal as refuse_terminal,
        split_options as split_options,
        takes_argument as takes_argument,
    )
    from .runtime_dir import make_private_directory as make_private_directory
    from .start import Choice as Choice, make_ports as make_ports
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "launch": "OutputReader",
            "options": "parse_arguments run_command shell_command",
            "qemu_args": "QemuLine default_machine split_options read_line refuse_terminal takes_argument",
            "runtime_dir": "make_private_directory",
            "start": "Choice make_ports",
        },
    )
