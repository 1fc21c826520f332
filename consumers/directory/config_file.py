"""The last known configuration as a file: whole or absent, readable by its owner only (it holds phone numbers)."""

import os
import tempfile
from pathlib import Path

import msgspec
import structlog

from schemas.codec import decoder, encode
from schemas.config import Snapshot

_decoder = decoder(Snapshot)
_log = structlog.get_logger()


class ConfigFile:
    """A snapshot at `path`. Several processes may write it; each write replaces the file whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Snapshot | None:
        """Return the stored snapshot, None when there is no usable one."""
        try:
            return _decoder.decode(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            _log.error("config_file_unusable", path=str(self.path), reason=str(error))
            return None

    def write(self, snapshot: Snapshot) -> None:
        """Store the snapshot. A full or read-only disk is logged: the configuration in force is not less true."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=self.path.name, dir=self.path.parent)  # created with mode 0600
            temporary = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(encode(snapshot))
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self.path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            _log.error("config_file_not_written", path=str(self.path), reason=str(error))
