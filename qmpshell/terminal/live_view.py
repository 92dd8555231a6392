"""The live views of /watch and /jobs below the prompt. All text from the server is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prompt_toolkit.utils import get_cwidth

from ..qmp import Reply, encode_scalar, hmp_text
from ..render import (
    escape,
    escape_lines,
    format_document,
    mark_changes,
    mark_words,
    overlay_changes,
    percent,
    progress_bar,
    style_json,
    utf8_string,
)
from ..session import Job, JobsWatch, ScreenWatch, ShowDocument, ShowReply, Wait, Watch
from . import styles
from .formatter import clip, clip_lines, format_elapsed, meanings_of
from .pictures import PictureFormatter
from .styles import Fragments

_TITLE = f"class:{styles.PANEL_TITLE}"
_CHANGED = f"class:{styles.CHANGED}"
_CELLS = 20
_NARROW = 60  # columns


class LiveView:
    """Formats live views. `unicode` is false for ASCII terminals. `pictures` formats the VM's screen."""

    def __init__(self, *, unicode: bool, pictures: PictureFormatter | None = None) -> None:
        self._pictures = pictures
        self._string = utf8_string if unicode else encode_scalar
        self._unicode = unicode
        self._more = "…" if unicode else "..."

    def rows(self, wait: Wait, *, columns: int, rows: int) -> list[Fragments]:
        """Return at most `rows` rows, none wider than `columns`."""
        body: Iterable[Fragments] = ()
        if isinstance(wait, Watch):
            title = f"{escape(wait.text)}: every {wait.interval:g} s"
            if wait.shown is not None:
                title += f", {format_elapsed(wait.elapsed)}"
            if not isinstance(wait, ScreenWatch):
                body = self._watch(wait, columns, rows)
            elif wait.picture is not None and self._pictures is not None:
                body = self._pictures.rows(wait.picture, columns=columns, rows=rows - 1)
        elif isinstance(wait, JobsWatch):
            title = "jobs"
            body = self._jobs(wait, columns)
        else:
            return []
        return [
            [(_TITLE, clip(f"{title}; Ctrl-C stops", columns))],
            *self._cut(body, columns, rows - 1),
        ]

    def _cut(self, body: Iterable[Fragments], columns: int, rows: int) -> list[Fragments]:
        shown: list[Fragments] = []
        for row in body:
            if len(shown) == rows:
                shown[-1:] = [[(f"class:{styles.MORE}", clip(f"{self._more} more", columns))]]
                break
            shown.append(row)
        return shown

    def _watch(self, watch: Watch, columns: int, rows: int) -> Iterable[Fragments]:
        shown = watch.shown
        if isinstance(shown, ShowDocument):
            return clip_lines(_document(shown, watch.before, columns, rows), columns)
        return () if shown is None else clip_lines(self._reply(watch, shown, columns), columns)

    def _reply(self, watch: Watch, shown: ShowReply, columns: int) -> Iterator[tuple[str, str]]:
        reply = shown.reply
        if reply.is_error:
            yield f"class:{styles.ERROR}", escape(f"{reply.error_class}: {reply.desc}")
            return
        before = watch.before
        after = reply.value.get("return")
        old = before.value.get("return") if isinstance(before, Reply) else after
        if shown.request.text is not None:
            texts = (escape_lines(hmp_text(item or "")) for item in (old, after))
            for text, changed in mark_words(*texts):
                yield (_CHANGED if changed else ""), text
            return
        from ..render.views.numbers import NO_MEANING  # the first prompt does not need it

        meanings = meanings_of(shown.request, default=NO_MEANING)
        pieces = style_json(watch.value, width=columns, string=self._string, meanings=meanings)
        for style, text, changed in mark_changes(pieces, old, after):
            name = f"class:{styles.json_style(style)}"
            yield (f"{name} {_CHANGED}" if changed else name), text

    def _jobs(self, watch: JobsWatch, columns: int) -> Iterator[Fragments]:
        jobs = list(watch.jobs.all.values())
        labels = [clip(escape(job.id), columns // 3) for job in jobs]
        widest = max(map(get_cwidth, labels), default=0)
        for job, label in zip(jobs, labels, strict=True):
            gap = " " * (widest - get_cwidth(label))
            text = f"{label}{gap}  {self._job(job, columns)} {watch.advice(job)}"
            yield [("", clip(text.rstrip(), columns))]

    def _job(self, job: Job, columns: int) -> str:
        is_wide = columns >= _NARROW
        text = f"{escape(job.kind) or '?':14} " if is_wide else ""
        text += f"{escape(job.status):10}"
        if job.total > 0:
            if is_wide:
                drawn = progress_bar(job.current, job.total, cells=_CELLS, unicode=self._unicode)
                text += f" {drawn}"
            text += f" {percent(job.current, job.total):3} %"
        return f"{text} {escape(job.error)}".rstrip()


def _document(
    shown: ShowDocument, before: object, columns: int, rows: int
) -> Iterator[tuple[str, str]]:
    """Yield the first rows of a document, with marks where it differs from the one before."""
    pieces = list(_head(format_document(shown.blocks, width=columns, measure=get_cwidth), rows))
    text = "".join(text for _, text in pieces)
    old = text
    if isinstance(before, ShowDocument):
        head = format_document(before.blocks, width=columns, measure=get_cwidth)
        old = "".join(text for _, text in head)
    for style, part, changed in overlay_changes(pieces, mark_words(old, text)):
        name = f"class:{styles.help_style(style)}" if style else ""
        yield (f"{name} {_CHANGED}" if changed else name), part


def _head(pieces: Iterable[tuple[str, str]], rows: int) -> Iterator[tuple[str, str]]:
    for piece in pieces:
        yield piece
        rows -= piece[1].count("\n")
        if rows < 0:
            return


def fill_row(row: Fragments, columns: int) -> Fragments:
    """Return the row, filled to full width, without the reverse video of the toolbar."""
    ground = f"class:{styles.PANEL}"
    room = columns - sum(get_cwidth(text) for _, text in row)
    return [*((f"{ground} {style}", text) for style, text in row), (ground, " " * max(room, 0))]
