"""All settings of a process, one tree, prefix `RECADO_`, nested by `__`. Listed in docs/settings.md."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import Invalid


class Timings(BaseModel):
    """Kafka's three nested time limits and the runtime's ticks, in milliseconds. Ratios are checked, not values."""

    commit_ms: int = 8_000
    transaction_ms: int = 10_000
    session_ms: int = 15_000
    max_poll_ms: int = 60_000
    tick_ms: int = 50
    idle_poll_ms: int = 100

    @model_validator(mode="after")
    def nested(self) -> "Timings":
        """Commit < transaction < session: a zombie's transaction ends before its successor starts."""
        if not 0 < self.commit_ms < self.transaction_ms < self.session_ms <= self.max_poll_ms:
            message = "timings must satisfy 0 < commit_ms < transaction_ms < session_ms <= max_poll_ms"
            raise ValueError(message)
        return self


class KafkaSettings(BaseModel):
    """How to reach Kafka. `options` are extra librdkafka properties (SASL, TLS); secrets by `password_file`."""

    bootstrap: str = "127.0.0.1:9092"
    replication_factor: int = 1
    partitions: int = 12
    options: dict[str, str] = Field(default_factory=dict)
    username: str | None = None
    password: SecretStr | None = None


class ConnectSettings(BaseModel):
    """How to reach Kafka Connect's REST interface."""

    url: str = "http://127.0.0.1:8083"
    secrets_dir: str | None = None


class HttpSettings(BaseModel):
    """Where a process serves /healthz, /readyz and /metrics; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0


class GatewaySettings(BaseModel):
    """Where the gateways of channels may be. Public addresses are always allowed, private ones only these."""

    networks: str | None = None

    @field_validator("networks")
    @classmethod
    def readable(cls, text: str | None) -> str | None:
        """Networks or addresses, parted by commas: `10.0.0.0/8, 192.168.1.7`."""
        for part in (text or "").replace(",", " ").split():
            ip_network(part)
        return text


class HooksSettings(BaseModel):
    """Where the role `hooks` listens for gateways; port 0 takes a free one, and `run all` leaves the role out."""

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65_535)


class LogSettings(BaseModel):
    """Structured logs on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Settings(BaseSettings):
    """Everything a process reads from its environment. Raises `Invalid` RCD-601 through `load`."""

    model_config = SettingsConfigDict(env_prefix="RECADO_", env_nested_delimiter="__", extra="forbid")

    cell: str = Field(default="main", pattern=r"^[a-z][a-z0-9-]{0,30}$")
    ordinal: int = Field(default=0, ge=0)
    data_dir: Path = Path(".recado")
    cache_dir: Path = Field(
        default_factory=lambda: Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recado"
    )
    enabled: bool = Field(
        default=False,
        validation_alias=AliasChoices("RECADO_ENABLED", "NOTIFY_NEW_MESSAGE_ENABLED", "enabled"),
    )
    database_url: SecretStr | None = None
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    connect: ConnectSettings = Field(default_factory=ConnectSettings)
    timings: Timings = Field(default_factory=Timings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    gateways: GatewaySettings = Field(default_factory=GatewaySettings)
    hooks: HooksSettings = Field(default_factory=HooksSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    java: Path | None = None

    @classmethod
    def load(cls, **overrides: object) -> "Settings":
        """Read the environment.

        Raises:
            Invalid: RCD-601, naming the first wrong setting (never its value).
        """
        try:
            return cls(**overrides)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            name = "__".join(str(part).upper() for part in first["loc"]) or "settings"
            if name == "RECADO_ENABLED":  # an alias is named by its first word, whichever was used
                name = "NOTIFY_NEW_MESSAGE_ENABLED"
            elif first["loc"]:
                name = "RECADO_" + name
            raise Invalid("RCD-601", f"{name}: {first['msg'].removeprefix('Value error, ')}") from error
