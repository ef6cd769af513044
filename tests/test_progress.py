import io
import logging
import re
import sys
import time

import pytest

from tronrec import progress
from tronrec.progress import BYTES, Progress, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def log(monkeypatch, caplog, capsys):
    """The log of a process without a terminal, where lines come quickly."""
    monkeypatch.setattr(progress, "SECONDS", 0.02)
    caplog.set_level(logging.INFO, "tronrec")
    return caplog


def wait_for_lines(log, number: int) -> None:
    deadline = time.monotonic() + 10
    while len(log.messages) < number and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_log_tells_share_rate_and_time_left(log, capsys):
    with Progress("epoch 1/10", 200, "steps") as shown:
        shown.update(50)
        wait_for_lines(log, 2)
    line = r"epoch 1/10: 25% of 200 steps, [\d,.]+ steps a second, 00:0\d left"
    assert re.fullmatch(line, log.messages[0])
    assert not capsys.readouterr().err


def test_work_that_does_not_move_is_not_silent(log):
    with Progress("epoch 1/10", 200, "steps"):
        wait_for_lines(log, 2)
    assert log.messages[1] == "epoch 1/10: 0% of 200 steps, none in the last 00:00"


def test_no_line_comes_after_the_end(log):
    with pytest.raises(ZeroDivisionError), Progress("a", 2, "steps"):
        1 / 0  # noqa: B018
    said = len(log.messages)
    time.sleep(0.1)
    assert len(log.messages) == said


def test_short_work_is_not_mentioned(monkeypatch, caplog):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    caplog.set_level(logging.INFO, "tronrec")
    assert list(track("ab", "letters", 2, "letters")) == ["a", "b"]
    assert not caplog.messages


def test_a_terminal_has_a_bar_and_no_lines(monkeypatch, caplog):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "SECONDS", 0.01)
    with Progress("evaluation", 4, "events") as shown:
        shown.reach(3)
        time.sleep(0.05)
        shown.update()
    assert "evaluation: 100%" in sys.stderr.getvalue()
    assert not caplog.messages


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_hidden_work_shows_nothing(monkeypatch, caplog, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "SECONDS", 0.01)
    with Progress("evaluation", 4, "events", shown=False) as shown:
        shown.update(3)
        time.sleep(0.05)
    assert not stream.getvalue()
    assert not caplog.messages


@pytest.mark.parametrize(
    ("total", "unit", "before", "done", "line"),
    [
        (1_000, "steps", 0, 250, "25% of 1,000 steps, 25 steps a second, 00:30 left"),
        (9, "trials", 0, 3, "33% of 9 trials, 0.30 trials a second, 00:20 left"),
        (9, "trials", 6, 8, "89% of 9 trials, 0.20 trials a second, 00:05 left"),
        (None, "trials", 6, 8, "8 trials, 0.20 trials a second"),
        (4_000_000, BYTES, 0, 10**6, "25% of 4.00MB, 100kB a second, 00:30 left"),
        (0, "clicks", 0, 0, "0 clicks, none in the last 00:10"),
    ],
)
def test_after_ten_seconds(total, unit, before, done, line):
    shown = Progress("x", total, unit, done=before, shown=False)
    shown.reach(done)
    assert shown.describe(10) == f"x: {line}"
