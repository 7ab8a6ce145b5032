"""``docker-compose.yml`` agrees with the compose specification, with what the code reads, and with the local stack.

No Docker engine takes part: what an image does inside cannot be seen from here (docs/running.md says so).
"""

import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import temporalio.client
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest

from compose import secrets_volume, temporal_namespace
from unioncard.keys import SERVICES as KEY_FILES
from unioncard.keys import load_keys
from unioncard.settings import PREFIX, Settings, read_settings
from unioncard_cli import jars
from unioncard_cli.parts import PARTS
from unioncard_cli.place import DEFAULT_PORT_BASE, PORTS, REPOSITORY, Place
from unioncard_cli.postgres import BINARIES
from workflows.search_attributes import SEARCH_ATTRIBUTES

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (REPOSITORY / "deploy" / "Dockerfile").read_text(encoding="utf-8")

#: Whose settings a container of ours reads.
SETTINGS = {
    "member-svc": "unioncard.settings:Settings",
    "member-migrate": "unioncard.settings:Settings",
    "card-svc": "card_svc.settings:CardSettings",
    "card-migrate": "card_svc.settings:CardSettings",
    "insurance-svc": "insurance_svc.settings:InsuranceSettings",
    "insurance-migrate": "insurance_svc.settings:InsuranceSettings",
    "claims-svc": "claims_svc.settings:ClaimsSettings",
    "claims-migrate": "claims_svc.settings:ClaimsSettings",
    "workflows": "workflows.settings:WorkflowsSettings",
    "sandbox": "partner_sandbox.settings:Settings",
    "secrets": "unioncard.settings:Settings",
    "topics": "unioncard.settings:Settings",
    "temporal-namespace": "unioncard.settings:Settings",
    "operations": "unioncard.settings:Settings",
}
#: Those that serve, and those that the local stack runs too.
LISTENING = ("member-svc", "card-svc", "insurance-svc", "claims-svc", "workflows", "sandbox")
RUNNING = (*LISTENING, "member-migrate", "card-migrate", "insurance-migrate", "claims-migrate")
#: Read before there are settings.
BESIDES = {"UNIONCARD_SECRETS_DIR"}
#: What a server listens on inside its container, and where that is said.
INSIDE = {"postgres": 5432, "kafka": 9092, "temporal": 7233, "temporal-ui": 8080, "prometheus": 9090, "grafana": 3000}
#: Beyond the ports of the local stack, which runs neither.
WATCHING = {"prometheus": 20, "grafana": 21}


def _ours() -> list[str]:
    return [name for name, service in SERVICES.items() if "build" in service]


def _model(name: str) -> Any:
    module, _, attribute = SETTINGS[name].partition(":")
    return getattr(import_module(module), attribute)


def _tag(service: str) -> str:
    return str(SERVICES[service]["image"]).partition(":")[2]


def test_it_is_what_the_compose_specification_allows() -> None:
    schema = get_builtin_schema("vendor.compose-spec")
    kind = jsonschema.validators.validator_for(schema)
    errors = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in kind(schema).iter_errors(COMPOSE)]
    assert errors == []


def test_every_container_of_ours_is_known_here() -> None:
    assert set(_ours()) == set(SETTINGS)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_is_one_that_its_process_reads(name: str) -> None:
    fields = {PREFIX + field.upper() for field in _model(name).model_fields}
    if name == "operations":
        for path in (REPOSITORY / "deploy" / "unioncard_cli").glob("*.py"):
            fields |= set(re.findall(r"UNIONCARD_[A-Z_]+", path.read_text(encoding="utf-8")))
    given = {key for key in SERVICES[name].get("environment", {}) if key.startswith(PREFIX)}
    assert given - fields - BESIDES == set()


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - {"secrets", "operations"}))
def test_the_settings_let_the_process_start(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secrets_volume.hand_out(tmp_path)
    for key, value in SERVICES[name].get("environment", {}).items():
        monkeypatch.setenv(key, re.sub(r"\$\{(\w+):\?[^}]*\}", r"secret", value))
    if name == "sandbox":
        _model(name)()
        return
    monkeypatch.setenv("UNIONCARD_SECRETS_DIR", str(tmp_path / _secrets_of(name)))
    settings = read_settings(_model(name))
    assert isinstance(settings, Settings)
    if settings.kafka_security_protocol != "PLAINTEXT":
        assert settings.kafka_sasl_username == {"topics": "admin"}.get(name, name)
        assert settings.kafka_sasl_password is not None


def _secrets_of(name: str) -> str:
    """The folder of the secrets job whose volume the container mounts."""
    volumes = [mount.partition(":")[0] for mount in SERVICES[name].get("volumes", ()) if ":/run/unioncard" in mount]
    given = dict(mount.split(":") for mount in SERVICES["secrets"]["volumes"])
    return given[volumes[0]].removeprefix("/secrets/") if volumes else "all"


def test_each_service_gets_its_own_secrets_and_no_others() -> None:
    assert {name: _secrets_of(name) for name in RUNNING} == {
        "member-svc": "member-svc",
        "member-migrate": "member-svc",
        "card-svc": "card-svc",
        "card-migrate": "card-svc",
        "insurance-svc": "insurance-svc",
        "insurance-migrate": "insurance-svc",
        "claims-svc": "claims-svc",
        "claims-migrate": "claims-svc",
        "workflows": "workflows",
        "sandbox": "sandbox",
    }
    for mount in SERVICES["secrets"]["volumes"]:
        folder = mount.partition(":")[2]
        assert folder in DOCKERFILE, f"{folder}: the image must have it, or the volume belongs to root"


def test_secrets_are_made_once_and_handed_out_to_their_owners_alone(tmp_path: Path) -> None:
    secrets_volume.hand_out(tmp_path)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    secrets_volume.hand_out(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == first
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in first)
    assert {load_keys(tmp_path / name / "keys.json").service for name in KEY_FILES} == set(KEY_FILES)
    users = dict(line.split() for line in (tmp_path / "kafka" / "users").read_text(encoding="utf-8").splitlines())
    assert set(users) == set(secrets_volume.KAFKA_USERS)
    assert len(set(users.values())) == len(users)
    for name in ("member-svc", "card-svc", "insurance-svc", "claims-svc", "workflows"):
        assert (tmp_path / name / secrets_volume.PASSWORD_FILE).read_text(encoding="utf-8") == users[name]
    assert not (tmp_path / "sandbox" / secrets_volume.PASSWORD_FILE).exists()


def test_only_migrations_and_operators_know_the_administrators_password() -> None:
    knowing = {
        name
        for name, service in SERVICES.items()
        if "build" in service
        and "${POSTGRES_PASSWORD" in service.get("environment", {}).get("UNIONCARD_DATABASE_URL", "")
    }
    assert knowing == {"member-migrate", "card-migrate", "insurance-migrate", "claims-migrate", "operations"}


def test_no_secret_stands_in_the_file_and_a_missing_one_is_named() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+)", text))
    assert asked == set(re.findall(r"\$\{(\w+):\?put \1 into \.env", text))
    example = (REPOSITORY / "deploy" / "compose" / "env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^(\w+)=$", example, re.M)) == asked
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|PWD|SECRET|TOKEN", key) and key != "UNIONCARD_SECRETS_DIR":
                assert str(value).startswith("${"), key


def test_published_ports_are_those_of_the_local_stack_and_open_to_this_machine_alone() -> None:
    for name, service in SERVICES.items():
        for published in service.get("ports", ()):
            address, outside, inside = published.split(":")
            assert address == "127.0.0.1"
            assert int(outside) == DEFAULT_PORT_BASE + {**PORTS, **WATCHING}[name]
            assert int(inside) == int(service.get("environment", {}).get("UNIONCARD_PORT", INSIDE.get(name, 0)))
    asked_for = {*LISTENING, "temporal-ui", "prometheus", "grafana"}
    assert {name for name, service in SERVICES.items() if service.get("ports")} == asked_for


def test_addresses_name_a_container_and_the_port_it_listens_on() -> None:
    listening = {
        **INSIDE,
        **{name: int(SERVICES[name]["environment"]["UNIONCARD_PORT"]) for name in PORTS if name in SETTINGS},
    }
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if key in ("UNIONCARD_KAFKA", "UNIONCARD_TEMPORAL", "TEMPORAL_ADDRESS"):
                host, _, port = value.rpartition(":")
            elif key.startswith(PREFIX) and key.endswith("_URL"):
                url = urlsplit(re.sub(r"\$\{[^}]*\}", "secret", value))
                host, port = str(url.hostname), str(url.port)
            else:
                continue
            assert listening[host] == int(port), f"{key}={value}"
    assert SERVICES["kafka"]["environment"]["KAFKA_PORT"] == str(INSIDE["kafka"])
    assert SERVICES["kafka"]["environment"]["KAFKA_HOST"] == "kafka"


def test_images_are_pinned_to_what_the_local_stack_runs() -> None:
    for name, service in SERVICES.items():
        assert re.search(r":v?\d+\.\d+", service["image"]), name
    kafka = {jar.version for jar in jars.locked() if jar.artifact == "kafka_2.13"}
    assert {_tag("kafka")} == kafka
    version = subprocess.run([BINARIES / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    assert _tag("postgres").split(".")[0] == version.split()[2].split(".")[0]
    assert _tag("temporal") == _tag("temporal-schema")
    told = subprocess.run(
        [Path(sys.executable).parent / "temporal", "--version"], capture_output=True, text=True, check=True
    ).stdout
    server = re.search(r"Server (\d+\.\d+)\.", told)
    ui = re.search(r"UI (\d+\.\d+)\.", told)
    assert server
    assert _tag("temporal").startswith(server[1] + ".")
    assert ui
    assert _tag("temporal-ui").startswith(ui[1] + ".")
    python = re.search(r"^FROM python:(\d+\.\d+)-slim", DOCKERFILE, re.M)
    assert python
    assert python[1] in (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")


def test_our_containers_run_what_the_local_stack_runs() -> None:
    for name in RUNNING:
        assert SERVICES[name]["command"][1:] == _command_of_part(name), name
    for name in ("secrets", "temporal-namespace", "topics"):
        for module in re.findall(r"-m[, ]+'?([\w.]+)", str(SERVICES[name]["command"])):
            assert find_spec(module), module
    assert find_spec("unioncard_cli.__main__")


def _command_of_part(name: str) -> list[str]:
    return PARTS[name].command(Place.of({}))[1:]


def test_every_room_can_be_built() -> None:
    script = (REPOSITORY / "deploy" / "compose" / "install-room.sh").read_text(encoding="utf-8")
    rooms = dict(re.findall(r'^    ([\w\- |]+)\) folders="([^"]+)" ;;$', script, re.M))
    known = {room.strip() for names in rooms for room in names.split("|")}
    assert {SERVICES[name]["build"]["args"]["ROOM"] for name in _ours()} == known
    for folders in rooms.values():
        for folder in folders.replace("$room", "member-svc").split():
            assert (REPOSITORY / folder / "pyproject.toml").is_file(), folder
            assert f"{folder.split('/')[0]}/" in DOCKERFILE
    tools = re.search(r"^printf .* > \"\$work/tools\"", script, re.M)
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    assert tools
    for tool in re.findall(r"(?<= )(?!>)[a-z]+(?= )", tools[0].partition('"%s==\\n"')[2]):
        assert f"\n{tool}==" in lock, tool
    assert "USER 1000" in DOCKERFILE
    assert "HEALTHCHECK" in DOCKERFILE


def test_everything_starts_in_an_order_that_exists() -> None:
    order = TopologicalSorter({name: set(service.get("depends_on", ())) for name, service in SERVICES.items()})
    assert set(order.static_order()) == set(SERVICES)
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            one_shot = SERVICES[other].get("restart", "").startswith("on-failure")
            expected = "service_completed_successfully" if one_shot else "service_healthy"
            assert how["condition"] == expected, f"{name} → {other}"
            assert one_shot or "healthcheck" in SERVICES[other] or "build" in SERVICES[other]
        assert service.get("deploy", {}).get("resources", {}).get("limits", {}).get("memory"), f"{name} has no limit"


def test_volumes_and_files_that_are_mounted_exist() -> None:
    named = set()
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            if source.startswith("."):
                assert (REPOSITORY / source).exists(), source
            else:
                named.add(source)
    assert named == set(COMPOSE["volumes"])


async def test_the_namespace_job_makes_namespace_and_search_attributes_once(temporal_address: str) -> None:
    settings = read_settings(Settings, temporal=temporal_address, temporal_namespace="compose-job")
    assert sorted(await temporal_namespace.prepare(settings)) == sorted(SEARCH_ATTRIBUTES)
    assert await temporal_namespace.prepare(settings) == []
    client = await temporalio.client.Client.connect(temporal_address, namespace="compose-job")
    known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="compose-job"))
    assert set(SEARCH_ATTRIBUTES) <= set(known.custom_attributes)
