"""The isolation audit, shown to an audience: each attack on an agent that leaks, and on one that does not.

    python exercises/isolation_demo.py            # all attacks, about a minute
    python exercises/isolation_demo.py --pause    # waits for Enter before each, to talk about it
    python exercises/isolation_demo.py asyncio forks

The leaking ones are in `exercises/isolation_gallery/leaks.py`, each with one common mistake; let the audience
read one and guess before the attack is run. Needs no API key, and deletes its files at the end.
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

GALLERY = "isolation_gallery.leaks"
SUPPORT_AGENT = "agent.catalog:build_all[support]"
LEAKING_AGENTS = {
    "taking turns": "constant_thread_id",
    "equal messages": "model_cached_by_its_prompt",
    "near ids": "id_from_first_name",
    "asyncio": "global_current_thread",
    "OS threads": "tool_with_shared_state",
    "failed turns": "closure_memory",
    "restarts": "module_level_list",
    "deletes and reused ids": "shared_store_namespace",
    "forks": "node_cached_by_its_input",
    "runs": "progress_of_all_threads",
    "processes": "none_id",
    "kills": "swapped_ids",
}
"""For each attack the name of an agent that leaks under it."""


def show(attack: Attack) -> bool:
    """Run one attack on both agents and print the results; return whether only the first one leaks."""
    print(f"\n=== {attack.name}: {attack.what} ===")
    leaking = audit(f"{GALLERY}:{LEAKING_AGENTS[attack.name]}", attacks=[attack.name], seed=1)
    support = audit(SUPPORT_AGENT, attacks=[attack.name], seed=1)
    print_findings(leaking)
    mark = "[OK]" if support.clean else "[FAIL]"
    looked = sum(tried.looked for tried in support.tried)
    print(f"  {mark} here: {support.turns} turns, {looked} places looked at, {support.leaked} foreign words")
    return support.clean and leaking.verdict == "leaks"


def print_findings(report: Report) -> None:
    """Print the mistakes, the fewest steps that show each, and the remedies."""
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
    options = parser.parse_args(arguments)
    if unknown := set(options.attacks) - set(names):
        parser.error(f"there is no attack {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    passed = []
    for attack in ATTACKS:
        if options.attacks and attack.name not in options.attacks:
            continue
        if options.pause:
            input(f"\nNext: {attack.name}. Enter goes on. ")
        passed.append(show(attack))
    print(f"\n{sum(passed)} of {len(passed)} attacks: the naive agent leaks, ours does not.")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
