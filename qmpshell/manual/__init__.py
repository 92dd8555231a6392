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
        read_title as read_title,
    )
    from .find import (
        AGENT as AGENT,
        QEMU as QEMU,
        STORAGE_DAEMON as STORAGE_DAEMON,
        Library as Library,
        Manual as Manual,
        find_page as find_page,
        folders as folders,
        page_of as page_of,
    )
    from .help_pages import Articles as Articles, type_text as type_text
    from .reference import Reference as Reference, untold_type as untold_type
    from .roff import literal as literal, read as read, spans as spans
    from .search import Found as Found, beginning as beginning, search_manual as search_manual
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "entries": "COMMAND ENUM EVENT Entry first_sentence read_title",
            "find": "AGENT Library Manual QEMU STORAGE_DAEMON find_page folders page_of",
            "help_pages": "Articles type_text",
            "reference": "Reference untold_type",
            "roff": "literal read spans",
            "search": "Found beginning search_manual",
        },
    )
