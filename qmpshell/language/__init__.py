"""The lines that users type: tokens, syntax, values and evaluation. Pure."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .evaluate import *
    from .keyval import *
    from .lines import *
    from .stray_words import *
    from .suggest import *
    from .syntax import *
    from .tokens import *
    from .values import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "evaluate": (
                "MISSING_DRIVER MISSING_FILE MISSING_OBJECT MISSING_SCHEMA MISSING_SECRET"
                " USE_JSON Introspection Missing MissingError Properties PropertyType action_members"
                " evaluate_command evaluate_line evaluate_raw feature_notes find_error"
                " plain_blanks shown_value wrong_value"
            ),
            "keyval": (
                "DASHED_OPTIONS OLD_SYNTAX OPTION_NAMES find_syntax_mistake option_command"
                " parse_options pieces"
            ),
            "lines": "MAX_TYPED LineAssembler LogicalLine SourceLine is_transcript prompt_width",
            "stray_words": "StrayWordError is_human_option option_hint",
            "suggest": (
                "DID_YOU_MEAN edit_distance error_hint folded_name missing_parameter"
                " names_a_parameter nearest_name suggestion_for"
            ),
            "syntax": (
                "EXIT_COMMANDS INHERITED Action Command CommandItem FileWord Item Line"
                " ParsedLine Part RawCommand RawItem Redirect ShellCommand ShellCommandItem"
                " TransactionItem Tree arguments build_tree command_item parse parse_key raw_item"
                " unquote"
            ),
            "tokens": (
                "BLANKS HUMAN KEY NAME OBJECT PIPE QUOTED SHELL_COMMAND TEXT VALUE VIEWS WATCH WORD Token"
                " shell_command_name tokenize"
            ),
            "values": (
                "Argument JsonLeaf JsonTree Value has_typographic_quotes no_members read_json"
                " shortened unquoted without_typographic_quotes"
            ),
        },
    )
