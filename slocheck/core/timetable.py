"""The lines that start slocheck every minute, for cron and for systemd, with absolute paths. Pure.

Sources: crontab(5) (`%` ends the command unless it is escaped), systemd.service(5) and systemd.unit(5) (`%` and `$` are
doubled, words with spaces are quoted).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence


def timetable(program: Sequence[str], folder: str, options: Sequence[str] = ()) -> str:
    """`program` is how slocheck is called here, `folder` where the suite is, `options` those before the command."""
    words = [*program, "-q", *options, "run", "--due"]
    return f"""\
# cron: add this line with `crontab -e`. A good run says nothing, so cron mails only trouble.
{cron_line(words, folder)}

# Or systemd, without root. ~/.config/systemd/user/slocheck.service:
[Unit]
Description=slocheck, what is due now

[Service]
Type=oneshot
WorkingDirectory={folder.replace("%", "%%")}
ExecStart={unit_command(words)}
# A bad check (exit 1) is news about the target and no failure of this unit.
SuccessExitStatus=1

# ~/.config/systemd/user/slocheck.timer:
[Timer]
OnCalendar=*:0/1
# The default accuracy is a whole minute.
AccuracySec=1s
# A probe that was missed is worth nothing later.
Persistent=false

[Install]
WantedBy=timers.target

# Then: systemctl --user enable --now slocheck.timer && loginctl enable-linger

# Who watches the watcher? Give the suite an address that is called after each run, and misses it when it does not come:
# heartbeat: "${{HEALTHCHECKS_URL}}"
"""


def cron_line(words: Sequence[str], folder: str) -> str:
    """One line of a crontab: every minute, in that folder."""
    return "* * * * * " + f"cd {shlex.quote(folder)} && {shlex.join(words)}".replace("%", "\\%")


def unit_command(words: Sequence[str]) -> str:
    """The value of ExecStart."""
    return " ".join(map(_unit_word, words))


def _unit_word(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(c in word for c in " \t'\"\\;") else escaped
