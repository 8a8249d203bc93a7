"""The HTML page in a real browser, without a driver: Chromium prints the page's own findings about itself.

The page's policy forbids every script, so what is looked at is a copy without the policy, in frames of a page that has
axe-core in it. Frames of one page, because starting the browser is what takes time.
"""

from __future__ import annotations

import html
import importlib.util
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CARRIERS = ("axe_playwright_python", "axe_core_python")  # packages with axe.min.js in them, the newer axe first
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--window-size=1400,900", "--virtual-time-budget=60000",
)
_DARK = {True: "--blink-settings=preferredColorScheme=0", False: "--blink-settings=preferredColorScheme=1"}
_SCRIPT = """
async function look(width, text) {
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 800; frame.style.border = 0; frame.srcdoc = text;
  await new Promise(done => { frame.onload = done; document.body.append(frame); });
  const seen = frame.contentWindow, page = seen.document, root = page.documentElement;
  for (const each of page.querySelectorAll("details")) each.open = true;
  const wide = [...page.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > root.clientWidth + 0.5);
  const found = {
    dark: seen.matchMedia("(prefers-color-scheme: dark)").matches, ground: seen.getComputedStyle(page.body).backgroundColor,
    overflow: root.scrollWidth - root.clientWidth, wide: wide.map(e => e.outerHTML.slice(0, 200)),
  };
  seen.eval(AXE);
  const told = await seen.axe.run(page);
  const plain = list => list.map(v => `${v.id}: ${v.nodes.map(n => n.html.slice(0, 200)).join(" | ")}`);
  found.violations = plain(told.violations); found.unclear = plain(told.incomplete); found.passes = told.passes.length;
  frame.remove();
  return found;
}
(async () => {
  const found = {};
  for (const [name, width, text] of PAGES) found[`${name} ${width}`] = await look(width, text);
  return found;
})().catch(error => ({error: String(error)})).then(found => {
  document.documentElement.innerHTML = "<body></body>";
  document.body.dataset.found = JSON.stringify(found);
});
"""


def browser() -> str | None:
    return next((path for path in map(shutil.which, _NAMES) if path), None)


def axe() -> Path | None:
    """Where axe-core is, in one of the packages that carry it."""
    specs = filter(None, map(importlib.util.find_spec, _CARRIERS))
    paths = (Path(folder, "axe.min.js") for spec in specs for folder in spec.submodule_search_locations or ())
    return next((path for path in paths if path.is_file()), None)


def look(pages: Mapping[tuple[str, int], str], *, is_dark: bool) -> dict[str, Any]:
    """{"NAME WIDTH": what axe and the browser say about the page at that width}, for pages by name and width in pixels."""
    rows = [(name, width, _without_policy(text)) for (name, width), text in pages.items()]
    harness = f"<!DOCTYPE html><meta charset=utf-8><body><script>const AXE = {_literal(axe().read_text('utf-8'))}, PAGES = {_literal(rows)};{_SCRIPT}</script></body>"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "harness.html")
        path.write_text(harness, "utf-8")
        done = subprocess.run(
            [str(browser()), *_FLAGS, _DARK[is_dark], f"--user-data-dir={folder}/profile", "--dump-dom", path.as_uri()],
            capture_output=True, text=True, timeout=90, check=False,
        )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, f"the browser told nothing: {done.stderr[-2000:]}"
    return json.loads(html.unescape(found[1]))


def _without_policy(page: str) -> str:
    text, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    assert count == 1
    return text


def _literal(value: Any) -> str:
    """A JavaScript literal that does not end the script element it stands in."""
    return json.dumps(value).replace("</", "<\\/").replace("<!--", "<\\!--")
