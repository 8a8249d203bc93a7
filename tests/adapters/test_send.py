"""Messages through the child process: to a webhook, a mail server, and services that refuse, fail, hang or are none."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from slocheck.adapters import send as sending
from slocheck.adapters import send_child
from slocheck.adapters.send import Answer, Parcel, check_url, redactor, send
from tests.notify.services import free_port, hanging, mailbox, webhook

SECRET = "s3cret-t0ken"
KEY = "ab" * 32


def parcel(number, destination, url, **fields):
    return Parcel(**{
        "number": number, "destination": destination, "url": url, "title": "TICKET catalogue (shop): <GET> & 'co' ✓",
        "body": "expected 200, got 503\nmore: slocheck history catalogue", "mood": "failure", "key": KEY, "episode": "01J", "gap_s": 0.0, **fields,
    })


class Deadline:
    """The parent's clock, set beyond the deadline once everybody has answered who will."""

    def __init__(self, answers):
        self.answers, self.left = [], answers

    def now(self):
        return time.monotonic() + (0 if len(self.answers) < self.left else 3600)


@pytest.fixture(scope="module")
def street():
    """One delivery to everybody at once: the answers by destination, and what arrived."""
    with contextlib.ExitStack() as stack:
        hook, busy, broken = (stack.enter_context(webhook()) for _ in range(3))
        box, deaf = stack.enter_context(mailbox()), stack.enter_context(hanging())
        busy.status, busy.headers = 429, {"Retry-After": "120"}
        broken.status = 500
        dead = free_port()
        parcels = [
            parcel(0, "deaf", f"json://127.0.0.1:{deaf}/{SECRET}"), parcel(1, "deaf", f"json://127.0.0.1:{deaf}/{SECRET}"),
            parcel(2, "hook", hook.url()), parcel(3, "hook", hook.url(), title="second"), parcel(4, "mail", box.url),
            parcel(5, "busy", busy.url()), parcel(6, "busy", busy.url()), parcel(7, "broken", broken.url()), parcel(8, "broken", broken.url()),
            parcel(9, "dead", f"json://user:{SECRET}@127.0.0.1:{dead}/{SECRET}"),
            parcel(10, "dead-mail", f"mailto://user:{SECRET}@127.0.0.1:{dead}?from=a@example.com&to=b@example.com"),
            parcel(11, "none", f"slak://{SECRET}/{SECRET}"), parcel(12, "chat", f"ntfy://127.0.0.1:{hook.port}/topic"),
            parcel(13, "form", f"xml://127.0.0.1:{dead}/{SECRET}"),
        ]
        deadline = Deadline(answers=12)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sending, "monotonic", deadline.now)
            send(parcels, deadline_s=60.0, on_answer=deadline.answers.append)
        answers = deadline.answers
        yield SimpleNamespace(
            answers={a.number: a for a in answers}, order=[a.number for a in answers], hook=hook, busy=busy, broken=broken, box=box,
        )


def test_every_parcel_has_exactly_one_answer(street):
    assert sorted(street.order) == list(range(14))


def test_what_is_accepted_is_sent_and_nothing_else(street):
    assert {n for n, a in street.answers.items() if a.is_sent} == {2, 3, 4, 12}
    assert all(bool(a.error) != a.is_sent for a in street.answers.values())


def test_a_hanging_service_delays_nobody(street):
    """Its own message was first in the list and is answered last, after the deadline; the other of it was not begun."""
    assert set(street.order[-2:]) == {0, 1}
    assert street.answers[0].error == "no answer within 60 s"
    assert street.answers[1].error == "not tried, because of the message before it: no answer within 60 s"
    assert not street.answers[0].is_final


def test_a_webhook_gets_title_text_and_key(street):
    path, headers, body = next(s for s in street.hook.seen if s[0] == "/hook")
    assert path == "/hook"
    assert headers["Idempotency-Key"] == KEY
    assert (body["title"], body["type"]) == ("TICKET catalogue (shop): <GET> & 'co' ✓", "failure")
    assert body["message"] == "expected 200, got 503\nmore: slocheck history catalogue"


def test_messages_of_one_destination_keep_their_order(street):
    assert [b["title"] for p, _, b in street.hook.seen if p == "/hook"] == ["TICKET catalogue (shop): <GET> & 'co' ✓", "second"]


def test_a_mail_is_plain_text_that_says_its_subject_again_and_threads(street):
    (mail,) = street.box.mails
    assert mail["Subject"] == "TICKET catalogue (shop): <GET> & 'co' ✓"
    assert (mail["X-Slocheck-Key"], mail["References"]) == (KEY, "<01J@slocheck>")
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines()[:3] == [
        "TICKET catalogue (shop): <GET> & 'co' ✓", "expected 200, got 503", "more: slocheck history catalogue",
    ]


def test_a_service_without_headers_carries_the_key_as_the_last_word(street):
    (body,) = [b for _, _, b in street.hook.seen if b.get("topic") == "topic"]
    assert body["message"].split()[-1] == KEY[:16]


def test_a_receiver_that_asks_to_wait_is_left_in_peace(street):
    assert street.answers[5].retry_after_ms == 120_000
    assert street.answers[5].error.startswith("it answered 429")
    assert street.answers[6].error.startswith("not tried: it answered 429")
    assert street.answers[6].retry_after_ms == 120_000
    assert len(street.busy.seen) == 1


def test_a_failing_service_is_asked_for_each_message(street):
    assert [street.answers[n].error.split(";")[0] for n in (7, 8)] == ["it answered 500"] * 2
    assert len(street.broken.seen) == 2
    assert street.answers[7].retry_after_ms is None


def test_a_dead_port_is_named_with_its_cause(street):
    for number in (9, 10, 13):
        assert street.answers[number].error.startswith("Connection refused")
        assert "127.0.0.1" in street.answers[number].error
        assert not street.answers[number].is_final


def test_a_url_that_is_none_is_final(street):
    assert street.answers[11] == Answer(
        number=11, is_sent=False, is_final=True,
        error="its URL is not valid: slak:// is not a service that Apprise knows; did you mean slack://?",
    )


def test_no_error_holds_a_secret(street):
    assert SECRET not in "".join(a.error for a in street.answers.values())


# --- the child process ---------------------------------------------------------------------------------------------


@pytest.fixture
def children(monkeypatch):
    """The child processes that were started."""
    started = []
    plain = subprocess.Popen

    def popen(*args, **kwargs):
        started.append(plain(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(sending.subprocess, "Popen", popen)
    return started


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to look at a process from outside")
def test_secrets_are_neither_in_the_childs_arguments_nor_in_its_environment(children, monkeypatch):
    looked, deadline = [], Deadline(answers=1)
    monkeypatch.setattr(sending, "monotonic", deadline.now)

    def look(answer):
        process = Path("/proc") / str(children[0].pid)
        deadline.answers.append(answer)
        if answer.is_sent:
            looked.append((process / "cmdline").read_bytes() + (process / "environ").read_bytes())

    with webhook() as hook, hanging() as deaf:
        send([parcel(0, "a", hook.url(f"/{SECRET}")), parcel(1, "b", f"json://127.0.0.1:{deaf}/{SECRET}")], deadline_s=60.0, on_answer=look)
    assert len(looked) == 1
    assert b"send_child" in looked[0]
    assert SECRET.encode() not in looked[0]


def test_after_the_deadline_no_process_is_left(children):
    answers = []
    with hanging() as deaf:
        send([parcel(0, "b", f"json://127.0.0.1:{deaf}/")], deadline_s=0.2, on_answer=answers.append)
    assert [a.error for a in answers] == ["no answer within 0.2 s"]
    assert children[0].returncode == -signal.SIGKILL


def test_a_child_that_dies_is_reported_for_each_message(monkeypatch):
    monkeypatch.setattr(sending.sys, "executable", "/bin/false")
    answers = []
    send([parcel(0, "a", "json://x.example/"), parcel(1, "b", "json://x.example/")], deadline_s=5.0, on_answer=answers.append)
    assert [a.error for a in answers] == ["the sending process failed: it was ended with exit code 1"] * 2


def test_a_failure_of_the_caller_ends_the_child(children):
    def full_disk(_answer):
        raise OSError("disk full")

    with webhook() as hook, pytest.raises(OSError, match="disk full"):
        send([parcel(0, "a", hook.url()), parcel(1, "a", hook.url())], deadline_s=10.0, on_answer=full_disk)
    assert children[0].returncode is not None


def test_nothing_to_send_starts_nothing(children):
    send([], deadline_s=1.0, on_answer=print)
    assert children == []


ORPHAN = """
import subprocess, sys
from slocheck.adapters import send
plain = subprocess.Popen
def popen(*args, **kwargs):
    child = plain(*args, **kwargs)
    print(child.pid, flush=True)
    return child
send.subprocess.Popen = popen
fields = dict(destination="a", url=sys.argv[1], title="t", body="b", mood="info", key="k", episode="e", gap_s=0.0)
send.send([send.Parcel(number=0, **fields)], deadline_s=60.0, on_answer=print)
"""


def test_a_child_whose_parent_was_killed_ends_by_itself():
    """Nobody could note what it sends, so it must send no more."""
    with hanging() as deaf:
        parent = subprocess.Popen([sys.executable, "-c", ORPHAN, f"json://127.0.0.1:{deaf}/"], stdout=subprocess.PIPE, text=True)
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.communicate()
        end = time.monotonic() + 10
        while _is_running(pid) and time.monotonic() < end:
            time.sleep(0.01)  # waits for another process, whose end nobody announces to us
        assert not _is_running(pid)


def _is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().split()[2] == "Z")


def test_the_process_that_probes_does_not_load_apprise():
    code = "import sys, slocheck.notify, slocheck.pipeline; print(sorted({'apprise', 'requests'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- URLs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "reason"), [
    ("", "is empty; write an Apprise URL, for example mailto://user:password@example.com"),
    ("team", "is not a URL; write an Apprise URL, for example mailto://user:password@example.com or json://host/path"),
    ("json://host.example:99999/", "its port is not a number from 1 to 65535"),
    (f"https://hooks.example.com/{SECRET}", "https:// alone names no service; for a webhook of your own write jsons://"),
    (f"slak://{SECRET}/x", "slak:// is not a service that Apprise knows; did you mean slack://?"),
    (f"slack://{SECRET}", "Apprise does not take it: An invalid Slack (first) Token (***) was specified"),
    ("json://127.0.0.1/", None),
])
def test_a_url_that_apprise_refuses_has_a_reason_without_secrets(url, reason):
    assert check_url(url) == reason


@pytest.mark.parametrize(("url", "said", "shown"), [
    ("slack://TokenAAA/TokenBBB/TokenCCC", "to TokenAAA and TokenCCC", "to *** and ***"),
    ("tgram://12345:abcdef/chat4", "sending to chat4 by 12345 failed", "sending to *** by *** failed"),
    ("json://user:p%40ss%21@hook.example.com/t0ken/x?+X-Auth=val1ue", "hook.example.com p@ss! p%40ss%21 t0ken val1ue", "hook.example.com *** *** *** ***"),
    ("mailto://u5er:pw12@smtp.example.com?to=team@example.com", "smtp.example.com refused team@example.com", "smtp.example.com refused ***"),
    ("json://localhost/?format=html", "html to localhost", "html to localhost"),
])
def test_every_part_of_a_url_that_may_be_a_token_is_masked(url, said, shown):
    assert redactor(url).text(said) == shown


# --- what the child decides ----------------------------------------------------------------------------------------


def row(number, **fields):
    return {"number": number, "destination": "d", "url": "json://h/", "title": "T", "body": "B", "key": KEY, "episode": "01J", "gap_s": 4.0, **fields}


def test_messages_of_one_destination_are_a_gap_apart():
    happened = []
    send_child.serve(
        [row(0), row(1), row(2)], lambda a: happened.append(a["number"]), send=lambda _row: {"is_sent": True}, sleep=lambda s: happened.append(f"{s} s"),
    )
    assert happened == [0, "4.0 s", 1, "4.0 s", 2]


def test_after_a_429_the_rest_waits_as_long():
    answers = []
    send_child.serve(
        [row(0), row(1), row(2)], answers.append, send=lambda _row: {"is_sent": False, "error": "429", "retry_after_ms": 90_000}, sleep=pytest.fail,
    )
    assert [a["retry_after_ms"] for a in answers] == [90_000] * 3
    assert [a["error"] for a in answers] == ["429", "not tried: 429", "not tried: 429"]


def test_a_service_whose_code_fails_fails_one_message_only():
    def send_one(one):
        if one["number"] == 0:
            raise RuntimeError("a bug of theirs")
        return {"is_sent": True}

    answers = []
    send_child.serve([row(0), row(1)], answers.append, send=send_one, sleep=lambda _s: None)
    assert answers == [{"number": 0, "is_sent": False, "error": "RuntimeError: a bug of theirs"}, {"number": 1, "is_sent": True}]


@pytest.mark.parametrize(("header", "ms"), [
    (None, 0), ("", 0), ("120", 120_000), ("soon", 0), ("-5", 0), ("99999999", 86_400_000), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("1.5", 0),
])
def test_retry_after_is_read_and_bounded(header, ms):
    assert send_child._wait_ms(header) == ms


@pytest.mark.parametrize(("plugin", "url", "text", "left"), [
    ({"headers": {"X": "1"}}, "json://h/", "B", {"headers": {"X": "1", "Idempotency-Key": KEY}}),
    ({"headers": {}}, "mailtos://h/", "T\nB", {"headers": {"References": "<01J@slocheck>", "X-Slocheck-Key": KEY}}),
    ({}, "slack://h/", f"B\n{KEY[:16]}", {}),
    ({"dedup": None, "action": "trigger"}, "pagerduty://a@b/", "B", {"dedup": "01J", "action": "map"}),
    ({"dedup": "mine", "action": "trigger"}, "pagerduty://a@b/?action=trigger", "B", {"dedup": "mine", "action": "trigger"}),
])
def test_the_key_travels_by_what_a_service_can_carry(plugin, url, text, left):
    plugin = SimpleNamespace(**plugin)
    assert send_child.dress(plugin, row(0, url=url)) == text
    assert vars(plugin) == left


def test_services_that_pair_alarms_have_the_fields_that_we_set():
    """In Apprise as installed: a rename there would leave alarms open for ever."""
    code = (
        "from apprise import Apprise\n"
        "p = Apprise.instantiate('pagerduty://' + 'k' * 32 + '@' + 'a' * 20)\n"
        "print(p.dedup, p.action)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None trigger\n"
