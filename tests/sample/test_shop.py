"""Every address of the video shop, its limiter and its faults, over real connections."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest

from slocheck.sample import Sample, run_in_thread
from slocheck.sample.limiter import Limit


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Sample:
    with run_in_thread(tmp_path_factory.mktemp("shop")) as sample:
        yield sample


@pytest.fixture
def shop(running):
    running.faults.clear()
    with Client(running) as client:
        yield client
    running.faults.clear()


class Client:
    """One kept connection."""

    def __init__(self, sample: Sample) -> None:
        self.faults = sample.faults
        self.connection = http.client.HTTPConnection(urlsplit(sample.url).netloc, timeout=5)

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        self.connection.close()

    def ask(self, method, path, body=None, **headers):
        """(status, JSON or None, headers)"""
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, path, sent, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = self.connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None, answer.headers

    def status(self, *args, **headers):
        return self.ask(*args, **headers)[0]


def test_the_first_page_names_every_resource(shop):
    status, content, _ = shop.ask("GET", "/")
    assert (status, content["name"]) == (200, "video shop")
    assert all(any(p.startswith(start) for p in content["paths"]) for start in ("/videos", "/carts", "/orders", "/positions"))


def test_videos_are_read_by_subject_and_by_id(shop):
    _, maths, headers = shop.ask("GET", "/videos?subject=math")
    assert maths["total"] == len(maths["items"]) == 6
    assert {v["subject"] for v in maths["items"]} == {"math"}
    assert headers["content-type"] == "application/json"
    assert shop.ask("GET", "/videos")[1]["total"] == 30
    assert shop.ask("GET", "/videos?subject=none")[1] == {"items": [], "total": 0}
    assert shop.ask("GET", f"/videos/{maths['items'][0]['id']}")[1] == maths["items"][0]


def test_a_cart_lives_from_its_post_to_its_delete(shop):
    status, cart, headers = shop.ask("POST", "/carts", {"items": [1, 2]})
    assert (status, cart["items"], headers["location"]) == (201, [1, 2], f"/carts/{cart['id']}")
    assert shop.ask("GET", f"/carts/{cart['id']}")[1] == cart
    assert [shop.status("DELETE", f"/carts/{cart['id']}") for _ in range(2)] == [204, 404]
    assert shop.status("GET", f"/carts/{cart['id']}") == 404


def test_an_order_is_placed_read_listed_and_cancelled(shop):
    _, order, _ = shop.ask("POST", "/orders", {"ref": "one", "video": 3})
    assert order == {"ref": "one", "video": 3, "id": order["id"]}
    assert shop.ask("GET", f"/orders/{order['id']}")[1] == order
    assert shop.ask("GET", "/orders?ref=one")[1] == {"items": [order], "next": None}
    assert [shop.status("DELETE", f"/orders/{order['id']}") for _ in range(2)] == [204, 404]


def test_the_same_key_brings_the_same_order_and_no_second_one(shop):
    first, again = (shop.ask("POST", "/orders", {"ref": "idem"}, Idempotency_Key="k1") for _ in range(2))
    assert first[:2] == again[:2] == (201, first[1])
    assert len(shop.ask("GET", "/orders?ref=idem")[1]["items"]) == 1


def test_a_key_that_was_used_for_another_order_is_refused(shop):
    shop.ask("POST", "/orders", {"ref": "mine"}, Idempotency_Key="k2")
    status, content, _ = shop.ask("POST", "/orders", {"ref": "yours"}, Idempotency_Key="k2")
    assert (status, content["error"]) == (422, "this Idempotency-Key was used for another order")


def test_a_long_list_comes_in_pages_without_gap_or_double(shop):
    placed = [shop.ask("POST", "/orders", {"ref": "many"})[1]["id"] for _ in range(120)]
    listed, after = [], 0
    while after is not None:
        _, page, _ = shop.ask("GET", f"/orders?ref=many&after={after}")
        listed += [o["id"] for o in page["items"]]
        after = page["next"]
    assert listed == placed


def test_a_position_is_the_last_one_written(shop):
    for seconds in (5, 10, 42):
        assert shop.ask("PUT", "/positions/ann/7", {"seconds": seconds})[1] == {"user": "ann", "video": 7, "seconds": seconds}
    assert shop.ask("GET", "/positions/ann/7")[1]["seconds"] == 42
    assert shop.status("GET", "/positions/bob/7") == 404


@pytest.mark.parametrize(("request_", "status"), [
    (("GET", "/nowhere"), 404), (("GET", "/videos/999"), 404), (("GET", "/videos/one"), 404), (("GET", "/videos/" + "9" * 30), 404),
    (("DELETE", "/videos/1"), 405), (("POST", "/health", {}), 405), (("POST", "/carts", b"{"), 400), (("POST", "/carts"), 400),
    (("POST", "/carts", []), 422), (("POST", "/carts", {"items": 1}), 422), (("POST", "/orders", {"ref": 1}), 422),
    (("PUT", "/positions/ann/7", {"seconds": -1}), 422), (("PUT", "/positions/ann/7", {"seconds": True}), 422),
    (("PUT", "/positions/ann/7", {}), 422), (("PUT", "/positions/ann/x", {"seconds": 1}), 404),
    (("POST", "/orders", b"[" * 60_000), 400), (("PUT", "/faults", {"errors": 2}), 422),
])
def test_what_cannot_be_done_is_said_with_the_right_status(shop, request_, status):
    got, content, headers = shop.ask(*request_)
    assert got == status
    assert content["error"]
    assert ("allow" in headers) == (status == 405)


def test_each_value_stays_a_value_in_sql(shop):
    assert shop.ask("GET", "/videos?subject=math%27%20OR%201=1--")[1]["total"] == 0


def test_too_many_requests_are_refused_until_retry_after_and_each_client_for_itself(tmp_path):
    with run_in_thread(tmp_path, limit=Limit(capacity=5, per_second=0.01)) as sample, Client(sample) as shop:
        assert [shop.status("GET", "/health") for _ in range(7)] == [200] * 5 + [429] * 2
        status, content, headers = shop.ask("GET", "/health")
        assert (status, content, headers["retry-after"]) == (429, {"error": "too many requests"}, "100")
        assert headers["ratelimit"] == '"default";r=0;t=100'
        assert headers["ratelimit-policy"] == '"default";q=5;w=500'
        assert shop.status("GET", "/health", X_Api_Key="another") == 200
        assert shop.status("GET", "/faults") == 200, "the switch stays in reach"


def test_a_share_of_errors_is_that_share(shop):
    shop.faults.errors = 0.25
    failed = sum(shop.status("GET", "/health") == 500 for _ in range(200))
    assert 25 <= failed <= 75


def test_a_stopped_database_fails_what_needs_it_and_keeps_what_was_written(shop):
    _, order, _ = shop.ask("POST", "/orders", {"ref": "kept"})
    shop.faults.database = "down"
    for request in (("GET", "/videos"), ("POST", "/carts", {}), ("PUT", "/positions/a/1", {"seconds": 1}), ("GET", "/orders")):
        assert shop.ask(*request)[:2] == (503, {"error": "the database does not answer"})
    assert shop.status("GET", "/health") == 200
    shop.faults.database = "up"
    assert shop.ask("GET", f"/orders/{order['id']}")[1] == order


def test_a_truncated_answer_ends_before_its_length(shop):
    shop.faults.truncated = 1.0
    with pytest.raises(http.client.IncompleteRead):
        shop.ask("GET", "/videos")


def test_a_slow_answer_takes_what_was_asked_for_at_least(shop, monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr("slocheck.sample.shop.asyncio.sleep", sleep)
    shop.faults.latency_ms = 600
    assert shop.status("GET", "/health") == 200
    assert slept == [0.6]


def test_faults_are_shown_set_and_cleared_over_http(shop):
    shop.faults.errors = 1.0
    assert shop.ask("PUT", "/faults", {"latency_ms": 1})[1] == {"latency_ms": 1, "errors": 1.0, "truncated": 0.0, "database": "up"}
    assert shop.status("GET", "/health") == 500
    assert shop.ask("DELETE", "/faults")[1] == shop.ask("GET", "/faults")[1] == {
        "latency_ms": 0, "errors": 0.0, "truncated": 0.0, "database": "up",
    }
    assert shop.status("GET", "/health") == 200
