"""Help from the schema and the installed manual pages. Pure, except for `find`."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .entries import (
        COMMAND as COMMAND,
        ENUM as ENUM,
        EVENT as EVENT,
        Entry as Entry,
        first_sentence as first_sentence,
        parse_title as parse_title,
    )
    from .find import (
        AGENT as AGENT,
        QEMU as QEMU,
        STORAGE_DAEMON as STORAGE_DAEMON,
        Manual as Manual,
        ManualCache as ManualCache,
        find_page as find_page,
        folders as folders,
        page_of as page_of,
    )
    from .help_pages import HelpPages as HelpPages
    from .members import type_text as type_text
    from .reference import (
        Descriptions as Descriptions,
        Reference as Reference,
        inferred_type as inferred_type,
    )
    from .roff import literal as literal, parse_page as parse_page, spans as spans
    from .search import (
        Found as Found,
        names_starting_with as names_starting_with,
        search_manual as search_manual,
    )
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "entries": "COMMAND ENUM EVENT Entry first_sentence parse_title",
            "find": "AGENT ManualCache Manual QEMU STORAGE_DAEMON find_page folders page_of",
            "help_pages": "HelpPages",
            "members": "type_text",
            "reference": "Descriptions Reference inferred_type",
            "roff": "literal parse_page spans",
            "search": "Found names_starting_with search_manual",
        },
    )
