"""Where a stack lives, and what its processes are told."""

from itertools import pairwise
from pathlib import Path

import pytest

from unioncard_cli.parts import PARTS, in_order
from unioncard_cli.place import PORTS, REPOSITORY, Place, StackError, free_port_base, port_is_free


def test_defaults_are_the_repository_and_port_18000() -> None:
    place = Place.of({})
    assert place.state == REPOSITORY / ".unioncard"
    assert place.cache == REPOSITORY / ".cache"
    assert place.url("member-svc") == "http://127.0.0.1:18001"


def test_every_process_is_told_where_the_others_are() -> None:
    place = Place.of({"UNIONCARD_STATE": "/s", "UNIONCARD_PORT_BASE": "19000", "HOME": "/home/a"})
    assert place.environment() == {
        "UNIONCARD_STATE": "/s",
        "UNIONCARD_CACHE": str(REPOSITORY / ".cache"),
        "UNIONCARD_PORT_BASE": "19000",
        "UNIONCARD_HOST": "127.0.0.1",
        "UNIONCARD_DATABASE_URL": "postgresql://postgres@127.0.0.1:19010/postgres?sslmode=disable",
        "UNIONCARD_KAFKA": "127.0.0.1:19011",
        "UNIONCARD_TEMPORAL": "127.0.0.1:19013",
        "UNIONCARD_TEMPORAL_NAMESPACE": "default",
        "UNIONCARD_MEMBER_URL": "http://127.0.0.1:19001",
        "UNIONCARD_CARD_URL": "http://127.0.0.1:19002",
        "UNIONCARD_INSURANCE_URL": "http://127.0.0.1:19003",
        "UNIONCARD_CLAIMS_URL": "http://127.0.0.1:19004",
        "UNIONCARD_SANDBOX_URL": "http://127.0.0.1:19006",
        "UNIONCARD_CLOCK_SEGMENTS": "/s/clock.json",
        "UNIONCARD_OBJECT_STORE": "file:///s/objects",
        "UNIONCARD_SANDBOX_STORE": "/s/sandbox.sqlite",
    }
    card = place.process_environment("card-svc")
    assert card["HOME"] == "/home/a"
    assert card["UNIONCARD_PORT"] == "19002"
    assert card["UNIONCARD_KEYS_FILE"] == "/s/keys/card-svc.json"
    assert card["UNIONCARD_TRACE_FILE"] == "/s/traces/card-svc.jsonl"


def test_a_server_that_is_run_elsewhere_is_passed_on() -> None:
    place = Place.of({"UNIONCARD_DATABASE_URL": "postgresql://a:b@db:5432/postgres", "UNIONCARD_KAFKA": ""})
    assert place.external("postgres") == "postgresql://a:b@db:5432/postgres"
    assert place.external("kafka") is None
    assert place.external("card-svc") is None
    assert place.environment()["UNIONCARD_DATABASE_URL"] == "postgresql://a:b@db:5432/postgres"


@pytest.mark.parametrize("text", ["", "eighteen", "80", "65530", "-18000"])
def test_a_wrong_port_base_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(StackError, match="is no port base") as caught:
        Place.of({"UNIONCARD_PORT_BASE": text})
    assert "UNIONCARD_PORT_BASE=18000" in caught.value.remedy


def test_free_port_bases_do_not_overlap() -> None:
    bases = sorted(free_port_base() for _ in range(5))
    assert all(later - earlier >= max(PORTS.values()) for earlier, later in pairwise(bases))
    assert all(port_is_free(base + above) for base in bases for above in PORTS.values())


def test_the_table_of_parts_is_sound() -> None:
    listening = [name for part in PARTS.values() for name in part.listens]
    assert sorted(listening) == sorted(PORTS)
    needed = {part.name for part in in_order(PARTS, {"card-svc"})}
    assert needed == {"postgres", "kafka", "keys", "card-migrate", "topics", "card-svc"}
    for part in in_order(PARTS, set(PARTS)):
        assert part.ready is not None or not part.listens


def test_a_part_comes_after_what_it_depends_on() -> None:
    order = [part.name for part in in_order(PARTS, set(PARTS))]
    assert sorted(order) == sorted(PARTS)
    for part in PARTS.values():
        assert all(order.index(other) < order.index(part.name) for other in part.depends_on)


def test_state_may_be_named_relatively(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Place.of({"UNIONCARD_STATE": "here"}).state == tmp_path / "here"


def test_a_state_that_cannot_be_a_folder_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for setting in ("UNIONCARD_STATE", "UNIONCARD_CACHE"):
        for folder in ("file", "file/below"):
            with pytest.raises(StackError, match=f"{setting}=.*file is a file") as caught:
                Place.of({setting: str(tmp_path / folder)})
            assert f"{setting}=/path" in caught.value.remedy
    with pytest.raises(StackError, match="UNIONCARD_STATE=/proc/stack cannot be made") as caught:
        Place.of({"UNIONCARD_STATE": "/proc/stack"}).make_state()
    assert "UNIONCARD_STATE=/path" in caught.value.remedy
