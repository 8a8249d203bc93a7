"""`slocheck schema`: the JSON Schema of `checks.yaml`, for editors and for CI."""

from __future__ import annotations

import json

import click

from slocheck.cli.context import App, pass_app


@click.command(short_help="JSON Schema of checks.yaml.")
@click.option("--out", metavar="PATH", default="-", help="Write it to a file instead of stdout.")
@pass_app
def command(app: App, out: str) -> None:
    """Prints the JSON Schema (draft 2020-12) of checks.yaml.

    An editor with the YAML language server completes and checks a suite that begins with the line
    `# yaml-language-server: $schema=checks.schema.json`.
    """
    from slocheck import config

    app.write(json.dumps(config.schema(), indent=2, ensure_ascii=False) + "\n", out)
