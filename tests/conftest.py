"""Fixtures for all tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest


@pytest.fixture
def count_lines() -> Callable[[Callable[[], object]], int]:
    """A function that runs another and returns how many lines of Python that took."""

    def count(run: Callable[[], object]) -> int:
        total = 0

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal total
            total += event == "line"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            run()
        finally:
            sys.settrace(before)
        return total

    return count
