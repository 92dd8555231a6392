"""One session with a server, without I/O: lines and messages in, effects out. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .commands.arguments import find_mistake as find_mistake
    from .commands.registry import COMMANDS as COMMANDS, find_command as find_command
    from .connection import (
        CONNECTED as CONNECTED,
        UNCONNECTED as UNCONNECTED,
        ConnectionState as ConnectionState,
        explain_garbage as explain_garbage,
        explain_peer as explain_peer,
        explain_quiet_agent as explain_quiet_agent,
        explain_silence as explain_silence,
    )
    from .effects import (
        PNG as PNG,
        PPM as PPM,
        CloseRedirect as CloseRedirect,
        Confirm as Confirm,
        Connect as Connect,
        Effect as Effect,
        Exit as Exit,
        FileStep as FileStep,
        OpenFile as OpenFile,
        OpenRedirect as OpenRedirect,
        QueryResult as QueryResult,
        ReadFile as ReadFile,
        ReadSecret as ReadSecret,
        Ready as Ready,
        Restart as Restart,
        Send as Send,
        ShowAnswer as ShowAnswer,
        ShowBytes as ShowBytes,
        ShowCommand as ShowCommand,
        ShowDocument as ShowDocument,
        ShowEvent as ShowEvent,
        ShowMessage as ShowMessage,
        ShowPicture as ShowPicture,
        ShowReply as ShowReply,
        ShowResult as ShowResult,
        ShowUnexpected as ShowUnexpected,
        StopFile as StopFile,
        TryConnect as TryConnect,
    )
    from .input import (
        LineInput as LineInput,
        ScriptLines as ScriptLines,
        note_skipped as note_skipped,
    )
    from .live_names import (
        LIVE as LIVE,
        HmpCatalogueLoader as HmpCatalogueLoader,
        LiveCache as LiveCache,
    )
    from .live_views import (
        JobsWatch as JobsWatch,
        ScreenWatch as ScreenWatch,
        Watch as Watch,
    )
    from .migration import MigrationWait as MigrationWait
    from .ports import Ports as Ports
    from .raw import RawSession as RawSession
    from .requests import (
        PreparedLine as PreparedLine,
        Request as Request,
        confirmation_question as confirmation_question,
        is_shell_line as is_shell_line,
        make_hmp_request as make_hmp_request,
        make_request as make_request,
        prepare as prepare,
        prepare_hmp as prepare_hmp,
        unknown_command_name as unknown_command_name,
    )
    from .server import disabled_in as disabled_in, names_in as names_in
    from .session import Session as Session
    from .steps import Step as Step
    from .vm import Job as Job, Jobs as Jobs, VmState as VmState
    from .waits import EventWait as EventWait, JobWait as JobWait, Wait as Wait
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "commands.arguments": "find_mistake",
            "commands.registry": "COMMANDS find_command",
            "connection": "CONNECTED UNCONNECTED ConnectionState explain_garbage explain_peer explain_quiet_agent explain_silence",
            "effects": "PNG PPM ShowPicture Confirm OpenFile ReadFile ReadSecret StopFile Connect OpenRedirect Effect CloseRedirect Ready QueryResult Restart Exit FileStep ShowDocument Send ShowAnswer ShowBytes ShowCommand ShowEvent ShowReply ShowResult ShowUnexpected ShowMessage TryConnect",
            "server": "disabled_in names_in",
            "input": "LineInput ScriptLines note_skipped",
            "live_names": "HmpCatalogueLoader LIVE LiveCache",
            "ports": "Ports",
            "raw": "RawSession",
            "requests": "PreparedLine Request confirmation_question is_shell_line make_hmp_request make_request unknown_command_name prepare prepare_hmp",
            "session": "Session",
            "vm": "Job Jobs VmState",
            "migration": "MigrationWait",
            "live_views": "JobsWatch ScreenWatch Watch",
            "steps": "Step",
            "waits": "EventWait JobWait Wait",
        },
    )
