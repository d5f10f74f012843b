"""Throw faults at a running server while clients talk to it, and count what was lost.

    python tests/benchmarks/server_faults.py [--faults 200] [--clients 20] [--seed 0] [--only KIND]

Prints a table of the faults with the seconds until a new message was answered again, the messages by what became
of them, and every complaint. Exits with 1 if there is one. Runs as any user; faults of a full disk need one who
may mount a small file system.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from server_faults import Campaign, small_disk


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", metavar="KIND", action="append", help="only this kind of fault, such as killed"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, small_disk(Path(name) / "disk") as disk:
        begun = time.monotonic()
        campaign = Campaign(Path(name), asked.clients, seed=asked.seed, disk=disk, only=asked.only)
        campaign.run(campaign.draw(asked.faults), lambda line: print(line, flush=True))
        numbers = campaign.verify()
        print("\n| fault | times | in service after, s: median | worst |\n|---|---:|---:|---:|")
        for kind, times in sorted(campaign.done.items()):
            took = sorted(campaign.recovery.get(kind, [float("nan")]))
            print(f"| {kind} | {times} | {took[len(took) // 2]:.1f} | {took[-1]:.1f} |")
        print("\n" + "; ".join(f"{name}: {number:,}" for name, number in numbers.items()))
        print(
            f"{sum(client.tries for client in campaign.clients):,} requests; {time.monotonic() - begun:.0f} s"
        )
        for complaint in campaign.complaints:
            print(f"- {complaint}")
        print(f"{len(campaign.complaints)} complaints")
        if campaign.complaints:
            log = Path(tempfile.gettempdir()) / "server_faults.log"
            log.write_bytes((Path(name) / "server.log").read_bytes())
            print(f"the server's log: {log}")
    return bool(campaign.complaints)


if __name__ == "__main__":
    sys.exit(main())
