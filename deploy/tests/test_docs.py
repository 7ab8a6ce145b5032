"""The documentation agrees with the code: settings, commands, targets, ports and links."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main

from unioncard.settings import PREFIX
from unioncard_cli.main import commands
from unioncard_cli.place import DEFAULT_PORT_BASE, PORTS, REPOSITORY

PAGES = sorted([*REPOSITORY.glob("README*.md"), *(REPOSITORY / "docs").rglob("*.md")])
RUNNING = (REPOSITORY / "docs" / "running.md").read_text(encoding="utf-8")
SETTINGS = (
    "unioncard.settings:Settings",
    "card_svc.settings:CardSettings",
    "insurance_svc.settings:InsuranceSettings",
    "claims_svc.settings:ClaimsSettings",
    "workflows.settings:WorkflowsSettings",
    "partner_sandbox.settings:Settings",
)
#: Read by the command line, by the tests, or before there are settings.
OTHERS = {
    *("UNIONCARD_STATE", "UNIONCARD_CACHE", "UNIONCARD_PORT_BASE", "UNIONCARD_SECRETS_DIR"),
    *("UNIONCARD_KAFKA_HEAP", "UNIONCARD_POSTGRES_SHARED_BUFFERS"),
}


def _fields() -> Iterator[tuple[str, str, Any]]:
    """(whose, name, field) of every setting."""
    for whose in SETTINGS:
        module, _, attribute = whose.partition(":")
        for field, info in getattr(import_module(module), attribute).model_fields.items():
            yield whose, PREFIX + field.upper(), info


def test_running_lists_every_setting_with_its_default_and_an_example() -> None:
    rows = re.findall(r"^\| `(UNIONCARD_\w+)` \| ?(?:`([^|]*)`)? ?\| (?:`([^|]*)`)? ?\|", RUNNING, re.M)
    common = {name for whose, name, _ in _fields() if whose == SETTINGS[0]}
    for whose, name, info in _fields():
        listed = [(default, example) for other, default, example in rows if other == name]
        assert listed, f"{name} is not in docs/running.md"
        if whose.startswith("partner_sandbox") and name in common and name != "UNIONCARD_PORT":
            continue  # listed once, with the common ones
        assert {_text(example) for example in info.examples} & {example for _, example in listed}, name
        if isinstance(info.default, str | int | float):
            assert _text(info.default) in {default for default, _ in listed}, name


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_pages_name_only_what_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {name for _, name, _ in _fields()} | OTHERS
    assert set(re.findall(r"\bUNIONCARD_[A-Z_]+[A-Z]\b", text)) <= known
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets
    group = typer.main.get_command(commands([]))
    for words in re.findall(r"`(?:\.venv/bin/)?unioncard ([a-z-]+(?: [a-z]+)?)", text):
        _check_command(group, words.split())
    for number in re.findall(r"127\.0\.0\.1:(\d+)", text):
        assert int(number) - DEFAULT_PORT_BASE in {*PORTS.values(), 16}, number


def _check_command(group: Any, words: list[str]) -> None:
    assert words[0] in group.commands, f"unioncard {words[0]}"
    below = getattr(group.commands[words[0]], "commands", None)
    if below is not None and len(words) > 1:
        assert words[1] in below, f"unioncard {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in _anchors(file), target


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_files_that_are_named_exist(page: Path) -> None:
    rooms = ["", "docs", "shared/unioncard", "shared/unioncard/messaging", "services/card-svc", "services/member-svc"]
    rooms += ["services/insurance-svc", "services/claims-svc", "services/card-svc/card_svc"]
    rooms += ["workflows", "workflows/workflows", "deploy"]
    for name in re.findall(r"`([\w./-]+\.(?:py|sh|yml|toml|lock))`", page.read_text(encoding="utf-8")):
        if name in ("rules.py", "tables.py", "store.py", "api.py", "handlers.py"):
            continue  # the rooms inside a service
        assert any((REPOSITORY / room / name).exists() for room in rooms), f"{page.name}: {name}"
