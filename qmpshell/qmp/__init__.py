"""The protocol and facts about QEMU: JSON, framing, messages, handshakes and the schema. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .agent import (
        LIST_COMMANDS as LIST_COMMANDS,
        SILENT as SILENT,
        AgentProtocol as AgentProtocol,
    )
    from .agent_schema import load_agent_schema as load_agent_schema
    from .aliases import meant_by as meant_by
    from .framing import Framer as Framer
    from .hmp import (
        chosen_cpu as chosen_cpu,
        failed as failed,
        human_command as human_command,
        human_text as human_text,
    )
    from .json import (
        LITERAL as LITERAL,
        QEMU as QEMU,
        SERVER as SERVER,
        TOO_LARGE as TOO_LARGE,
        Dialect as Dialect,
        JsonError as JsonError,
        JsonReader as JsonReader,
        decode as decode,
        decode_strict as decode_strict,
        encode as encode,
        encode_scalar as encode_scalar,
        json_number as json_number,
        json_string as json_string,
    )
    from .messages import (
        Event as Event,
        Foreign as Foreign,
        Garbage as Garbage,
        Greeting as Greeting,
        Item as Item,
        Message as Message,
        Reply as Reply,
        command_object as command_object,
        encode_message as encode_message,
    )
    from .negotiation import (
        GREETING as GREETING,
        NEGOTIATING as NEGOTIATING,
        READY as READY,
        REFUSED as REFUSED,
        QmpProtocol as QmpProtocol,
    )
    from .scalars import (
        is_ambiguous as is_ambiguous,
        property_kind as property_kind,
        read_any as read_any,
        read_bool as read_bool,
        read_int as read_int,
        read_number as read_number,
        read_property as read_property,
    )
    from .schema import (
        CommandInfo as CommandInfo,
        EventInfo as EventInfo,
        Member as Member,
        Schema as Schema,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "agent": "AgentProtocol LIST_COMMANDS SILENT",
            "agent_schema": "load_agent_schema",
            "aliases": "meant_by",
            "framing": "Framer",
            "hmp": "chosen_cpu failed human_command human_text",
            "json": "Dialect JsonError JsonReader LITERAL QEMU SERVER TOO_LARGE decode decode_strict encode encode_scalar json_number json_string",
            "messages": "Event Foreign Garbage Greeting Item Message Reply command_object encode_message",
            "negotiation": "GREETING NEGOTIATING QmpProtocol READY REFUSED",
            "scalars": "is_ambiguous property_kind read_any read_bool read_int read_number read_property",
            "schema": "CommandInfo EventInfo Member Schema",
        },
    )
