"""A QEMU that qmpshell starts: its command line, its directory and its process."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .command_line import *
    from .monitors import *
    from .process import *
    from .runtime_dir import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "command_line": (
                "QemuCommandLine default_machine make_command_line refuse_terminal"
                " split_options takes_argument"
            ),
            "monitors": (
                "AGENT CONNECTS HUMAN QMP FoundMonitor FoundProcess find_addresses find_monitors"
                " find_processes machine_name program_name"
            ),
            "process": "ChildServer OutputReader Qemu",
            "runtime_dir": "PictureDirectory make_runtime_directory",
        },
    )
