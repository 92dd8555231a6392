"""The user's files: settings, history and log, with secrets removed."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config import (
        Configuration as Configuration,
        configuration_path as configuration_path,
        read_configuration as read_configuration,
    )
    from .history import (
        HistoryError as HistoryError,
        HistoryFile as HistoryFile,
        history_path as history_path,
        showable as showable,
    )
    from .log import RECEIVED as RECEIVED, SENT as SENT, Log as Log, LogError as LogError
    from .paths import state_folder as state_folder
    from .redact import (
        Secrets as Secrets,
        blanked as blanked,
        human_spans as human_spans,
        is_secret_name as is_secret_name,
        redact_command as redact_command,
        redact_reply as redact_reply,
        secret_spans as secret_spans,
        sent_text as sent_text,
    )
    from .redact_lines import redact_entry as redact_entry, redact_line as redact_line
    from .settings import (
        COMPACT as COMPACT,
        CONFIRM as CONFIRM,
        EVENT_MODES as EVENT_MODES,
        EVENTS_INLINE as EVENTS_INLINE,
        EVENTS_NONE as EVENTS_NONE,
        EVENTS_STDERR as EVENTS_STDERR,
        MUTED as MUTED,
        OPTIONS as OPTIONS,
        OWN_STYLES as OWN_STYLES,
        PRETTY as PRETTY,
        SHOWN as SHOWN,
        VI as VI,
        Option as Option,
        OptionError as OptionError,
        Settings as Settings,
        adjust_events as adjust_events,
        apply as apply,
        check_style as check_style,
        event_place as event_place,
        parse_events as parse_events,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "config": "Configuration configuration_path read_configuration",
            "history": "HistoryError HistoryFile history_path showable",
            "log": "Log LogError RECEIVED SENT",
            "paths": "state_folder",
            "redact": "Secrets blanked human_spans is_secret_name redact_command redact_reply secret_spans sent_text",
            "redact_lines": "redact_entry redact_line",
            "settings": "COMPACT CONFIRM EVENTS_INLINE EVENTS_NONE EVENTS_STDERR EVENT_MODES MUTED OPTIONS OWN_STYLES Option OptionError PRETTY SHOWN Settings VI adjust_events apply check_style event_place parse_events",
        },
    )
