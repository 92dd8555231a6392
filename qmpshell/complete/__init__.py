"""Completion, signatures and diagnostics for the line at the cursor. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .completer import complete as complete
    from .hmp import (
        INFO as INFO,
        Catalogue as Catalogue,
        HumanCommand as HumanCommand,
        Parameter as Parameter,
        choices_after as choices_after,
        complete_human as complete_human,
        human_line as human_line,
        is_flag as is_flag,
        read_catalogue as read_catalogue,
        read_parameters as read_parameters,
    )
    from .hmp_tables import (
        read_buses as read_buses,
        read_drivers as read_drivers,
        read_netdevs as read_netdevs,
    )
    from .live_answers import names as names
    from .live_queries import (
        DRIVERS as DRIVERS,
        DRIVERS_HELP as DRIVERS_HELP,
        FLAT_NODES as FLAT_NODES,
        JOBS as JOBS,
        NETWORK as NETWORK,
        OBJECTS as OBJECTS,
        TREE as TREE,
        Question as Question,
        doubted_by_event as doubted_by_event,
        may_change as may_change,
        questions as questions,
    )
    from .ranking import (
        DIRECTORY as DIRECTORY,
        OTHER as OTHER,
        REGULAR_FILE as REGULAR_FILE,
        SOCKET as SOCKET,
        Candidate as Candidate,
        rank as rank,
    )
    from .references import (
        AUDIODEV as AUDIODEV,
        BITMAP as BITMAP,
        BLOCK_DEVICE as BLOCK_DEVICE,
        BLOCK_QDEV as BLOCK_QDEV,
        BUS as BUS,
        CAN_BUS as CAN_BUS,
        CHAIN as CHAIN,
        CHAIN_FILE as CHAIN_FILE,
        CHARDEV as CHARDEV,
        CPU_MODEL as CPU_MODEL,
        CRYPTODEV as CRYPTODEV,
        DEVICE_DRIVER as DEVICE_DRIVER,
        DEVICE_PROPERTY as DEVICE_PROPERTY,
        DISPLAY as DISPLAY,
        EXPORT as EXPORT,
        FILE as FILE,
        HUMAN_COMMAND as HUMAN_COMMAND,
        IOMMUFD as IOMMUFD,
        IOTHREAD as IOTHREAD,
        JOB as JOB,
        MEMORY_BACKEND as MEMORY_BACKEND,
        NETDEV as NETDEV,
        NODE as NODE,
        OBJECT as OBJECT,
        PR_MANAGER as PR_MANAGER,
        QDEV as QDEV,
        QOM_CHILD as QOM_CHILD,
        QOM_PATH as QOM_PATH,
        QOM_PROPERTY as QOM_PROPERTY,
        QOM_TYPE as QOM_TYPE,
        RNG as RNG,
        SECRET_OBJECT as SECRET_OBJECT,
        SNAPSHOT as SNAPSHOT,
        THROTTLE_GROUP as THROTTLE_GROUP,
        TLS_AUTHZ as TLS_AUTHZ,
        TLS_CREDS as TLS_CREDS,
        TPMDEV as TPMDEV,
        Live as Live,
        LiveName as LiveName,
        find_kind as find_kind,
        read_table as read_table,
    )
    from .signature import (
        CURRENT as CURRENT,
        GIVEN as GIVEN,
        REQUIRED as REQUIRED,
        Signature as Signature,
        describe as describe,
        fit as fit,
        wrap as wrap,
    )
    from .sources import Known as Known
    from .target import (
        COMMAND as COMMAND,
        KEY as KEY,
        VALUE as VALUE,
        find_context as find_context,
        logical_line as logical_line,
        read_arguments as read_arguments,
    )
    from .types import DEVICE_ADD as DEVICE_ADD, Shapes as Shapes
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "completer": "complete",
            "hmp": "Catalogue HumanCommand INFO Parameter choices_after complete_human human_line is_flag read_catalogue read_parameters",
            "hmp_tables": "read_buses read_drivers read_netdevs",
            "live_answers": "names",
            "live_queries": "DRIVERS DRIVERS_HELP FLAT_NODES JOBS NETWORK OBJECTS Question TREE doubted_by_event may_change questions",
            "ranking": "Candidate DIRECTORY OTHER REGULAR_FILE SOCKET rank",
            "references": "AUDIODEV BITMAP BLOCK_DEVICE BLOCK_QDEV BUS CAN_BUS CHAIN CHAIN_FILE CHARDEV CPU_MODEL CRYPTODEV DEVICE_DRIVER DEVICE_PROPERTY DISPLAY EXPORT FILE HUMAN_COMMAND IOMMUFD IOTHREAD JOB Live LiveName MEMORY_BACKEND NETDEV NODE OBJECT PR_MANAGER QDEV QOM_CHILD QOM_PATH QOM_PROPERTY QOM_TYPE RNG SECRET_OBJECT SNAPSHOT THROTTLE_GROUP TLS_AUTHZ TLS_CREDS TPMDEV find_kind read_table",
            "signature": "CURRENT GIVEN REQUIRED Signature describe fit wrap",
            "sources": "Known",
            "target": "COMMAND KEY VALUE find_context logical_line read_arguments",
            "types": "DEVICE_ADD Shapes",
        },
    )
