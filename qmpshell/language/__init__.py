"""The lines that users type: tokens, syntax, values and evaluation. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .evaluate import (
        MISSING_DRIVER as MISSING_DRIVER,
        MISSING_FILE as MISSING_FILE,
        MISSING_OBJECT as MISSING_OBJECT,
        MISSING_SCHEMA as MISSING_SCHEMA,
        MISSING_SECRET as MISSING_SECRET,
        FileNeededError as FileNeededError,
        Introspection as Introspection,
        Missing as Missing,
        Properties as Properties,
        PropertyType as PropertyType,
        action_members as action_members,
        evaluate_command as evaluate_command,
        evaluate_line as evaluate_line,
        evaluate_raw as evaluate_raw,
        no_file as no_file,
        parse_scalar as parse_scalar,
        read_json as read_json,
        shown_value as shown_value,
        split_hmp_line as split_hmp_line,
        wrong_value as wrong_value,
    )
    from .keyval import (
        OLD_SYNTAX as OLD_SYNTAX,
        OPTION_NAMES as OPTION_NAMES,
        option_command as option_command,
        parse_device_options as parse_device_options,
        parse_keyval as parse_keyval,
        pieces as pieces,
    )
    from .lines import (
        LineAssembler as LineAssembler,
        LogicalLine as LogicalLine,
        SourceLine as SourceLine,
        prompt_width as prompt_width,
    )
    from .suggest import (
        folded_name as folded_name,
        nearest_name as nearest_name,
        suggestion_for as suggestion_for,
    )
    from .syntax import (
        BOTH_KINDS as BOTH_KINDS,
        EXIT_COMMANDS as EXIT_COMMANDS,
        REPEATED as REPEATED,
        Action as Action,
        Argument as Argument,
        Command as Command,
        CommandItem as CommandItem,
        FileWord as FileWord,
        Item as Item,
        Line as Line,
        ParsedLine as ParsedLine,
        Part as Part,
        RawCommand as RawCommand,
        RawItem as RawItem,
        Redirect as Redirect,
        ShellCommand as ShellCommand,
        ShellCommandItem as ShellCommandItem,
        TransactionItem as TransactionItem,
        Tree as Tree,
        arguments as arguments,
        command_item as command_item,
        key_parts as key_parts,
        parse as parse,
        stray_word as stray_word,
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
        tokenize_hmp as tokenize_hmp,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "evaluate": "FileNeededError Introspection MISSING_DRIVER MISSING_FILE MISSING_OBJECT MISSING_SCHEMA MISSING_SECRET Missing Properties PropertyType action_members no_file evaluate_line evaluate_command read_json evaluate_raw parse_scalar split_hmp_line shown_value wrong_value",
            "keyval": "OLD_SYNTAX OPTION_NAMES option_command pieces parse_keyval parse_device_options",
            "lines": "LineAssembler LogicalLine SourceLine prompt_width",
            "suggest": "folded_name suggestion_for nearest_name",
            "syntax": "BOTH_KINDS REPEATED Action Argument Command CommandItem Redirect FileWord Item EXIT_COMMANDS Line ShellCommand ShellCommandItem ParsedLine RawCommand RawItem TransactionItem arguments command_item key_parts Part Tree parse stray_word unquote",
            "tokens": "COMPOUND HUMAN KEY LOCAL NAME OBJECT OPEN OPERATOR PIPE QUOTED SEPARATOR TEXT Token VALUE WORD tokenize tokenize_hmp",
        },
    )
