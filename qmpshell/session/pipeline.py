"""Several queries of a line, of which a few are in flight at any time."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..qmp import Reply
    from .connection import RequestSender
    from .lines import LineQueue, Task
    from .requests import Request
    from .steps import QueryAll


# QEMU stops reading commands, also out of band, after QMP_REQ_QUEUE_LEN_MAX (8).
_MAX_IN_FLIGHT = 4


def start_pipeline(task: Task, step: QueryAll, sender: RequestSender, lines: LineQueue) -> None:
    """Send the queries of a step, and resume its line with the replies in order.

    The line is resumed with None if a query gets no reply. Nothing more is sent for a line that does
    not run any more. The queries of a live view do not block other lines.
    """
    background = lines.view_task is task
    replies: list[Reply | None] = [None] * len(step.queries)
    in_flight: dict[int, Request | None] = {}
    sent = answered = 0

    def send_next() -> None:
        nonlocal sent
        number, sent = sent, sent + 1
        query = step.queries[number]
        in_flight[number] = sender.query(
            query.name,
            query.arguments,
            lambda reply: on_reply(number, reply),
            background=background,
        )

    def on_reply(number: int, reply: Reply | None) -> None:
        nonlocal answered
        answered += 1
        replies[number] = reply
        in_flight.pop(number, None)
        if reply is None:
            for request in in_flight.values():
                if request is not None:
                    request.abandoned = True
            task.resume(step, None)
        elif answered == len(replies):
            task.resume(step, replies)
        elif sent < len(replies) and task.blocked_on is step and lines.contains(task):
            send_next()

    if not replies:
        task.resume(step, replies)
    while sent < min(_MAX_IN_FLIGHT, len(replies)) and task.blocked_on is step:
        send_next()
