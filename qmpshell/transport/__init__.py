"""Addresses and the byte streams behind them."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .address import (
        Address as Address,
        FdAddress as FdAddress,
        TcpAddress as TcpAddress,
        UnixAddress as UnixAddress,
        is_word as is_word,
        parse_address as parse_address,
        resolve as resolve,
        target_hint as target_hint,
    )
    from .connect import accept_one as accept_one, open_patiently as open_patiently
    from .sockets import Listener as Listener, open_stream as open_stream
    from .stream import SocketStream as SocketStream, Stream as Stream
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "address": "Address FdAddress TcpAddress UnixAddress is_word parse_address resolve target_hint",
            "connect": "accept_one open_patiently",
            "sockets": "Listener open_stream",
            "stream": "SocketStream Stream",
        },
    )
