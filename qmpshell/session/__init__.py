"""One session with a server, without I/O: lines and messages in, effects out. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .commands.arguments import *
    from .commands.jobs import *
    from .commands.registry import *
    from .commands.watch import *
    from .connection import *
    from .effects import *
    from .input import *
    from .live_cache import *
    from .ports import *
    from .raw import *
    from .requests import *
    from .server import *
    from .session import *
    from .steps import *
    from .vm import *
    from .waits import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "commands.arguments": "find_command find_mistake",
            "commands.jobs": "JobsWatch",
            "commands.registry": "COMMANDS",
            "commands.watch": "ScreenWatch Watch",
            "connection": (
                "CONNECTED UNCONNECTED ConnectionState explain_garbage explain_peer"
                " explain_quiet_agent explain_silence"
            ),
            "effects": (
                "PNG PPM CloseRedirect Confirm Connect Effect Exit FileStep OpenFile"
                " OpenRedirect QueryResult ReadFile ReadSecret Ready Restart Send ShowAnswer"
                " ShowBytes ShowCommand ShowDocument ShowEvent ShowMessage ShowPicture ShowReply"
                " ShowResult ShowUnexpected StopFile TryConnect"
            ),
            "input": "LineInput ScriptLines note_skipped",
            "live_cache": "LIVE HmpCatalogueLoader LiveCache",
            "ports": "Ports",
            "raw": "RawSession",
            "requests": (
                "PreparedLine Request confirmation_question echoes is_shell_line make_hmp_request"
                " make_request prepare prepare_hmp unknown_command_name"
            ),
            "server": "command_names_in disabled_in",
            "session": "Session",
            "steps": "Step",
            "vm": "Job Jobs MigrationWait VmState",
            "waits": "EventWait JobWait Wait",
        },
    )
