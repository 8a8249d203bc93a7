"""The page: one file, no script, nothing loaded, everything escaped, the same bytes each time."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from slocheck import report
from slocheck.report import html
from tests.report import browser
from tests.report import figures as made

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags with their attributes, and whether everything that opens is closed again."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def page(**more):
    return report.report(made.figures(**more), "html", width=80, color=False)


EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>\x00\x1b\u202e'


def evil():
    figures = made.figures()
    suite = replace(figures.suite, name=EVIL)
    return {
        "suite": suite, "statuses": tuple(replace(s, name=EVIL, slo=replace(s.slo, checks=(EVIL,))) for s in figures.statuses),
        "checks": tuple(replace(c, check=replace(c.check, name=EVIL)) for c in figures.checks),
        "incidents": tuple(replace(i, check=EVIL, reason=EVIL) for i in figures.incidents),
        "days": {EVIL: made.days()}, "burndown": {EVIL: made.falling()},
    }


@pytest.mark.parametrize("figures", [{}, evil(), {"statuses": (), "checks": (), "incidents": ()}], ids=["usual", "hostile", "empty"])
def test_the_page_is_well_formed_and_asks_nobody_for_anything(figures):
    found = Page(page(**figures))
    assert found.open == []
    names = {name for name, _ in found.tags}
    assert names.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "base", "a", "video", "audio", "image", "use"})
    for _tag, attributes in found.tags:
        assert not [a for a in attributes if a.startswith("on") or a in ("src", "href", "srcset", "style", "action", "xlink:href")]
    style = re.search(r"<style>(.*?)</style>", page(**figures), re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_its_own_style_sheet_by_hash_and_nothing_else():
    text = page()
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(a["content"] for tag, a in Page(text).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.split("; ") == ["default-src 'none'", f"style-src 'sha256-{digest}'", "base-uri 'none'", "form-action 'none'"]
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_hostile_names_and_reasons_are_text():
    text = page(**evil())
    assert "<script" not in text
    assert "<img" not in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "&lt;script&gt;alert(1)" in text


def test_the_same_figures_are_the_same_bytes():
    assert page() == page()


def test_the_page_says_its_verdict_first_as_a_status():
    text = page()
    verdict = re.search(r'<p class="verdict breached" role="status">(.*?)</p>', text)[1].replace("\u00a0", " ")
    assert verdict == "1 of 4 objectives is breached, 1 is met. “login-latency” has spent 558.4 of 432.0 min (130 %) of its error budget."
    assert text.index('role="status"') < text.index("Objectives met") < text.index("<h2>Objectives") < text.index("<h2>Error budgets")
    assert text.index("<h2>Error budgets") < text.index("<h2>Checks and latency") < text.index("<h2>Incidents")


def test_every_state_has_a_mark_and_a_word_beside_its_colour():
    pills = re.findall(r'<span class="pill (\w+)">(.*?)</span>', page())
    assert pills == [("met", "✓ met"), ("breached", "✗ breached"), ("at_risk", "! at risk"), ("no_data", "? no data")]


def test_every_drawing_says_in_words_what_it_shows():
    drawings = [a for tag, a in Page(page()).tags if tag == "svg" and "aria-hidden" not in a]
    assert len(drawings) == 3 + 3
    assert all(a["role"] == "img" and a["aria-label"] for a in drawings)
    assert drawings[0]["aria-label"] == "90 days of availability: 11 no data, 76 all good, 1 some bad time, within the goal, 2 below the goal"
    assert drawings[3]["aria-label"] == "Error budget of login-latency from 23 Oct 2026 to 22 Nov 2026: 100 % at first, -29 % at the end; 6 points without data"


def test_a_bar_a_day_and_days_without_data_are_grey_and_low():
    bars = [a for tag, a in Page(page()).tags if tag == "rect" and "x" in a and a["class"].startswith("bar")]
    assert len(bars) == 3 * 90
    assert bars[0] == {"class": "bar no_data", "x": "1", "y": "24", "width": "8", "height": "12"}
    assert [b["class"] for b in bars[:90]].count("bar bad") == 2


def test_the_burn_down_is_not_drawn_where_nothing_is_known():
    lines = [a["points"] for tag, a in Page(page()).tags if tag == "polyline"]
    assert len(lines) == 2 * 3
    assert lines[0].startswith("0,0 ")


def test_the_shaded_ground_is_there_only_when_the_budget_is_overspent():
    assert len([1 for tag, a in Page(page()).tags if a.get("class") == "over"]) == 1
    assert 'class="over"' not in page(statuses=(made.status(),))


def test_incidents_are_counted_when_there_are_too_many_to_show():
    many = tuple(replace(made.incidents()[0], start_ms=made.NOW - n * made.MINUTE) for n in range(250))
    assert "and 150 older ones" in page(incidents=many)


def test_messages_that_nobody_got_are_told():
    assert "1 message was given up" in page(undelivered=(made.message(state="dead"),))
    assert "2 messages wait to be delivered" in page(undelivered=(made.message(), made.message(id=8)))


def test_a_report_of_ninety_days_and_ten_objectives_stays_small():
    names = [f"slo-{n}" for n in range(10)]
    text = page(
        statuses=tuple(made.status(n) for n in names), days={n: made.days() for n in names}, burndown={n: made.falling() for n in names},
    )
    assert len(text) < 150_000


def test_the_template_refuses_a_value_that_is_not_there():
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        html._template().render(style="", digest="")


# --- in a browser --------------------------------------------------------------------------------------------------

DESK, PHONE = 1280, 360  # pixels
NOT_HERE = "no Chromium is installed" if browser.browser() is None else "axe-core is not installed (axe-core-python)" if browser.axe() is None else ""
in_browser = pytest.mark.skipif(bool(NOT_HERE), reason=NOT_HERE)


def shown():
    """The pages that are looked at; the last one is wrong on purpose: pale on white, and wider than a phone."""
    wrong = page().replace("--soft: #57606a", "--soft: #c0c0c0").replace("</style>", "h1 { width: 30rem; }</style>")
    return {
        ("usual", DESK): page(), ("usual", PHONE): page(), ("hostile", PHONE): page(**evil()),
        ("empty", DESK): page(statuses=(), checks=(), incidents=()), ("wrong", PHONE): wrong,
    }


@pytest.fixture(scope="module")
def light():
    return browser.look(shown(), is_dark=False)


@in_browser
@pytest.mark.parametrize("name", ["usual 1280", "usual 360", "hostile 360", "empty 1280"])
def test_axe_finds_nothing_that_keeps_anybody_from_reading_the_page(light, name):
    found = light[name]
    assert (found["dark"], found["violations"], found["unclear"]) == (False, [], [])
    assert found["passes"] > 20


@in_browser
def test_axe_finds_nothing_in_the_dark_either(light):
    found = browser.look({("usual", DESK): page()}, is_dark=True)["usual 1280"]
    assert (found["dark"], found["violations"], found["unclear"]) == (True, [], [])
    assert found["ground"] != light["usual 1280"]["ground"]


@in_browser
@pytest.mark.parametrize("name", ["usual 360", "hostile 360", "usual 1280"])
def test_nothing_reaches_beyond_the_edge_of_the_screen(light, name):
    assert (light[name]["overflow"], light[name]["wide"]) == (0, [])


@in_browser
def test_the_browser_would_tell_of_a_page_that_is_wrong(light):
    found = light["wrong 360"]
    assert found["overflow"] > 0
    assert any(told.startswith("color-contrast: ") for told in found["violations"])
