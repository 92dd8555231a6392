"""Addresses and the byte streams behind them."""

from .. import export_lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .address import *
    from .background import *
    from .connect import *
    from .foreground import *
    from .listen import *
    from .peer import *
    from .stream import *
else:
    __getattr__, __dir__ = export_lazily(
        __name__,
        {
            "address": (
                "Address Credentials DeviceAddress ExecAddress FdAddress TcpAddress UnixAddress"
                " VsockAddress is_clear_text is_on is_word make_address parse_address"
                " read_option resolve_address split_commas target_hint with_credentials"
            ),
            "background": "DescriptorWatch Timer connect_in_background run_in_thread wait_for_any",
            "connect": "connect_with_retries inspect_server open_stream wake_server",
            "foreground": (
                "BACKGROUND_SIGNALS ChildGroup CleanupOnSignal hold_signals set_foreground"
                " signal_group"
            ),
            "listen": "Listener",
            "peer": (
                "CONNECTED LISTENING Peer Process TcpSocket UnixSocket address_with explain_delay"
                " explain_mismatch find_peer is_websocket read_links read_tcp_sockets"
                " read_unix_sockets socket_inode"
            ),
            "stream": "SocketStream Stream",
        },
    )
