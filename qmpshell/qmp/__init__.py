"""The protocol and facts about QEMU: JSON, framing, messages, handshakes and the schema. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .agent import *
    from .agent_schema import *
    from .commands import *
    from .framing import *
    from .hmp import *
    from .json import *
    from .keys import *
    from .messages import *
    from .negotiation import *
    from .qom import *
    from .references import *
    from .scalars import *
    from .schema import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "agent": "LIST_COMMANDS AgentProtocol",
            "agent_schema": "load_agent_schema",
            "commands": (
                "AGENT_PREFIX COMMANDS DEVICE_ADD DEVICE_ADD_ARGUMENTS ERROR_STATES NO_MIGRATION"
                " QOM_SET RUNNING RUN_STATES RUN_STATE_EVENTS command_facts expand_driver_alias"
                " main_argument option_command_name qmp_name"
            ),
            "framing": "Framer",
            "hmp": "failed hmp_command hmp_text selected_cpu",
            "json": (
                "LITERAL QEMU SERVER TOO_LARGE Dialect JsonError JsonReader as_text decode"
                " decode_strict encode encode_scalar json_number json_string"
            ),
            "keys": "key_names keys_for keys_for_name split_combination",
            "messages": (
                "Event Greeting Item Malformed Message NotQmp Reply command_object"
                " encode_message is_too_deep"
            ),
            "negotiation": (
                "GREETING GREETING_TIMEOUT INSPECTION_DELAY MIN_GREETING_WAIT NEGOTIATING READY"
                " REFUSED SILENCE_DELAY SILENT_SUCCESS_DELAY QmpProtocol"
            ),
            "qom": (
                "QOM_LIST_GET QomProperty clean_path join_path natural_key parse_properties"
                " relation_type split_property"
            ),
            "references": "Reference linked_kind load_references",
            "scalars": (
                "is_ambiguous parse_any parse_bool parse_int parse_number parse_property"
                " parse_integers parse_scalar property_kind"
            ),
            "schema": "NO_SCHEMA WARNED_FEATURES CommandInfo EventInfo Member Schema dicts",
        },
    )
