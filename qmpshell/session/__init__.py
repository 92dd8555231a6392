"""One session, without I/O: what comes from the user and the server, to what is to be done."""

from .core import Session

__all__ = ["Session"]
