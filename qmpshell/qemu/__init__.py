"""A QEMU that qmpshell starts: its command line, its directory and its process."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .command_line import (
        QemuCommandLine as QemuCommandLine,
        default_machine as default_machine,
        make_command_line as make_command_line,
        refuse_terminal as refuse_terminal,
        split_options as split_options,
        takes_argument as takes_argument,
    )
    from .process import (
        OutputReader as OutputReader,
        Qemu as Qemu,
        find_program as find_program,
        start_qemu as start_qemu,
    )
    from .runtime_dir import (
        RuntimeDirectory as RuntimeDirectory,
        make_runtime_directory as make_runtime_directory,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "command_line": "QemuCommandLine default_machine make_command_line refuse_terminal"
            " split_options takes_argument",
            "process": "OutputReader Qemu find_program start_qemu",
            "runtime_dir": "RuntimeDirectory make_runtime_directory",
        },
    )
