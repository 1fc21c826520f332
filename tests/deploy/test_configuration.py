"""What the servers are told, as text."""

from pathlib import Path

from deploy import connect, kafka
from deploy.java import Java, flags, parse_version
from deploy.properties import render


def test_properties_escape_what_java_would_read_otherwise() -> None:
    assert render({"b": "x\\y", "a": 1, "c": "two\nlines"}) == "a=1\nb=x\\\\y\nc=two\\nlines\n"


def test_kafka_listens_on_loopback_and_creates_no_topic_by_itself() -> None:
    told = kafka.server_properties(Path("/data"), 20001, 20002)
    assert {
        key: told[key]
        for key in (
            "listeners",
            "advertised.listeners",
            "auto.create.topics.enable",
            "group.initial.rebalance.delay.ms",
        )
    } == {
        "listeners": "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002",
        "advertised.listeners": "PLAINTEXT://127.0.0.1:20001",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
    }


def test_connect_reads_secrets_from_its_folder_only() -> None:
    told = connect.worker_properties("127.0.0.1:20001", 20003, Path("/plugins"), Path("/data/secrets/connect"))
    assert {key: str(value) for key, value in told.items() if key.startswith("config.providers")} == {
        "config.providers": "env,file,dir",
        "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": "RECADO_.*",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        "config.providers.file.param.allowed.paths": "/data/secrets/connect",
        "config.providers.dir.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
        "config.providers.dir.param.allowed.paths": "/data/secrets/connect",
    }


def test_connect_keeps_its_own_topics_on_one_replica() -> None:
    told = connect.worker_properties("127.0.0.1:20001", 20003, Path("/plugins"), Path("/secrets"))
    assert {key: value for key, value in told.items() if ".storage." in key} == {
        "config.storage.topic": "recado-connect-configs",
        "config.storage.replication.factor": 1,
        "offset.storage.topic": "recado-connect-offsets",
        "offset.storage.replication.factor": 1,
        "offset.storage.partitions": 1,
        "status.storage.topic": "recado-connect-status",
        "status.storage.replication.factor": 1,
        "status.storage.partitions": 1,
    }


def test_java_tells_its_version_in_old_and_new_forms() -> None:
    assert parse_version('openjdk version "17.0.15" 2025-04-15') == ("17.0.15", 17)
    assert parse_version('openjdk version "25" 2025-09-16') == ("25", 25)
    assert parse_version('java version "1.8.0_402"') == ("1.8.0_402", 1)
    assert parse_version("command not found") is None


def test_only_tests_stop_at_the_first_compiler() -> None:
    java = Java(Path("/java"), "25.0.2", 25)
    quick, steady = (flags(java, 256, jit, Path("/log4j2.properties")) for jit in ("c1", "c2"))
    assert [flag for flag in quick if flag not in steady] == ["-XX:TieredStopAtLevel=1"]
    assert {"-Xmx256m", "-XX:+ExitOnOutOfMemoryError"} <= set(steady)
