"""Random lines never make the parsers fail."""

from __future__ import annotations

import contextlib
import random

import pytest
from prompt_toolkit.document import Document

from qmpshell.complete import complete, describe, logical_line
from qmpshell.errors import LineError
from qmpshell.language import Introspection, evaluate_line
from qmpshell.storage import redact_entry
from qmpshell.terminal import LineLexer
from tests.harness.completion import known
from tests.harness.evaluation import no_file
from tests.harness.schemas import SYSTEMS

from .test_random_keys import WORDS

_KNOWN = known(SYSTEMS[-1])


@pytest.mark.parametrize("seed", range(4))
def test_random_words_are_parsed(seed: int) -> None:
    chosen = random.Random(seed)
    for _ in range(500):
        words = chosen.choices(WORDS, k=chosen.randrange(1, 9))
        text = "".join(chosen.choice(("", "", " ", "\n")) + word for word in words)
        line, cursor = logical_line(text, chosen.randrange(len(text) + 1))
        complete(line, cursor, _KNOWN)
        describe(line, cursor, _KNOWN)
        LineLexer().lex_document(Document(text))(0)
        redact_entry(text, human=False)
        with contextlib.suppress(LineError):
            evaluate_line(text, Introspection(read_file=no_file))


def test_empty_word_after_a_redirect_is_parsed() -> None:
    text = "file.\n/watch query-statusnode-name= > out x\\;\\"
    describe(*logical_line(text, 45), _KNOWN)
