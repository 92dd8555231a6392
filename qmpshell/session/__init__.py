"""One session with a server, without I/O: lines and messages in, effects out. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .commands.arguments import mistake as mistake
    from .commands.registry import COMMANDS as COMMANDS, find as find
    from .connection import (
        CONNECTED as CONNECTED,
        UNCONNECTED as UNCONNECTED,
        explain_garbage as explain_garbage,
        explain_silence as explain_silence,
    )
    from .effects import (
        Ask as Ask,
        AskSecret as AskSecret,
        Connect as Connect,
        Divert as Divert,
        Effect as Effect,
        Finish as Finish,
        Greeted as Greeted,
        Learned as Learned,
        Leave as Leave,
        Page as Page,
        Send as Send,
        ShowBytes as ShowBytes,
        ShowCommand as ShowCommand,
        ShowEvent as ShowEvent,
        ShowReply as ShowReply,
        ShowStray as ShowStray,
        Tell as Tell,
    )
    from .execute import disabled_in as disabled_in, names_in as names_in
    from .input import LineInput as LineInput, ScriptLines as ScriptLines
    from .live_names import LIVE as LIVE, CatalogueLoader as CatalogueLoader, LiveCache as LiveCache
    from .ports import Ports as Ports
    from .raw import RawSession as RawSession
    from .requests import (
        Prepared as Prepared,
        Request as Request,
        destroys as destroys,
        make_human_request as make_human_request,
        make_request as make_request,
        mistaken_name as mistaken_name,
        prepare as prepare,
        prepare_human as prepare_human,
    )
    from .session import Session as Session
    from .vm import RUNNING as RUNNING, Job as Job, Jobs as Jobs, Machine as Machine
    from .waits import (
        EventWait as EventWait,
        JobsWatch as JobsWatch,
        JobWait as JobWait,
        Wait as Wait,
        Watch as Watch,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "commands.arguments": "mistake",
            "commands.registry": "COMMANDS find",
            "connection": "CONNECTED UNCONNECTED explain_garbage explain_silence",
            "effects": "Ask AskSecret Connect Divert Effect Finish Greeted Learned Leave Page Send ShowBytes ShowCommand ShowEvent ShowReply ShowStray Tell",
            "execute": "disabled_in names_in",
            "input": "LineInput ScriptLines",
            "live_names": "CatalogueLoader LIVE LiveCache",
            "ports": "Ports",
            "raw": "RawSession",
            "requests": "Prepared Request destroys make_human_request make_request mistaken_name prepare prepare_human",
            "session": "Session",
            "vm": "Job Jobs Machine RUNNING",
            "waits": "EventWait JobWait JobsWatch Wait Watch",
        },
    )
