"""Addresses and the byte streams behind them."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .address import (
        Address as Address,
        DeviceAddress as DeviceAddress,
        ExecAddress as ExecAddress,
        FdAddress as FdAddress,
        TcpAddress as TcpAddress,
        UnixAddress as UnixAddress,
        VsockAddress as VsockAddress,
        WebsocketAddress as WebsocketAddress,
        is_word as is_word,
        make_address as make_address,
        parse_address as parse_address,
        resolve_address as resolve_address,
        target_hint as target_hint,
    )
    from .connect import accept_one as accept_one, connect_with_retries as connect_with_retries
    from .sockets import Listener as Listener, open_stream as open_stream
    from .stream import SocketStream as SocketStream, Stream as Stream
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "address": "Address DeviceAddress ExecAddress FdAddress TcpAddress UnixAddress VsockAddress WebsocketAddress is_word make_address parse_address resolve_address target_hint",
            "connect": "accept_one connect_with_retries",
            "sockets": "Listener open_stream",
            "stream": "SocketStream Stream",
        },
    )
