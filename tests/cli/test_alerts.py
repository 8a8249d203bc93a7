"""`slocheck alerts`: what is open, what was not delivered, the drill, and dead messages again."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from slocheck.cli.alerts import command
from slocheck.cli.context import App
from slocheck.core.errors import UserError
from slocheck.core.model import Alert, AlertState, Check, Delivery, Destination, Event, Suite
from slocheck.core.units import parse_instant
from slocheck.store.sqlite import open_store
from tests.notify.services import Post, mailbox, webhook
from tests.target import slocheck
from tests.target import suite as write_suite

NOW = parse_instant("2026-11-22T11:08:00Z")


class Desk(App):
    """The command line's surroundings without files: a suite, a store in memory, and a clock that stands."""

    def __init__(self, **urls):
        super().__init__()
        check = Check(name="catalogue", kind="endpoint", every=timedelta(seconds=60), timeout=timedelta(seconds=10), options=None)
        self._suite = Suite(
            name="shop-api", checks=(check,), destinations=tuple(Destination(name=n, url=u, on=("page",)) for n, u in urls.items()),
        )
        self._store = open_store(":memory:")
        self._now_ms = NOW

    def run(self, *args, code=0):
        done = CliRunner().invoke(command, list(args), obj=self, catch_exceptions=True)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.stdout

    def message(self, number, *, error="", is_final=False, retry_after_ms=None):
        """A row of the outbox, tried once if there is an error."""
        event = Event(
            key=f"{number:02}" * 32, suite="shop-api", subject=f"c{number}", rule="failure", episode=f"e{number}", transition="firing",
            word="TICKET", on="ticket", at_ms=NOW - 1000, data={"what": "GET / answers 503", "since_ms": NOW - 60_000},
        )
        self._store.commit([], [(event, ("oncall",))], now_ms=NOW - 1000)
        if error:
            (claimed,) = self._store.claim_messages(now_ms=NOW - 1000, lease_ms=1)
            delivery = Delivery(id=claimed.id, is_sent=False, error=error, is_final=is_final, retry_after_ms=retry_after_ms)
            self._store.settle([delivery], now_ms=NOW)


@pytest.fixture
def desk():
    made = []

    def make(**urls):
        made.append(Desk(**urls))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def post(monkeypatch):
    return Post(monkeypatch)


# --- list ----------------------------------------------------------------------------------------------------------


def test_a_quiet_suite_says_so(desk):
    assert desk().run("list") == "no episode is open\nevery message was delivered\n"


def test_open_episodes_and_undelivered_messages_are_listed(desk):
    it = desk(oncall="json://h/")
    it._store.commit([
        Alert(subject="catalogue", rule="failure", state=AlertState.FIRING, severity="ticket", episode="01A", since_ms=NOW - 26 * 60_000,
              data={"what": "GET /videos answers 503, expected 200", "told": True}),
        Alert(subject="checkout", rule="failure", state=AlertState.FIRING, severity="ticket", episode="01B", since_ms=NOW - 60_000,
              data={"what": "is bad", "roof": "catalogue"}),
        Alert(subject="orders", rule="failure", state=AlertState.PENDING, since_ms=NOW),
        Alert(subject="home", rule="failure"),
    ], [], now_ms=NOW)
    it.message(1, error="Connection refused", retry_after_ms=120_000)
    it.message(2, error="its URL is not valid", is_final=True)
    assert it.run("list") == """\
open episodes: 2
  TICKET catalogue
    since 10:42 UTC (26 min): GET /videos answers 503, expected 200
  TICKET checkout
    since 11:07 UTC (1 min): is bad; told with catalogue
messages not delivered: 2
  1 oncall: pending, 1 attempt, next not before 11:10 UTC
    TICKET c1 (shop-api): GET / answers 503; bad since 11:07 UTC
    last error: Connection refused
  2 oncall: dead, 1 attempt
    TICKET c2 (shop-api): GET / answers 503; bad since 11:07 UTC
    last error: its URL is not valid
dead messages are not tried again by themselves; mend the cause, then: slocheck alerts retry
"""


def test_the_list_as_json(desk):
    it = desk(oncall="json://h/")
    it._store.commit([Alert(subject="cert", rule="warn:x", state=AlertState.FIRING, severity="warn", episode="01A", since_ms=NOW, data={"what": "w"})],
                     [], now_ms=NOW)
    it.message(1)
    record = json.loads(it.run("list", "--format", "json"))
    assert record["schema_version"] == 1
    assert record["episodes"] == [{
        "subject": "cert", "rule": "warn:x", "state": "firing", "severity": "warn", "episode": "01A", "since": "2026-11-22T11:08:00.000Z",
        "what": "w", "told_with": None, "checks": [],
    }]
    (message,) = record["messages"]
    assert (message["destination"], message["state"], message["attempts"], message["last_error"]) == ("oncall", "pending", 0, None)
    assert message["key"] == "01" * 32


# --- test ----------------------------------------------------------------------------------------------------------


def test_a_drill_reaches_every_destination_twice_whatever_it_subscribes_to(desk):
    with webhook() as hook, mailbox() as box:
        out = desk(oncall=hook.url(), team=box.url).run("test")
        assert out == "oncall: accepted both messages\nteam: accepted both messages\n"
        assert [t.split(": ")[0] for t in hook.titles] == ["DRILL oncall (shop-api)", "RESOLVED oncall (shop-api)"]
        assert [m["Subject"].split(" (")[0] for m in box.mails] == ["DRILL team", "RESOLVED team"]
        assert len({*hook.keys, *(m["X-Slocheck-Key"] for m in box.mails)}) == 4


def test_a_drill_to_one_destination_leaves_the_others_alone(desk, post):
    assert desk(oncall="json://h/", team="json://h/").run("test", "oncall") == "oncall: accepted both messages\n"
    assert [(p.destination, p.title.split()[0]) for p in post.parcels] == [("oncall", "DRILL"), ("oncall", "RESOLVED")]


def test_a_drill_that_is_not_accepted_is_exit_1_with_the_reason_and_stays_in_the_outbox(desk, post):
    post.refusals = {"oncall": {"error": "Connection refused"}, "gone": {"error": "its URL is not valid", "is_final": True}}
    it = desk(oncall="json://h/", team="json://h/", gone="json://h/")
    out = it.run("test", code=1).splitlines()
    assert out[0].startswith("oncall: not accepted: Connection refused; the next run after ")
    assert out[1] == "team: accepted both messages"
    assert out[2] == "gone: not accepted: its URL is not valid; dead; mend it, then: slocheck alerts retry"
    assert {m.destination for m in it._store.messages(states=("pending", "dead"))} == {"oncall", "gone"}


@pytest.mark.parametrize(("urls", "args", "message", "hint"), [
    ({}, ["test"], "the suite has no destination", 'add one: notify: {team: "${SLACK_URL}"}'),
    ({"oncall": "json://h/"}, ["test", "onclal"], "no destination is named onclal", "there are: oncall"),
    ({"oncall": "json://h/"}, ["retry", "7"], "no dead message has the id 7", "dead messages: none; see slocheck alerts list"),
    ({}, ["silence", "catalogue", "--for", "1h"], "alerts silence is not there yet",
     "declare maintenance in the suite, or take ticket or warn out of the destination's `on`"),
])
def test_what_cannot_be_done_is_said_with_the_cure(desk, urls, args, message, hint):
    with pytest.raises(UserError, match=message) as raised:
        desk(**urls).run(*args)
    assert raised.value.hint == hint


# --- retry ---------------------------------------------------------------------------------------------------------


def test_dead_messages_are_sent_again_and_each_is_reported(desk, post):
    it = desk(oncall="json://h/")
    it.message(1, error="x", is_final=True)
    it.message(2, error="x", is_final=True)
    assert it.run("retry", "2") == "2 oncall: accepted  TICKET c2 (shop-api): GET / answers 503; bad since 11:07 UTC\n"
    assert [p.key for p in post.parcels] == ["02" * 32]
    assert it.run("retry").startswith("1 oncall: accepted")
    assert it.run("retry") == "no message is dead\n"


def test_a_message_that_is_refused_again_is_exit_1(desk, post):
    post.refusals["oncall"] = {"error": "its URL is not valid", "is_final": True}
    it = desk(oncall="json://h/")
    it.message(1, error="x", is_final=True)
    assert it.run("retry", code=1).startswith("1 oncall: not accepted: its URL is not valid")
    assert it._store.messages(states=("dead",))[0].attempts == 1


# --- as a user calls it --------------------------------------------------------------------------------------------


def test_the_commands_work_from_a_shell(tmp_path):
    with webhook() as hook:
        write_suite(tmp_path, (
            "suite: shop\nchecks:\n  - {name: home, kind: endpoint, url: 'http://127.0.0.1:9/', every: 60s}\n"
            'notify: {oncall: "${ONCALL_URL}"}\n'
        ))
        done = slocheck(["alerts", "test"], tmp_path, ONCALL_URL=hook.url("/t0ken-path"))
        assert (done.returncode, done.stdout) == (0, "oncall: accepted both messages\n"), done.stderr
        assert "t0ken-path" not in done.stdout + done.stderr
        listed = slocheck(["alerts", "list"], tmp_path, ONCALL_URL=hook.url("/t0ken-path"))
        assert listed.stdout == "no episode is open\nevery message was delivered\n"
