"""Kafka as one KRaft process: broker and controller on loopback, sized for a small machine."""

import base64
import os
import subprocess
import uuid
from collections.abc import Iterable
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from deploy import files, ports
from deploy.properties import render
from deploy.supervision import Program
from schemas.errors import Fatal, Recoverable
from schemas.topics import Topic

MB = 1 << 20
HEAP_MB = 256


def server_properties(folder: Path, port: int, controller_port: int) -> dict[str, object]:
    """Return the server's configuration. Sizes are bounds for topics that do not set their own."""
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"PLAINTEXT://{ports.HOST}:{port},CONTROLLER://{ports.HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{ports.HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": f"{ports.HOST}:{controller_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": folder / "log",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        # a killed broker is let in again when its old session has ended: the default would be 9 s
        "broker.session.timeout.ms": 6000,
        "broker.heartbeat.interval.ms": 1000,
        "log.segment.bytes": 64 * MB,
        "log.retention.bytes": 1024 * MB,
        "log.retention.check.interval.ms": 60_000,
        "log.index.size.max.bytes": 1 * MB,
        "log.cleaner.dedupe.buffer.size": 16 * MB,  # the default would take half of the heap
        "num.network.threads": 2,
        "num.io.threads": 4,
        "num.recovery.threads.per.data.dir": 2,
    }


def prepare(folder: Path, java: list[str], port: int, controller_port: int) -> Path:
    """Write the configuration and format the storage once; return the configuration's path. Idempotent.

    Args:
        folder: Kafka's own folder.
        java: the executable, flags and class path that run one of Kafka's classes.
        port: of the broker.
        controller_port: of the controller.

    Raises:
        Fatal: RCD-706, the storage tool failed.
    """
    files.private_dir(folder)
    config = folder / "server.properties"
    files.write(config, render(server_properties(folder, port, controller_port)))
    if not (folder / "log" / "meta.properties").exists():
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # With an equals sign, because one identifier in 64 begins with a dash.
        arguments = [
            "format",
            f"--cluster-id={cluster_id}",
            "--standalone",
            "--ignore-formatted",
            "-c",
            str(config),
        ]
        done = subprocess.run(  # noqa: S603 - our own Java and jars
            [*java, "kafka.tools.StorageTool", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.defpath},
        )
        if done.returncode != 0:
            detail = f"formatting Kafka's storage: {(done.stderr or done.stdout).strip()[-300:]}"
            raise Fatal("RCD-706", detail)
    return config


def program(folder: Path, java: list[str], config: Path) -> Program:
    """Return how supervisord runs the server."""
    env = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", "MALLOC_ARENA_MAX": "2"}
    return Program("kafka", (*java, "kafka.Kafka", str(config)), folder, env, priority=20)


def is_ready(admin: AdminClient) -> bool:
    """Tell whether the broker answers. The client is kept between tries: it reconnects by itself."""
    try:
        return bool(admin.list_topics(timeout=1).brokers)
    except KafkaException:
        return False


def admin_client(bootstrap: str) -> AdminClient:
    """Return a client for administration that says nothing while the broker is starting."""
    return AdminClient(
        {"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 200, "log_level": 0},
    )


def create_topics(bootstrap: str, topics: Iterable[Topic]) -> None:
    """Create the topics that are missing, with one replica; existing ones are left as they are.

    Raises:
        Recoverable: RCD-207, the broker does not answer or refuses.
    """
    wanted = [NewTopic(t.name, num_partitions=t.partitions, replication_factor=1, config=t.config) for t in topics]
    if not wanted:
        return
    admin = admin_client(bootstrap)  # kept until the answers are there: they die with it
    for name, future in admin.create_topics(wanted, operation_timeout=30).items():
        try:
            future.result(timeout=60)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                detail = f"creating topic {name}: {error.args[0].name()}"
                raise Recoverable("RCD-207", detail) from error
