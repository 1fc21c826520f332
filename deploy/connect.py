"""Kafka Connect as one distributed worker on loopback."""

import os
from pathlib import Path

import httpx

from deploy import files, ports
from deploy.properties import render
from deploy.supervision import Program

HEAP_MB = 256
PROVIDER = "org.apache.kafka.common.config.provider"
JSON = "org.apache.kafka.connect.json.JsonConverter"


def worker_properties(bootstrap: str, port: int, plugins: Path, secrets_dir: Path) -> dict[str, object]:
    """Return the worker's configuration.

    Connectors take secrets as `${file:<secrets_dir>/<file>:<key>}` or `${dir:<secrets_dir>:<file>}`; the providers
    read nothing outside that folder.
    """
    internal = {
        f"{kind}.storage.{setting}": value
        for kind, topic in (("config", "configs"), ("offset", "offsets"), ("status", "status"))
        for setting, value in (("topic", f"recado-connect-{topic}"), ("replication.factor", 1))
    }
    return {
        **internal,
        "bootstrap.servers": bootstrap,
        "group.id": "recado-connect",
        "offset.storage.partitions": 1,
        "status.storage.partitions": 1,
        "key.converter": JSON,
        "value.converter": JSON,
        "offset.flush.interval.ms": 1000,
        "scheduled.rebalance.max.delay.ms": 0,
        # a killed worker's successor waits for the end of its session: the default would be 10 s
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 2000,
        "listeners": f"http://{ports.HOST}:{port}",
        "rest.advertised.host.name": ports.HOST,
        "plugin.path": plugins,
        "plugin.discovery": "service_load",
        "connector.client.config.override.policy": "All",
        "config.providers": "env,file,dir",
        "config.providers.env.class": f"{PROVIDER}.EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": "RECADO_.*",
        "config.providers.file.class": f"{PROVIDER}.FileConfigProvider",
        "config.providers.file.param.allowed.paths": secrets_dir,
        "config.providers.dir.class": f"{PROVIDER}.DirectoryConfigProvider",
        "config.providers.dir.param.allowed.paths": secrets_dir,
    }


def prepare(folder: Path, bootstrap: str, port: int, plugins: Path, secrets_dir: Path) -> Path:
    """Write the worker's configuration and return its path."""
    files.private_dir(folder)
    files.private_dir(secrets_dir)
    config = folder / "connect.properties"
    files.write(config, render(worker_properties(bootstrap, port, plugins, secrets_dir)))
    return config


def program(folder: Path, java: list[str], config: Path) -> Program:
    """Return how supervisord runs the worker."""
    env = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", "MALLOC_ARENA_MAX": "2"}
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    return Program("connect", (*java, main, str(config)), folder, env, priority=30)


def is_ready(url: str) -> bool:
    """Tell whether the worker has joined its group and answers."""
    try:
        answer = httpx.get(f"{url}/health", timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK
