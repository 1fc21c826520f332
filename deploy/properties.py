"""Java's properties format: what Kafka and Connect read."""

from collections.abc import Mapping


def render(values: Mapping[str, object]) -> str:
    """Return the text of a properties file, sorted by key; backslashes and line ends are escaped."""
    return "".join(f"{key}={_escaped(str(value))}\n" for key, value in sorted(values.items()))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
