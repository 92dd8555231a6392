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
        feature_notes as feature_notes,
        find_error as find_error,
        plain_blanks as plain_blanks,
        shown_value as shown_value,
        wrong_value as wrong_value,
    )
    from .keyval import (
        OLD_SYNTAX as OLD_SYNTAX,
        OPTION_NAMES as OPTION_NAMES,
        option_command as option_command,
        parse_options as parse_options,
        pieces as pieces,
    )
    from .lines import (
        MAX_TYPED as MAX_TYPED,
        LineAssembler as LineAssembler,
        LogicalLine as LogicalLine,
        SourceLine as SourceLine,
        is_transcript as is_transcript,
        prompt_width as prompt_width,
    )
    from .suggest import (
        DID_YOU_MEAN as DID_YOU_MEAN,
        edit_distance as edit_distance,
        error_hint as error_hint,
        folded_name as folded_name,
        names_a_parameter as names_a_parameter,
        nearest_name as nearest_name,
        suggestion_for as suggestion_for,
    )
    from .syntax import (
        EXIT_COMMANDS as EXIT_COMMANDS,
        INHERITED as INHERITED,
        Action as Action,
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
        StrayWordError as StrayWordError,
        TransactionItem as TransactionItem,
        Tree as Tree,
        arguments as arguments,
        build_tree as build_tree,
        command_item as command_item,
        parse as parse,
        parse_key as parse_key,
        raw_item as raw_item,
        shortened as shortened,
        unquote as unquote,
    )
    from .tokens import (
        BLANKS as BLANKS,
        HUMAN as HUMAN,
        KEY as KEY,
        LOCAL as LOCAL,
        NAME as NAME,
        OBJECT as OBJECT,
        PIPE as PIPE,
        QUOTED as QUOTED,
        TEXT as TEXT,
        VALUE as VALUE,
        VIEWS as VIEWS,
        WORD as WORD,
        Token as Token,
        shell_command_name as shell_command_name,
        tokenize as tokenize,
    )
    from .values import (
        Argument as Argument,
        JsonLeaf as JsonLeaf,
        JsonTree as JsonTree,
        Value as Value,
        no_members as no_members,
        unquoted as unquoted,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "evaluate": "FileNeededError Introspection MISSING_DRIVER MISSING_FILE MISSING_OBJECT MISSING_SCHEMA MISSING_SECRET Missing Properties PropertyType action_members evaluate_line evaluate_command evaluate_raw feature_notes find_error plain_blanks shown_value wrong_value",
            "keyval": "OLD_SYNTAX OPTION_NAMES option_command pieces parse_options",
            "lines": "LineAssembler LogicalLine MAX_TYPED SourceLine is_transcript prompt_width",
            "suggest": "DID_YOU_MEAN edit_distance error_hint folded_name names_a_parameter nearest_name suggestion_for",
            "syntax": "INHERITED StrayWordError shortened Action Command CommandItem Redirect FileWord Item EXIT_COMMANDS Line ShellCommand ShellCommandItem ParsedLine RawCommand RawItem TransactionItem arguments command_item Part Tree build_tree parse parse_key raw_item unquote",
            "tokens": "BLANKS HUMAN KEY LOCAL NAME OBJECT PIPE QUOTED TEXT Token VALUE VIEWS WORD shell_command_name tokenize",
            "values": "Argument JsonLeaf JsonTree Value no_members unquoted",
        },
    )
