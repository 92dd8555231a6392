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
    from .discovery import (
        CONNECTS as CONNECTS,
        FoundMonitor as FoundMonitor,
        FoundProcess as FoundProcess,
        find_addresses as find_addresses,
        find_processes as find_processes,
    )
    from .monitors import (
        AGENT as AGENT,
        HUMAN as HUMAN,
        QMP as QMP,
        Monitor as Monitor,
        find_monitors as find_monitors,
        machine_name as machine_name,
        program_name as program_name,
    )
    from .process import (
        OutputReader as OutputReader,
        Qemu as Qemu,
        find_program as find_program,
        start_qemu as start_qemu,
    )
    from .runtime_dir import (
        PictureDirectory as PictureDirectory,
        RuntimeDirectory as RuntimeDirectory,
        make_runtime_directory as make_runtime_directory,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "command_line": "QemuCommandLine default_machine make_command_line refuse_terminal"
            " split_options takes_argument",
            "discovery": "CONNECTS FoundMonitor FoundProcess find_addresses find_processes",
            "monitors": "AGENT HUMAN QMP Monitor find_monitors machine_name program_name",
            "process": "OutputReader Qemu find_program start_qemu",
            "runtime_dir": "PictureDirectory RuntimeDirectory make_runtime_directory",
        },
    )
