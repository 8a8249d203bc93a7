"""The lines for cron and systemd, and what their readers make of odd paths."""

from __future__ import annotations

import shlex

import pytest

from slocheck.core.timetable import cron_line, timetable, unit_command


def test_the_everyday_case():
    text = timetable(["/home/ann/shop/.venv/bin/slocheck"], "/home/ann/shop", ["--env-file", ".env"])
    line = "* * * * * cd /home/ann/shop && /home/ann/shop/.venv/bin/slocheck -q --env-file .env run --due"
    assert line in text.splitlines()
    for setting in (
        "Type=oneshot", "WorkingDirectory=/home/ann/shop", "OnCalendar=*:0/1", "AccuracySec=1s", "Persistent=false",
        "ExecStart=/home/ann/shop/.venv/bin/slocheck -q --env-file .env run --due", "SuccessExitStatus=1",
    ):
        assert setting in text.splitlines()
    assert 'heartbeat: "${HEALTHCHECKS_URL}"' in text


@pytest.mark.parametrize("folder", ["/srv/my shop", "/srv/it's", "/srv/100%", "/srv/$HOME", "/srv/a;b"])
def test_a_crontab_gives_the_shell_exactly_this_folder(folder):
    line = cron_line(["/x/slocheck", "run"], folder)
    command = line.removeprefix("* * * * * ").replace("\\%", "%")  # crontab(5): a bare % would end the command here
    assert line.count("%") == line.count("\\%") == folder.count("%")
    assert shlex.split(command) == ["cd", folder, "&&", "/x/slocheck", "run"]


@pytest.mark.parametrize(("words", "line"), [
    (["/x/slocheck", "run"], "/x/slocheck run"), (["/my venv/slocheck", "run"], '"/my venv/slocheck" run'),
    (["/100%/slocheck"], "/100%%/slocheck"), (["/$HOME/slocheck"], "/$$HOME/slocheck"), (['/a"b/slocheck'], '"/a\\"b/slocheck"'),
])
def test_systemd_reads_each_word_as_it_is(words, line):
    assert unit_command(words) == line


def test_a_folder_with_a_percent_sign_is_no_specifier():
    assert "WorkingDirectory=/srv/100%%" in timetable(["/x"], "/srv/100%").splitlines()
