"""What is written and read: output, redirects, settings, history and log; redaction of secrets."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config import (
        OWN_STYLES as OWN_STYLES,
        SETTINGS as SETTINGS,
        Configuration as Configuration,
        Setting as Setting,
        SettingError as SettingError,
        apply_settings as apply_settings,
        check_style as check_style,
        config_path as config_path,
        read_config as read_config,
    )
    from .files import (
        FileReader as FileReader,
        open_for_writing as open_for_writing,
        read_or_open as read_or_open,
    )
    from .history import (
        HistoryError as HistoryError,
        HistoryFile as HistoryFile,
        escape_entry as escape_entry,
        history_path as history_path,
    )
    from .log import RECEIVED as RECEIVED, SENT as SENT, Log as Log, LogError as LogError
    from .output import (
        LONGEST_WAIT as LONGEST_WAIT,
        Output as Output,
        poll_events as poll_events,
        wait_for as wait_for,
        write_to_stderr as write_to_stderr,
    )
    from .paths import state_directory as state_directory
    from .redact import (
        MessageRedactor as MessageRedactor,
        Secrets as Secrets,
        blank_spans as blank_spans,
        hmp_secret_spans as hmp_secret_spans,
        redact_command as redact_command,
        redact_reply as redact_reply,
        redact_text as redact_text,
        redact_unexpected as redact_unexpected,
        secret_spans as secret_spans,
    )
    from .redact_lines import (
        hidden_spans as hidden_spans,
        redact_entry as redact_entry,
        redact_line as redact_line,
        sent_text as sent_text,
        without_spans as without_spans,
    )
    from .redirect import RedirectTarget as RedirectTarget
    from .secret_names import (
        is_secret_name as is_secret_name,
        is_secret_property as is_secret_property,
        is_secret_type as is_secret_type,
    )
    from .settings import (
        BLOCKS as BLOCKS,
        COMPACT as COMPACT,
        CONFIRM as CONFIRM,
        EVENT_MODES as EVENT_MODES,
        EVENTS_INLINE as EVENTS_INLINE,
        EVENTS_NONE as EVENTS_NONE,
        EVENTS_STDERR as EVENTS_STDERR,
        FLAT as FLAT,
        KITTY as KITTY,
        MUTED as MUTED,
        PRETTY as PRETTY,
        SHOWN as SHOWN,
        SIXEL as SIXEL,
        VI as VI,
        VIEW_JSON as VIEW_JSON,
        VIEW_TABLE as VIEW_TABLE,
        Settings as Settings,
        adjust_events as adjust_events,
        event_place as event_place,
        parse_events as parse_events,
    )
    from .threads import (
        BackgroundCall as BackgroundCall,
        FileWriter as FileWriter,
        call_in_thread as call_in_thread,
        write_all as write_all,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "config": "OWN_STYLES SETTINGS Setting SettingError apply_settings check_style Configuration config_path read_config",
            "files": "FileReader open_for_writing read_or_open",
            "history": "HistoryError HistoryFile history_path escape_entry",
            "log": "Log LogError RECEIVED SENT",
            "output": "LONGEST_WAIT Output poll_events wait_for write_to_stderr",
            "paths": "state_directory",
            "redact": "MessageRedactor Secrets blank_spans hmp_secret_spans redact_command redact_reply redact_text redact_unexpected secret_spans",
            "redact_lines": "hidden_spans redact_entry redact_line sent_text without_spans",
            "redirect": "RedirectTarget",
            "secret_names": "is_secret_name is_secret_property is_secret_type",
            "settings": "BLOCKS COMPACT CONFIRM KITTY EVENTS_INLINE EVENTS_NONE EVENTS_STDERR EVENT_MODES FLAT MUTED PRETTY SHOWN SIXEL Settings VI VIEW_JSON VIEW_TABLE adjust_events event_place parse_events",
            "threads": "BackgroundCall FileWriter call_in_thread write_all",
        },
    )
