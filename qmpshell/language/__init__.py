"""The lines that users type: tokens, syntax, values and evaluation. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .evaluate import (
        MISSING_DRIVER as MISSING_DRIVER,
        MISSING_OBJECT as MISSING_OBJECT,
        MISSING_SCHEMA as MISSING_SCHEMA,
        MISSING_SECRET as MISSING_SECRET,
        Facts as Facts,
        Need as Need,
        Properties as Properties,
        PropertyType as PropertyType,
        action_members as action_members,
        no_file as no_file,
        read as read,
        read_command as read_command,
        read_json as read_json,
        read_raw as read_raw,
        scalar as scalar,
        split_human as split_human,
    )
    from .keyval import (
        OLD_SYNTAX as OLD_SYNTAX,
        OPTION_NAMES as OPTION_NAMES,
        option_command as option_command,
        pieces as pieces,
        read_keyval as read_keyval,
        read_options as read_options,
    )
    from .lines import (
        LineAssembler as LineAssembler,
        LogicalLine as LogicalLine,
        Source as Source,
        prompt_width as prompt_width,
    )
    from .suggest import fold as fold, hint_for as hint_for, nearest as nearest
    from .syntax import (
        LEAVING as LEAVING,
        Action as Action,
        Argument as Argument,
        Command as Command,
        CommandItem as CommandItem,
        Destination as Destination,
        FileWord as FileWord,
        Item as Item,
        Line as Line,
        LocalCommand as LocalCommand,
        LocalItem as LocalItem,
        Plan as Plan,
        RawCommand as RawCommand,
        RawItem as RawItem,
        TransactionItem as TransactionItem,
        arguments as arguments,
        command_item as command_item,
        key_parts as key_parts,
        parse as parse,
        unquote as unquote,
    )
    from .tokens import (
        COMPOUND as COMPOUND,
        HUMAN as HUMAN,
        KEY as KEY,
        LOCAL as LOCAL,
        NAME as NAME,
        OBJECT as OBJECT,
        OPEN as OPEN,
        OPERATOR as OPERATOR,
        PIPE as PIPE,
        QUOTED as QUOTED,
        SEPARATOR as SEPARATOR,
        TEXT as TEXT,
        VALUE as VALUE,
        WORD as WORD,
        Token as Token,
        tokenize as tokenize,
        tokenize_human as tokenize_human,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "evaluate": "Facts MISSING_DRIVER MISSING_OBJECT MISSING_SCHEMA MISSING_SECRET Need Properties PropertyType action_members no_file read read_command read_json read_raw scalar split_human",
            "keyval": "OLD_SYNTAX OPTION_NAMES option_command pieces read_keyval read_options",
            "lines": "LineAssembler LogicalLine Source prompt_width",
            "suggest": "fold hint_for nearest",
            "syntax": "Action Argument Command CommandItem Destination FileWord Item LEAVING Line LocalCommand LocalItem Plan RawCommand RawItem TransactionItem arguments command_item key_parts parse unquote",
            "tokens": "COMPOUND HUMAN KEY LOCAL NAME OBJECT OPEN OPERATOR PIPE QUOTED SEPARATOR TEXT Token VALUE WORD tokenize tokenize_human",
        },
    )
