"""`recado install`: a plan first, then the doing, and nothing the second time."""

import json
import uuid
from collections.abc import Callable, Sequence

import pytest

from admin.install.cell import plan
from admin.install.step import Step
from deploy.stack import LocalStack
from schemas.errors import Fatal, RecadoError
from schemas.settings import KafkaSettings, Settings
from schemas.topics import Cell
from tests.admin.conftest import Command

pytestmark = pytest.mark.stack


@pytest.fixture
def settings(stack: LocalStack) -> Settings:
    kafka = KafkaSettings(bootstrap=stack.bootstrap, partitions=2)
    return Settings.load(cell=f"install-{uuid.uuid4().hex[:8]}", kafka=kafka)


def apply(steps: Sequence[Step], done: Callable[[Step], None]) -> None:
    for step in steps:
        step.do()
        done(step)


def test_a_plan_changes_nothing_and_the_doing_leaves_nothing_to_plan(settings: Settings, server_url: str) -> None:
    steps = plan(settings, server_url)
    titles = [step.title for step in steps]
    assert titles[0] == "create the recado database"
    assert titles[1].startswith("migrate it: 0001: ")
    assert [title.split()[2] for title in titles[2:]] == [topic.name for topic in Cell(settings.cell).all(2)]
    assert all(line.undo for step in steps for line in step.lines)
    assert [step.title for step in plan(settings, server_url)] == titles

    done: list[str] = []
    apply(steps, lambda step: done.append(step.title))
    assert done == titles
    assert plan(settings, server_url) == []


def test_what_was_interrupted_goes_on_where_it_stopped(settings: Settings, server_url: str) -> None:
    steps = plan(settings, server_url)
    apply(steps[:4], lambda _: None)
    assert [step.title for step in plan(settings, server_url)] == [step.title for step in steps[4:]]
    apply(steps, lambda _: None)  # and what is done already may be done again
    assert plan(settings, server_url) == []


def test_topics_are_created_as_the_design_says(settings: Settings, recado_url: str) -> None:
    from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

    apply(plan(settings, recado_url), lambda _: None)
    admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap})
    cell = Cell(settings.cell)
    found = admin.list_topics(timeout=10).topics
    assert {t.name: len(found[t.name].partitions) for t in cell.all(2)} == {
        t.name: t.partitions for t in cell.all(2)
    }
    resource = ConfigResource(ConfigResource.Type.TOPIC, cell.coalescer_changelog)
    config = admin.describe_configs([resource])[resource].result()
    assert (config["cleanup.policy"].value, config["segment.ms"].value) == ("compact", "600000")


def test_another_partition_count_is_refused_as_rcd_204(settings: Settings, recado_url: str) -> None:
    apply(plan(settings, recado_url), lambda _: None)
    other = settings.model_copy(update={"kafka": KafkaSettings(bootstrap=settings.kafka.bootstrap, partitions=3)})
    with pytest.raises(Fatal) as refused:
        plan(other, recado_url)
    assert refused.value.code == "RCD-204"
    assert refused.value.detail == f"topic {Cell(settings.cell).messages} has 2 partitions, the settings say 3"


def test_kafka_that_does_not_answer_is_rcd_207(recado_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin.install.cell.KAFKA_TIMEOUT_S", 0.5)
    nowhere = Settings.load(kafka=KafkaSettings(bootstrap="127.0.0.1:1"))
    with pytest.raises(RecadoError) as refused:
        plan(nowhere, recado_url)
    assert (refused.value.code, refused.value.recoverable) == ("RCD-207", True)


def test_the_command_shows_the_plan_ends_with_10_and_does_it_when_told(
    command: Command, settings: Settings, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "RECADO_DATABASE_URL": server_url,
        "RECADO_CELL": settings.cell,
        "RECADO_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "RECADO_KAFKA__PARTITIONS": "2",
    }.items():
        monkeypatch.setenv(name, value)
    planned = command("install")
    assert planned.code == 10
    assert "create the recado database" in planned.out
    assert planned.err == "nothing was changed; do it with --apply\n"
    shown = json.loads(command("install", "--json").out)
    assert (shown["applied"], len(shown["steps"])) == (False, 12)
    assert command("tenant", "list").code == 30
    applied = command("install", "--apply")
    assert (applied.code, applied.err.count("done: ")) == (0, 12)
    assert command("tenant", "list").code == 0
    assert command("install", "--apply") == (0, "", "everything is there\n")
    assert command("install").code == 0
