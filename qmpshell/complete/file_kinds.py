"""What the names in a folder are.

Owns: those words, which menus show. Must not know: how it is found out, where files are offered.
"""

from __future__ import annotations

FOLDER = "folder"
FILE = "file"
SOCKET = "socket"
OTHER = "device or pipe"
