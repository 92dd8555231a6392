"""Completion, signatures and diagnostics for the line at the cursor. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .completer import complete as complete, complete_program as complete_program
    from .diagnostics import (
        find_event_mistake as find_event_mistake,
        find_mistyped_names as find_mistyped_names,
        find_rejections as find_rejections,
    )
    from .hmp import (
        INFO as INFO,
        HmpCatalogue as HmpCatalogue,
        HmpCommand as HmpCommand,
        Parameter as Parameter,
        choices_after as choices_after,
        complete_hmp as complete_hmp,
        hmp_line as hmp_line,
        is_flag as is_flag,
        parse_catalogue as parse_catalogue,
        parse_parameters as parse_parameters,
    )
    from .hmp_tables import (
        parse_buses as parse_buses,
        parse_drivers as parse_drivers,
        parse_netdevs as parse_netdevs,
    )
    from .live_answers import AnsweredNames as AnsweredNames, names_of_kind as names_of_kind
    from .live_queries import (
        DRIVERS as DRIVERS,
        DRIVERS_HELP as DRIVERS_HELP,
        FLAT_NODES as FLAT_NODES,
        JOBS as JOBS,
        NETWORK as NETWORK,
        OBJECTS as OBJECTS,
        TREE as TREE,
        LiveQuery as LiveQuery,
        may_change as may_change,
        queries_for as queries_for,
        stale_after_event as stale_after_event,
    )
    from .members import find_kind as find_kind
    from .ranking import (
        DIRECTORY as DIRECTORY,
        OTHER as OTHER,
        REGULAR_FILE as REGULAR_FILE,
        SOCKET as SOCKET,
        Candidate as Candidate,
        rank as rank,
    )
    from .signature import (
        CURRENT as CURRENT,
        GIVEN as GIVEN,
        REQUIRED as REQUIRED,
        Signature as Signature,
        describe as describe,
        shrink as shrink,
        wrap as wrap,
    )
    from .sources import (
        CompletionSources as CompletionSources,
        LiveName as LiveName,
        NameQuery as NameQuery,
    )
    from .target import (
        COMMAND as COMMAND,
        KEY as KEY,
        VALUE as VALUE,
        argument_context as argument_context,
        find_target as find_target,
        logical_line as logical_line,
    )
    from .types import TypeResolver as TypeResolver
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "members": "find_kind",
            "completer": "complete complete_program",
            "diagnostics": "find_event_mistake find_mistyped_names find_rejections",
            "hmp": "HmpCatalogue HmpCommand INFO Parameter choices_after complete_hmp hmp_line is_flag parse_catalogue parse_parameters",
            "hmp_tables": "parse_buses parse_drivers parse_netdevs",
            "live_answers": "AnsweredNames names_of_kind",
            "live_queries": "DRIVERS DRIVERS_HELP FLAT_NODES JOBS NETWORK OBJECTS LiveQuery TREE stale_after_event may_change queries_for",
            "ranking": "Candidate DIRECTORY OTHER REGULAR_FILE SOCKET rank",
            "signature": "CURRENT GIVEN REQUIRED Signature describe shrink wrap",
            "sources": "CompletionSources LiveName NameQuery",
            "target": "COMMAND KEY VALUE find_target logical_line argument_context",
            "types": "TypeResolver",
        },
    )
