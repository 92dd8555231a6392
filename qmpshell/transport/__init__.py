"""Addresses and the byte streams behind them."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .address import (
        Address as Address,
        Credentials as Credentials,
        DeviceAddress as DeviceAddress,
        ExecAddress as ExecAddress,
        FdAddress as FdAddress,
        TcpAddress as TcpAddress,
        UnixAddress as UnixAddress,
        VsockAddress as VsockAddress,
        is_clear_text as is_clear_text,
        is_word as is_word,
        make_address as make_address,
        parse_address as parse_address,
        resolve_address as resolve_address,
        target_hint as target_hint,
        with_credentials as with_credentials,
    )
    from .background import (
        connect_in_background as connect_in_background,
        run_in_thread as run_in_thread,
    )
    from .connect import (
        connect_with_retries as connect_with_retries,
        inspect_server as inspect_server,
        open_stream as open_stream,
        wake_server as wake_server,
    )
    from .foreground import (
        BACKGROUND_SIGNALS as BACKGROUND_SIGNALS,
        CleanupOnSignal as CleanupOnSignal,
        ForegroundChild as ForegroundChild,
        end_group as end_group,
        hold_signals as hold_signals,
        run_in_foreground as run_in_foreground,
        set_foreground as set_foreground,
        signal_group as signal_group,
    )
    from .listen import Listener as Listener
    from .peer import (
        Peer as Peer,
        Process as Process,
        address_with as address_with,
        explain_delay as explain_delay,
        explain_mismatch as explain_mismatch,
        is_websocket as is_websocket,
    )
    from .proc import (
        CONNECTED as CONNECTED,
        LISTENING as LISTENING,
        TcpSocket as TcpSocket,
        UnixSocket as UnixSocket,
        find_peer as find_peer,
        read_links as read_links,
        read_tcp_sockets as read_tcp_sockets,
        read_unix_sockets as read_unix_sockets,
        socket_inode as socket_inode,
    )
    from .stream import SocketStream as SocketStream, Stream as Stream
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "address": "Address Credentials DeviceAddress ExecAddress FdAddress TcpAddress UnixAddress VsockAddress is_clear_text is_word make_address parse_address resolve_address target_hint with_credentials",
            "background": "connect_in_background run_in_thread",
            "connect": "connect_with_retries inspect_server open_stream wake_server",
            "foreground": "BACKGROUND_SIGNALS CleanupOnSignal ForegroundChild end_group hold_signals run_in_foreground set_foreground signal_group",
            "listen": "Listener",
            "peer": "Peer Process address_with explain_delay explain_mismatch is_websocket",
            "proc": "CONNECTED LISTENING TcpSocket UnixSocket find_peer read_links read_tcp_sockets read_unix_sockets socket_inode",
            "stream": "SocketStream Stream",
        },
    )
