"""The isolation audit, shown to an audience: each attack on an agent that leaks, and on one that does not.

    python exercises/isolation_demo.py            # all attacks, about a minute
    python exercises/isolation_demo.py --pause    # waits for Enter before each, to talk about it
    python exercises/isolation_demo.py asyncio forks

The leaking ones are in `threads/isolation/gallery/leaking.py`, each with one mistake that people make; let
the audience look at one and guess before the attack is run. Needs no key, and leaves nothing on the disk.
"""

from __future__ import annotations

import argparse
import sys

try:
    from threads.isolation import Report, audit
    from threads.isolation.attacks import ATTACKS, Attack
except ImportError as missing:
    sys.exit(
        f"langgraph-threads is not installed ({missing}): "
        "in the root folder of its repository, run: python -m pip install -e ."
    )

GALLERY = "threads.isolation.gallery.leaking"
OURS = "agent.catalog:build_all[support]"
NAIVE = {
    "taking turns": "constant_thread_id",
    "equal messages": "model_cached_by_its_prompt",
    "near ids": "id_from_first_name",
    "asyncio": "global_current_thread",
    "OS threads": "tool_with_shared_state",
    "failed turns": "closure_memory",
    "restarts": "module_level_list",
    "deletes and reused ids": "shared_store_namespace",
    "forks": "node_cached_by_its_input",
    "runs": "progress_of_everybody",
    "processes": "none_id",
    "kills": "swapped_ids",
}
"""For each attack an agent that does not withstand it."""


def show(attack: Attack) -> bool:
    """Run one attack on both, and say how it went; whether it went as it should."""
    print(f"\n=== {attack.name}: {attack.what} ===")
    naive = audit(f"{GALLERY}:{NAIVE[attack.name]}", attacks=[attack.name], seed=1)
    ours = audit(OURS, attacks=[attack.name], seed=1)
    tell_naive(naive)
    mark = "[OK]" if ours.clean else "[FAIL]"
    looked = sum(tried.looked for tried in ours.tried)
    print(f"  {mark} here: {ours.turns} turns, {looked} places looked at, {ours.leaked} foreign words")
    return ours.clean and naive.verdict == "leaks"


def tell_naive(report: Report) -> None:
    """What leaked, from whom to whom, the fewest steps to see it, and the remedy."""
    for finding in report.findings:
        print(f"  [LEAK] {report.target.partition(':')[2]}: {finding.what}")
        for step in finding.replay.steps:
            print(f"         {step}")
        print(f"         Remedy: {finding.remedy}")


def main(arguments: list[str] | None = None) -> int:
    names = [attack.name for attack in ATTACKS]
    parser = argparse.ArgumentParser(description="The isolation audit, shown to an audience.")
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"one of: {', '.join(names)}")
    parser.add_argument("--pause", action="store_true", help="wait for Enter before each attack")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.attacks) - set(names):
        parser.error(f"there is no attack {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    went_well = []
    for attack in ATTACKS:
        if asked.attacks and attack.name not in asked.attacks:
            continue
        if asked.pause:
            input(f"\nNext: {attack.name}. Enter goes on. ")
        went_well.append(show(attack))
    print(f"\n{sum(went_well)} of {len(went_well)} attacks: the naive agent leaks, ours does not.")
    return 0 if all(went_well) else 1


if __name__ == "__main__":
    sys.exit(main())
