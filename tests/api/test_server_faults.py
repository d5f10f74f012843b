"""A server under a few injected faults; `tests/benchmarks/server_faults.py` injects hundreds."""

import sys

import pytest
from server_faults import Campaign, small_disk

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, limits and mounts of Linux")


@pytest.mark.crash
def test_server_survives_faults_without_losing_an_acknowledged_message(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        campaign = Campaign(tmp_path, clients=4, disk=disk, recovery_timeout=60)
        faults = [
            campaign.node_panics, campaign.killed, campaign.no_descriptors, campaign.removed,
            campaign.node_blocks, campaign.moved_and_restored,
        ]  # fmt: skip
        if disk:
            faults.append(campaign.disk_full)
        campaign.run(faults)
        numbers = campaign.verify()
    assert campaign.complaints == []
    assert numbers["answered"] > 20
    assert numbers.get("unfinished", 0) == 0
