"""The examined suite on disk: fast, without secrets, and ignored whenever anything speaks against it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slocheck import config
from slocheck.config import cache
from slocheck.core.errors import ConfigError

ROOT = Path(__file__).parent.parent.parent
TEXT = """\
base_url: ${SHOP_URL:-https://api.example.com}
checks:
  - {name: a, kind: zz_tiny, word: "/${TOKEN}", size: 0x10, every: "${EVERY:-60s}", timeout: 10s, body: {n: 1.10, t: "1.10", l: [null, true]}}
  - {name: b, kind: zz_tiny, word: 1.10, number: "${N:-3}", enabled: "${ON:-true}"}
slos:
  - {name: s, checks: [a], objective: 99.5%, window: "${WINDOW:-30d}"}
"""
ENV = {"TOKEN": "t0p-s3cret-value"}


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "shop" / ".slocheck" / "suite.json"


@pytest.fixture
def examinations(monkeypatch):
    """How often the files were examined, that is, how often the cache did not serve."""
    from slocheck.config import examination

    count, real = [], examination.examine

    def counting(*args, **kwargs):
        count.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(examination, "examine", counting)
    return count


def test_the_suite_from_the_cache_is_the_suite(tiny, suite_file, kept, examinations):
    path = suite_file(TEXT)
    first = config.load(path, env=ENV, use_cache=kept)
    again = config.load(path, env=ENV, use_cache=kept)
    assert again == first == config.load(path, env=ENV)
    assert len(examinations) == 2
    assert again.secrets == (ENV["TOKEN"],)
    assert (again.checks[0].line, again.slos[0].line) == (3, 6)


def test_no_value_of_the_environment_is_on_the_disk(tiny, suite_file, kept):
    config.load(suite_file(TEXT + 'notify: {a: "json://user:${TOKEN}@127.0.0.1/"}\n'), env=ENV, use_cache=kept)
    text = kept.read_text()
    assert ENV["TOKEN"] not in text
    assert "${TOKEN}" in text
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", [
    lambda path: path.write_text(TEXT.replace("99.5%", "99.4%")), lambda path: path.write_text(TEXT + "# remark\n"),
])
def test_a_changed_file_is_examined_again(tiny, suite_file, kept, examinations, change):
    path = suite_file(TEXT)
    config.load(path, env=ENV, use_cache=kept)
    change(path)
    config.load(path, env=ENV, use_cache=kept)
    assert len(examinations) == 2
    config.load(path, env=ENV, use_cache=kept)
    assert len(examinations) == 2


def test_another_version_or_location_is_examined_again(tiny, suite_file, kept, examinations, monkeypatch):
    path = suite_file(TEXT)
    config.load(path, env=ENV, use_cache=kept)
    assert config.load(path, env=ENV, use_cache=kept, location="berlin").location == "berlin"
    monkeypatch.setattr(cache, "__version__", "99")
    config.load(path, env=ENV, use_cache=kept, location="berlin")
    assert len(examinations) == 3


@pytest.mark.parametrize("spoil", [
    lambda text: "", lambda text: "{", lambda text: "[]", lambda text: "null", lambda text: '{"key": 1}', lambda text: "[" * 100_000,
    lambda text: text.replace("99.5%", "10.5%"), lambda text: text.replace("zz_tiny", "zz_tinz"), lambda text: text[:-20],
    lambda text: json.dumps({**json.loads(text), "body": "{}"}), lambda text: "\ud800",
])
def test_a_cache_that_was_spoilt_is_as_if_there_were_none(tiny, suite_file, kept, examinations, spoil):
    path = suite_file(TEXT)
    first = config.load(path, env=ENV, use_cache=kept)
    kept.write_bytes(spoil(kept.read_text()).encode("utf-8", "surrogatepass"))
    assert config.load(path, env=ENV, use_cache=kept) == first
    assert len(examinations) == 2


def test_a_sealed_cache_that_fits_no_record_is_ignored_too(tiny, suite_file, kept, examinations):
    """As one that an earlier build of the same version wrote."""
    path = suite_file(TEXT)
    first = config.load(path, env=ENV, use_cache=kept)
    whole = json.loads(kept.read_text())
    for body in ('{"sheets": [{"tree": {"checks": [{"name": "a", "kind": "zz_tiny", "wrod": 1}]}, "lines": {}}], "addresses": {}}',
                 '{"sheets": [], "addresses": {}}', '{"sheets": [{"tree": {"checks": 1}, "lines": {}}], "addresses": {"salt": "x"}}'):
        kept.write_text(json.dumps({"key": whole["key"], "seal": cache._seal(whole["key"], body), "body": body}))
        assert config.load(path, env=ENV, use_cache=kept) == first
    assert len(examinations) == 4


@pytest.mark.parametrize("where", ["a file", "read-only"])
def test_where_nothing_can_be_written_there_is_no_cache_and_no_error(tiny, suite_file, tmp_path, where, monkeypatch):
    path, spot = suite_file(TEXT), tmp_path / "spot"
    if where == "a file":
        spot.write_text("")
    else:
        monkeypatch.setattr(Path, "mkdir", lambda *_a, **_k: (_ for _ in ()).throw(PermissionError(13, "denied")))
    assert config.load(path, env=ENV, use_cache=spot / "suite.json").name == "shop"
    assert not (spot / "suite.json").exists()


@pytest.mark.parametrize(("env", "said"), [
    ({"EVERY": "5s"}, "timeout: 10s is not below every: 5s"), ({"EVERY": "soon"}, "every: ${EVERY:-60s} is not a duration"), ({"N": "x3"}, "number: ${N"),
    ({"ON": "perhaps"}, "enabled: ${ON"), ({"WINDOW": "5m"}, "window: ${WINDOW:-30d} holds 5 probes"), ({"SHOP_URL": "nowhere"}, "base_url: is no address"),
    ({"TOKEN": None}, "word: TOKEN is not set"),
])
def test_what_the_environment_breaks_later_is_an_error_all_the_same(tiny, suite_file, kept, env, said):
    path = suite_file(TEXT)
    config.load(path, env=ENV, use_cache=kept)
    changed = {k: v for k, v in {**ENV, **env}.items() if v is not None}
    with pytest.raises(ConfigError) as refused:
        config.load(path, env=changed, use_cache=kept)
    told = [f"{p.path.rpartition('.')[2]}: {p.message}" for p in refused.value.problems]
    assert any(t.startswith(said) for t in told), told


def test_what_the_environment_changes_later_is_taken_from_the_cache(tiny, suite_file, kept, examinations):
    path = suite_file(TEXT)
    config.load(path, env=ENV, use_cache=kept)
    suite = config.load(path, env={"TOKEN": "another", "N": "7", "ON": "false"}, use_cache=kept)
    assert (suite.checks[0].options.word, suite.checks[1].options.number, suite.checks[1].is_enabled) == ("https://api.example.com/another", 7, False)
    assert len(examinations) == 1


def test_apprise_is_asked_again_when_an_address_changes_and_only_then(tiny, suite_file, kept, monkeypatch):
    from slocheck.adapters import send

    asked = []
    monkeypatch.setattr(send, "check_url", lambda url: asked.append(url) or ("is no service" if "bad" in url else None))
    path = suite_file(TEXT + "notify: {a: '${URL}'}\n")
    for url in ("json://one/", "json://one/", "json://two/", "json://two/"):
        config.load(path, env={**ENV, "URL": url}, use_cache=kept)
    assert asked == ["json://one/", "json://two/"]
    with pytest.raises(ConfigError) as refused:
        config.load(path, env={**ENV, "URL": "json://bad-one/"}, use_cache=kept)
    assert [(p.path, p.message) for p in refused.value.problems] == [("notify.a", "is no service")]


def test_a_suite_from_the_cache_needs_neither_yaml_nor_pydantic(tmp_path):
    """In a process of its own, with the real kinds: what cron pays every minute."""
    (tmp_path / "checks.yaml").write_text(
        "checks:\n  - {name: a, kind: endpoint, url: 'http://127.0.0.1:9/'}\n  - {name: b, kind: latency, url: 'http://127.0.0.1:9/', p95: 1s}\n",
    )
    code = """\
import sys
from pathlib import Path
from slocheck import config
suite = config.load(Path("checks.yaml"), env={}, use_cache=Path("suite.json"))
print(len(suite.checks), *sorted({name.split(".")[0] for name in sys.modules}))
"""
    first, second = (subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split() for _ in range(2))
    heavy = {"pydantic", "pydantic_core", "yaml", "apprise", "jsonschema", "click", "rich"}
    assert first[0] == second[0] == "2"
    assert {"pydantic", "yaml"} <= set(first)
    assert not heavy & set(second)
