"""Help from the schema and the installed manual pages. Pure, except for `find`."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .entries import *
    from .find import *
    from .help_pages import *
    from .reference import *
    from .roff import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "entries": "COMMAND ENUM EVENT Entry first_sentence parse_title",
            "find": "AGENT QEMU STORAGE_DAEMON Manual ManualCache find_page manual_directories page_of",
            "help_pages": "HelpPages type_text",
            "reference": (
                "Descriptions Found Reference inferred_type names_starting_with search_manual"
            ),
            "roff": "literal parse_page spans",
        },
    )
