"""The protocol and facts about QEMU: JSON, framing, messages, handshakes and the schema. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .agent import (
        LIST_COMMANDS as LIST_COMMANDS,
        AgentProtocol as AgentProtocol,
    )
    from .agent_schema import load_agent_schema as load_agent_schema
    from .commands import (
        COMMANDS as COMMANDS,
        DEVICE_ADD as DEVICE_ADD,
        DEVICE_ADD_ARGUMENTS as DEVICE_ADD_ARGUMENTS,
        ERROR_STATES as ERROR_STATES,
        NO_MIGRATION as NO_MIGRATION,
        QOM_SET as QOM_SET,
        RUN_STATE_EVENTS as RUN_STATE_EVENTS,
        RUN_STATES as RUN_STATES,
        RUNNING as RUNNING,
        command_facts as command_facts,
        expand_driver_alias as expand_driver_alias,
        main_argument as main_argument,
        option_command_name as option_command_name,
        qmp_name as qmp_name,
    )
    from .framing import Framer as Framer
    from .hmp import (
        failed as failed,
        hmp_command as hmp_command,
        hmp_text as hmp_text,
        selected_cpu as selected_cpu,
    )
    from .json import (
        LITERAL as LITERAL,
        QEMU as QEMU,
        SERVER as SERVER,
        TOO_LARGE as TOO_LARGE,
        Dialect as Dialect,
        JsonError as JsonError,
        JsonReader as JsonReader,
        as_text as as_text,
        decode as decode,
        decode_strict as decode_strict,
        encode as encode,
        encode_scalar as encode_scalar,
        json_number as json_number,
        json_string as json_string,
    )
    from .keys import (
        key_names as key_names,
        keys_for as keys_for,
        keys_for_name as keys_for_name,
        split_combination as split_combination,
    )
    from .messages import (
        Event as Event,
        Greeting as Greeting,
        Item as Item,
        Malformed as Malformed,
        Message as Message,
        NotQmp as NotQmp,
        Reply as Reply,
        command_object as command_object,
        encode_message as encode_message,
        is_too_deep as is_too_deep,
    )
    from .negotiation import (
        GREETING as GREETING,
        NEGOTIATING as NEGOTIATING,
        READY as READY,
        REFUSED as REFUSED,
        QmpProtocol as QmpProtocol,
    )
    from .qom import (
        QOM_LIST_GET as QOM_LIST_GET,
        QomProperty as QomProperty,
        clean_path as clean_path,
        join_path as join_path,
        natural_key as natural_key,
        parse_properties as parse_properties,
        relation_type as relation_type,
        split_property as split_property,
    )
    from .references import (
        Reference as Reference,
        linked_kind as linked_kind,
        load_references as load_references,
    )
    from .scalars import (
        is_ambiguous as is_ambiguous,
        parse_any as parse_any,
        parse_bool as parse_bool,
        parse_int as parse_int,
        parse_number as parse_number,
        parse_property as parse_property,
        parse_scalar as parse_scalar,
        property_kind as property_kind,
    )
    from .schema import (
        WARNED_FEATURES as WARNED_FEATURES,
        CommandInfo as CommandInfo,
        EventInfo as EventInfo,
        Member as Member,
        Schema as Schema,
        dicts as dicts,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "agent": "AgentProtocol LIST_COMMANDS",
            "agent_schema": "load_agent_schema",
            "commands": "COMMANDS DEVICE_ADD DEVICE_ADD_ARGUMENTS ERROR_STATES NO_MIGRATION QOM_SET RUN_STATE_EVENTS RUN_STATES RUNNING command_facts expand_driver_alias main_argument option_command_name qmp_name",
            "framing": "Framer",
            "hmp": "selected_cpu failed hmp_command hmp_text",
            "json": "Dialect JsonError JsonReader LITERAL QEMU SERVER TOO_LARGE as_text decode decode_strict encode encode_scalar json_number json_string",
            "keys": "key_names keys_for keys_for_name split_combination",
            "messages": "Event NotQmp Malformed Greeting Item Message Reply command_object encode_message is_too_deep",
            "negotiation": "GREETING NEGOTIATING QmpProtocol READY REFUSED",
            "qom": "QOM_LIST_GET QomProperty clean_path join_path natural_key parse_properties relation_type split_property",
            "references": "Reference linked_kind load_references",
            "scalars": "is_ambiguous property_kind parse_any parse_bool parse_int parse_number parse_property parse_scalar",
            "schema": "CommandInfo EventInfo Member Schema WARNED_FEATURES dicts",
        },
    )
