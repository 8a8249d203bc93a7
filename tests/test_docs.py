"""Documentation that cannot rot: generated pages are current, and what the README claims is what the program has."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from difflib import ndiff
from pathlib import Path

import click
import pytest
import yaml

from slocheck import checks, config
from slocheck.cli.context import ExitCode
from slocheck.cli.entry import COMMANDS
from slocheck.cli.group import group

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_what_the_program_says(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    for path, text in generator().pages():
        kept = path.read_text("utf-8") if path.exists() else ""
        changed = [line for line in ndiff(kept.splitlines(), text.splitlines()) if line[0] in "+-"] if kept != text else []
        assert not changed, f"{path.name}: run .venv/bin/python docs/generate.py"


def test_every_option_of_every_kind_has_a_description():
    made = generator()
    for name in checks.names():
        for option, _default, text in made.options(checks.load(name).options):
            assert text, f"{name}.{option} has no string under it"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_says_what_it_does(name):
    command = group.get_command(click.Context(group), name)
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]}"


def test_the_readme_names_every_kind_and_exit_code():
    for name in checks.names():
        assert f"| `{name}` |" in README
    for code in ExitCode:
        assert f"| {code.value} |" in README


def test_the_first_two_blocks_are_the_two_commands():
    first, second = blocks("")[:2]
    assert first.strip().endswith(".venv/bin/slocheck demo")
    assert second.strip().endswith(".venv/bin/pytest -q")
    assert len(first.strip().splitlines()) == len(second.strip().splitlines()) == 1
    assert README.index(first) < README.index(second) < README.index("```yaml")


def test_the_readmes_commands_exist_with_those_options():
    """Every `slocheck …` in the README parses: the command is there and knows its options."""
    lines = [line for block in blocks("") for line in block.splitlines()] + re.findall(r"`(slocheck [^`]+)`", README)
    calls = [re.sub(r"\s+#.*|\s*>.*", "", line[line.index("slocheck ") :]) for line in lines if "slocheck " in line and "pip install" not in line]
    assert len(calls) >= 8
    for call in calls:
        words = shlex.split(call)[1:]
        while words and words[0].startswith("-"):
            words = words[2:] if words[0] in ("--env-file", "-c", "--config", "--db") else words[1:]
        command = group.get_command(click.Context(group), words[0])
        context = command.make_context(words[0], words[1:], resilient_parsing=True)
        assert not context.args or isinstance(command, click.Group), call


def test_the_readmes_suite_loads(tmp_path):
    (text,) = blocks("yaml")
    path = tmp_path / "checks.yaml"
    path.write_text(text)
    suite = config.load(path, env={"SLACK_URL": "json://127.0.0.1:9/"})
    assert [c.name for c in suite.checks] == ["home", "catalogue", "home-speed"]
    assert len([line for line in text.splitlines() if line.strip() and not line.startswith("#")]) <= 12


def test_the_suite_at_the_top_is_the_one_that_ships():
    assert (ROOT / "checks.yaml").read_bytes() == (ROOT / "slocheck" / "sample" / "checks.yaml").read_bytes()


def test_help_loads_no_heavy_library(tmp_path):
    import subprocess

    code = "import sys\nfrom slocheck.cli.group import run\nrun(['--help'])\nprint('\\n'.join(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert not loaded & {"httpx", "pydantic", "apprise", "sqlite_utils", "jinja2", "cryptography", "yaml", "rich", "asyncio", "sqlite3", "ssl"}


def test_workflows_are_yaml_with_no_rights_at_the_top():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert yaml.safe_load(path.read_text("utf-8"))["permissions"] == {}, path.name
