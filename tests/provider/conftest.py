from collections.abc import Iterator

import pytest

from tests.provider.sandbox.running import Running, running


@pytest.fixture(scope="session")
def _shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def gateway(_shared_gateway: Running) -> Running:
    """A running gateway without faults; its ledger holds what earlier tests sent."""
    assert _shared_gateway.client.delete("/v1/faults").status_code == 204
    return _shared_gateway
