"""What is written and read: output, redirects, settings, history and log; redaction of secrets."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config import *
    from .files import *
    from .history import *
    from .log import *
    from .output import *
    from .redact import *
    from .redact_lines import *
    from .redirect import *
    from .secret_names import *
    from .settings import *
    from .threads import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "config": (
                "OWN_STYLES SETTINGS Configuration Setting SettingError apply_settings"
                " check_style read_config"
            ),
            "files": "FileReader config_path open_for_writing read_or_open state_directory",
            "history": "HistoryError HistoryFile escape_entry history_path",
            "log": "Log LogError",
            "output": "LONGEST_WAIT Output poll_events wait_for write_to_stderr",
            "redact": (
                "MessageRedactor Secrets hmp_secret_spans redact_command redact_spans"
                " redact_reply redact_text redact_unexpected secret_spans"
            ),
            "redact_lines": "hidden_spans redact_entry redact_line sent_text without_spans",
            "redirect": "RedirectTarget",
            "secret_names": "is_secret_name is_secret_property is_secret_type",
            "settings": (
                "BLOCKS COMPACT CONFIRM EVENTS_INLINE EVENTS_NONE EVENTS_STDERR EVENT_MODES"
                " FLAT KITTY MUTED PRETTY SHOWN SIXEL VI VIEW_JSON VIEW_TABLE Settings"
                " adjust_events event_place parse_events"
            ),
            "threads": "BackgroundCall FileWriter call_in_thread",
        },
    )
