"""The video shop: what each address answers. It knows requests, answers and the database, but no socket."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Any

from slocheck.sample.database import Database, DatabaseDown
from slocheck.sample.faults import Faults
from slocheck.sample.limiter import TokenBucket
from slocheck.sample.server import Answer, Refused, Request

_PAGE = 50
_BIGGEST = 2**63 - 1  # SQLite's integers


class Shop:
    """`answer` is what the server calls: limiter, faults, then the address."""

    def __init__(self, database: Database, faults: Faults, limiter: TokenBucket) -> None:
        self.database = database
        self.faults = faults
        self.limiter = limiter
        self._chance = Random(1)  # noqa: S311 - which answers of a share are broken, the same in every run

    async def answer(self, request: Request) -> Answer:
        if request.path == "/faults":
            return self._routed(request)
        grant = self.limiter.take(request.headers.get("x-api-key", request.client), time.monotonic())
        told = self.limiter.headers(grant)
        if not grant.is_allowed:
            return Answer(status=429, content={"error": "too many requests"}, headers=told)
        made = await self._with_faults(request)
        return replace(made, headers={**told, **made.headers})

    async def _with_faults(self, request: Request) -> Answer:
        faults = self.faults
        if faults.latency_ms:
            await asyncio.sleep(faults.latency_ms / 1000)
        if self._chance.random() < faults.errors:
            return Answer(status=500, content={"error": "broken on purpose"})
        self.database.stop() if faults.database == "down" else self.database.start()
        made = self._routed(request)
        return replace(made, is_cut=made.content is not None and self._chance.random() < faults.truncated)

    def _routed(self, request: Request) -> Answer:
        wanted = "GET" if request.method == "HEAD" else request.method
        allowed = []
        for method, pattern, handle in ROUTES:
            match = pattern.fullmatch(request.path)
            if match and method == wanted:
                return self._handled(handle, request, match.groups())
            if match:
                allowed.append(method)
        if allowed:
            return Answer(status=405, content={"error": f"not {request.method}"}, headers={"Allow": ", ".join(allowed)})
        return Answer(status=404, content={"error": f"nothing is at {request.path}"})

    def _handled(self, handle: Callable[..., Answer], request: Request, parts: tuple[str, ...]) -> Answer:
        try:
            return handle(self, request, *parts)
        except Refused as refused:
            return refused.answer
        except (DatabaseDown, sqlite3.Error):
            return Answer(status=503, content={"error": "the database does not answer"})


def _index(_shop: Shop, _request: Request) -> Answer:
    paths = ("/health", "/videos?subject=math", "/videos/1", "/carts", "/orders", "/positions/{user}/{video}", "/faults")
    return Answer(content={"name": "video shop", "is": "a sample API to try slocheck on", "paths": paths})


def _health(_shop: Shop, _request: Request) -> Answer:
    """As so many do, it tells that the process runs, and asks no database."""
    return Answer(content={"status": "ok"})


def _show_faults(shop: Shop, _request: Request) -> Answer:
    return Answer(content=shop.faults.as_json())


def _set_faults(shop: Shop, request: Request) -> Answer:
    try:
        shop.faults.change(_object(request))
    except ValueError as error:
        raise Refused(422, str(error)) from error
    return Answer(content=shop.faults.as_json())


def _clear_faults(shop: Shop, _request: Request) -> Answer:
    shop.faults.clear()
    return Answer(content=shop.faults.as_json())


# --- videos ---
def _videos(shop: Shop, request: Request) -> Answer:
    subject = request.query.get("subject")
    where, values = ("", []) if subject is None else ("WHERE subject = ?", [subject])
    items = shop.database.rows(f"SELECT id, title, subject, minutes FROM videos {where} ORDER BY id", values)  # noqa: S608 - fixed text
    return Answer(content={"items": items, "total": len(items)})


def _video(shop: Shop, _request: Request, video: str) -> Answer:
    return _found(shop.database.row("SELECT id, title, subject, minutes FROM videos WHERE id = ?", [_number(video)]))


# --- carts ---
def _open_cart(shop: Shop, request: Request) -> Answer:
    items = _object(request).get("items", [])
    if not isinstance(items, list):
        raise Refused(422, "items: is a list")
    cart = secrets.token_hex(8)
    shop.database.rows("INSERT INTO carts (id, items) VALUES (?, ?)", [cart, json.dumps(items)])
    return Answer(status=201, content={"id": cart, "items": items}, headers={"Location": f"/carts/{cart}"})


def _cart(shop: Shop, _request: Request, cart: str) -> Answer:
    row = shop.database.row("SELECT id, items FROM carts WHERE id = ?", [cart])
    return _found(row and {"id": row["id"], "items": json.loads(row["items"])})


def _drop_cart(shop: Shop, _request: Request, cart: str) -> Answer:
    return _gone(shop.database.row("DELETE FROM carts WHERE id = ? RETURNING id", [cart]))


# --- orders ---
def _place_order(shop: Shop, request: Request) -> Answer:
    """Idempotent by `Idempotency-Key`: the same key brings the same order; with another body it is refused."""
    body = _object(request)
    ref = body.get("ref", "")
    if not isinstance(ref, str):
        raise Refused(422, "ref: is text")
    digest = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    values = [ref, json.dumps(body), request.headers.get("idempotency-key"), digest]
    row = shop.database.row(
        "INSERT INTO orders (ref, body, key, digest) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING RETURNING id, body", values,
    )
    if row is None:
        row = shop.database.row("SELECT id, body, digest FROM orders WHERE key = ?", values[2:3])
        if row is None or row["digest"] != digest:
            raise Refused(422, "this Idempotency-Key was used for another order")
    return Answer(status=201, content=_order_content(row), headers={"Location": f"/orders/{row['id']}"})


def _orders(shop: Shop, request: Request) -> Answer:
    """A page of at most 50, oldest first, after the id `after`; `next` is where the next page begins, or null."""
    ref, after = request.query.get("ref"), _number(request.query.get("after", "0"))
    statement = "SELECT id, body FROM orders WHERE id > ? AND (? IS NULL OR ref = ?) ORDER BY id LIMIT ?"
    rows = shop.database.rows(statement, [after, ref, ref, _PAGE + 1])
    page = rows[:_PAGE]
    return Answer(content={"items": [_order_content(r) for r in page], "next": page[-1]["id"] if len(rows) > _PAGE else None})


def _order(shop: Shop, _request: Request, order: str) -> Answer:
    row = shop.database.row("SELECT id, body FROM orders WHERE id = ?", [_number(order)])
    return _found(row and _order_content(row))


def _cancel_order(shop: Shop, _request: Request, order: str) -> Answer:
    return _gone(shop.database.row("DELETE FROM orders WHERE id = ? RETURNING id", [_number(order)]))


def _order_content(row: dict[str, Any]) -> dict[str, Any]:
    return {**json.loads(row["body"]), "id": row["id"]}


# --- positions: the small write that a player sends every few seconds ---
def _put_position(shop: Shop, request: Request, user: str, video: str) -> Answer:
    seconds = _object(request).get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= _BIGGEST:
        raise Refused(422, "seconds: is a whole number of at least 0")
    shop.database.rows(
        "INSERT INTO positions (user, video, seconds) VALUES (?, ?, ?)"
        " ON CONFLICT (user, video) DO UPDATE SET seconds = excluded.seconds", [user, _number(video), seconds],
    )
    return Answer(content={"user": user, "video": _number(video), "seconds": seconds})


def _position(shop: Shop, _request: Request, user: str, video: str) -> Answer:
    statement = "SELECT user, video, seconds FROM positions WHERE user = ? AND video = ?"
    return _found(shop.database.row(statement, [user, _number(video)]))


# --- shared by the addresses ---
def _found(content: Any) -> Answer:
    return Answer(content=content) if content else Answer(status=404, content={"error": "not found"})


def _gone(row: Any) -> Answer:
    return Answer(status=204) if row else _found(None)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > _BIGGEST:
        raise Refused(404, f"{text[:40]} is no id")
    return int(text)


def _object(request: Request) -> dict[str, Any]:
    try:
        content = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the body is no JSON") from error
    if not isinstance(content, dict):
        raise Refused(422, "the body is no JSON object")
    return content


def _route(method: str, path: str, handle: Callable[..., Answer]) -> tuple[str, re.Pattern[str], Callable[..., Answer]]:
    return method, re.compile(path.replace("*", "([^/]+)")), handle


ROUTES = (
    _route("GET", "/", _index), _route("GET", "/health", _health),
    _route("GET", "/faults", _show_faults), _route("PUT", "/faults", _set_faults), _route("DELETE", "/faults", _clear_faults),
    _route("GET", "/videos", _videos), _route("GET", "/videos/*", _video),
    _route("POST", "/carts", _open_cart), _route("GET", "/carts/*", _cart), _route("DELETE", "/carts/*", _drop_cart),
    _route("POST", "/orders", _place_order), _route("GET", "/orders", _orders),
    _route("GET", "/orders/*", _order), _route("DELETE", "/orders/*", _cancel_order),
    _route("PUT", "/positions/*/*", _put_position), _route("GET", "/positions/*/*", _position),
)
