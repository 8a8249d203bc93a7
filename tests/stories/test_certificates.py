"""What certificates do to hosts, and what people hear of it: real handshakes, the alert rules, the outbox, on a clock of our own."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from slocheck import pipeline
from slocheck.core.model import Check, Destination, Outcome, Role, Severity, Suite, Verdict
from slocheck.pipeline import Hooks, Means, Selection
from slocheck.store.sqlite import open_store
from tests.notify.services import Post
from tests.tls_matrix import DAY, HOUR, NOW, At, Desk, listening, make_ca, make_leaf, ssl_context, tls

SOON, FRESH = 15 * DAY, 80 * DAY


class Hosts:
    """Checks of kind `tls`, each of a host; `serve` says what the hosts answer, `hour` asks and tells."""

    def __init__(self, folder, post, *names):
        self.root = make_ca("Test Root")
        self.inter = make_ca("Test CA 1", self.root, path_length=0)
        self.other = make_ca("Other CA", self.root, organisation="Other Org", path_length=0)
        self.desk, self.post = Desk(folder).trusting(self.root), post
        checks = tuple(Check(name=n, kind="tls", every=timedelta(hours=1), timeout=timedelta(seconds=5), options=None) for n in names)
        self.suite = Suite(name="shop-api", checks=checks, destinations=(Destination(name="team", url="json://127.0.0.1:9/"),))
        self.store = open_store(str(folder / "slocheck.db"))
        self.memory, self.context, self.now = {}, None, NOW

    def leaf(self, left, issuer=None):
        return make_leaf(issuer or self.inter, "*.example.test", common="*.example.test", left=left)

    def serve(self, leaf, issuer=None):
        self.context = ssl_context([leaf, issuer or self.inter])

    def ask(self, port, name, **tree):
        """A real handshake, kept as the runner keeps it."""
        asked = self.desk.ask(port, now=self.now, memory=self.memory.get(name), server_name="api.example.test", **tree)
        self.memory[name] = asked.memory
        made = asked.judgement
        at_ms = round(self.now.timestamp() * 1000)
        return Outcome(
            suite="shop-api", check=name, kind="tls", location="local", role=Role.SCHEDULED, due_ms=at_ms, at_ms=at_ms, every_ms=3_600_000,
            verdict=Verdict.BAD if any(f.severity is Severity.FAIL for f in made.findings) else Verdict.GOOD, findings=made.findings,
            facts=made.facts,
        )

    def hour(self, port, *, every_host=False, hours=1, **tree):
        """The titles that are sent. One handshake stands for all hosts unless `every_host`."""
        self.now += hours * HOUR
        names = [c.name for c in self.suite.checks]
        outcomes = [self.ask(port, n, **tree) for n in names] if every_host else [self.ask(port, names[0], **tree)]
        outcomes += [replace(outcomes[0], check=n) for n in names[len(outcomes):]]
        self.store.record(outcomes)
        clock = At(self.now)
        alerts, events = pipeline.decide(self.suite, self.store, outcomes, Selection(), clock.now_ms())
        self.store.commit(alerts, pipeline.route(events, self.suite.destinations), now_ms=clock.now_ms())
        before = len(self.post.titles)
        pipeline.deliver(self.suite, self.store, Hooks(), Means(clock=clock))
        return self.post.titles[before:]

    @contextlib.contextmanager
    def up(self):
        with listening(tls(lambda _n: self.context)) as port:
            yield port


@pytest.fixture
def hosts(tmp_path, monkeypatch):
    made = []

    def make(*names):
        made.append(Hosts(tmp_path, Post(monkeypatch), *names))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def words(titles):
    return [title.split()[0] for title in titles]


def test_a_wildcard_certificate_on_fifty_hosts_is_one_ticket_with_their_names_and_one_end(hosts):
    names = [f"web-{n:02}" for n in range(50)]
    it = hosts(*names)
    it.serve(it.leaf(SOON))
    with it.up() as port:
        (told,) = it.hour(port, every_host=True)
        assert told == (
            "TICKET certificate *.example.test (shop-api): certificate of *.example.test ends in 14 d 23 h (7 Dec 10:00 UTC); "
            "nothing is down, no budget is spent"
        )
        body = it.post.parcels[0].body
        assert body.count("web-") == 51  # each host, and where to look
        assert all(name in body for name in names)
        assert it.hour(port) == []
        it.serve(it.leaf(FRESH))
        (end,) = it.hour(port)
    assert end.startswith("RESOLVED certificate *.example.test (shop-api): gone after 2 h: certificate of *.example.test ends in ")


def test_near_its_end_it_is_a_ticket_then_a_page_and_the_renewal_ends_both_once(hosts):
    it = hosts("cert")
    it.serve(it.leaf(SOON))
    with it.up() as port:
        heard = it.hour(port)
        heard += it.hour(port, hours=24)
        heard += it.hour(port, hours=24 * 8)
        heard += it.hour(port)
        it.serve(it.leaf(FRESH))
        heard += it.hour(port)
        heard += it.hour(port)
    assert heard == [
        "TICKET cert (shop-api): certificate of *.example.test ends in 14 d 23 h (7 Dec 10:00 UTC); nothing is down, no budget is spent",
        "PAGE cert (shop-api): certificate of *.example.test ends in 5 d 23 h (7 Dec 10:00 UTC); nothing is down, no budget is spent",
        "RESOLVED cert (shop-api): gone after 2 h: certificate of *.example.test ends in 5 d 23 h (7 Dec 10:00 UTC)",
    ]


def test_two_certificates_that_alternate_behind_one_name_are_one_message_each(hosts):
    it = hosts("cert")
    old, older = it.leaf(SOON), it.leaf(SOON - DAY)
    with it.up() as port:
        heard = []
        for number in range(12):
            it.serve((old, older)[number % 2])
            heard += it.hour(port)
        it.serve(it.leaf(FRESH))
        heard += it.hour(port)
    calm = "; nothing is down, no budget is spent"
    assert sorted(heard) == [
        "RESOLVED cert (shop-api): gone after 1 h: certificate of *.example.test ends in 13 d 22 h (6 Dec 10:00 UTC)",
        "RESOLVED cert (shop-api): gone after 1 h: certificate of *.example.test ends in 14 d 23 h (7 Dec 10:00 UTC)",
        f"TICKET cert (shop-api): certificate of *.example.test ends in 13 d 22 h (6 Dec 10:00 UTC){calm}",
        f"TICKET cert (shop-api): certificate of *.example.test ends in 14 d 23 h (7 Dec 10:00 UTC){calm}",
        f"TICKET cert (shop-api): the new certificate ends earlier than the old one{calm}",
    ]


def test_another_ca_is_told_once_and_has_no_end(hosts):
    it = hosts("cert", "shop")
    with it.up() as port:
        it.serve(it.leaf(40 * DAY))
        assert it.hour(port, every_host=True) == []
        it.serve(it.leaf(FRESH, it.other), it.other)
        (told,) = it.hour(port, every_host=True)
        assert told.startswith("TICKET certificate *.example.test (shop-api): another organisation signed the new certificate: Other Org")
        assert "this was a single event" in it.post.parcels[-1].body
        assert [it.hour(port, every_host=True) for _ in range(3)] == [[], [], []]
    assert [a for a in it.store.alerts() if a.episode] == []


def test_what_an_audit_found_stays_open_until_an_audit_is_clean(hosts, monkeypatch):
    from tests.checks.test_tls import Audits

    audits = Audits(monkeypatch)
    it = hosts("cert")
    it.serve(it.leaf(40 * DAY))
    with it.up() as port:
        (told,) = it.hour(port, audit="24h")
        assert told == "WARN cert (shop-api): TLS 1.0 is accepted; nothing is down, no budget is spent"
        audits.is_bad = False
        assert [it.hour(port, audit="24h") for _ in range(10)] == [[]] * 10  # carried
        assert audits.count == 1
        (end,) = it.hour(port, audit="24h", hours=24)
    assert words([end]) == ["RESOLVED"]
    assert audits.count == 2


def test_a_renewal_does_not_end_what_is_wrong_with_the_server(hosts, monkeypatch):
    from tests.checks.test_tls import Audits

    audits = Audits(monkeypatch)
    it = hosts("cert")
    it.serve(it.leaf(40 * DAY))
    with it.up() as port:
        assert words(it.hour(port, audit="24h")) == ["WARN"]
        it.serve(it.leaf(FRESH))
        assert it.hour(port, audit="24h") == []
        assert audits.count == 2
        audits.is_bad = False
        assert words(it.hour(port, audit="24h", hours=30)) == ["RESOLVED"]


def test_an_expired_certificate_is_a_failure_as_ever(hosts):
    it = hosts("cert")
    it.serve(it.leaf(timedelta(minutes=30)))
    with it.up() as port:
        heard = it.hour(port) + it.hour(port)
    assert words(heard) == ["TICKET"]
    assert "expired" in heard[0]
    assert {a.rule for a in it.store.alerts() if a.episode} == {"failure"}
