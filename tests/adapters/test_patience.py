"""Work that never ends is given up, and leaves nothing behind."""

from __future__ import annotations

import re
import signal
import threading

import pytest

from slocheck.adapters.patience import TooLongError, bounded


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("(a+)+b", "a" * 40), (r"\s+$", " " * 300_000 + "x"), (r"(a|a)*b", "a" * 40), (r"^(\w+\s?)*$", "word " * 20 + "!")],
    ids=["nested", "quadratic", "alternatives", "words"],
)
def test_a_pattern_that_runs_away_is_given_up(pattern, text):
    with pytest.raises(TooLongError), bounded(0.02):
        re.search(pattern, text)


def test_a_search_in_pure_python_is_given_up_too():
    with pytest.raises(TooLongError), bounded(0.02):
        sum(1 for _ in iter(int, 1))


def test_what_ends_in_time_is_left_alone_and_so_is_the_signal():
    before = signal.getsignal(signal.SIGVTALRM)
    with bounded(5):
        assert re.search(r"(\d+,)*\d+$", "1,2,3")
    assert signal.getsignal(signal.SIGVTALRM) is before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_an_error_inside_passes_and_the_timer_is_off():
    with pytest.raises(KeyError), bounded(5):
        raise KeyError
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_other_threads_run_unbounded():
    done = []

    def work():
        with bounded(0.000001):
            done.append(sum(range(100_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
