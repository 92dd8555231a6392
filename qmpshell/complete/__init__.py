"""Completion, signatures and diagnostics for the line at the cursor. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .completer import *
    from .diagnostics import *
    from .hmp import *
    from .hmp_tables import *
    from .live_names import *
    from .members import *
    from .ranking import *
    from .signature import *
    from .sources import *
    from .target import *
    from .types import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "completer": "complete complete_program",
            "diagnostics": (
                "accepts_empty_object find_event_mistake find_mistyped_names find_rejections"
            ),
            "hmp": (
                "INFO HmpCatalogue HmpCommand Parameter choices_after complete_hmp hmp_line"
                " is_flag parse_catalogue parse_parameters"
            ),
            "hmp_tables": "parse_buses parse_drivers parse_netdevs",
            "live_names": (
                "AnsweredNames DRIVERS DRIVERS_HELP FLAT_NODES JOBS NETWORK OBJECTS TREE LiveQuery"
                " may_change names_of_kind properties_query queries_for stale_after_event"
            ),
            "members": "find_kind",
            "ranking": "DIRECTORY OTHER REGULAR_FILE SOCKET Candidate rank",
            "signature": "CURRENT GIVEN REQUIRED Signature describe shrink wrap",
            "sources": "CompletionSources LiveName NameQuery",
            "target": "COMMAND KEY VALUE argument_context find_target logical_line",
            "types": "TypeResolver",
        },
    )
