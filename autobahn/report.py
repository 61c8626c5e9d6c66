#!/usr/bin/env python3
"""The counting half of run.sh: which cases there are, and what came out of them.

    report.py count PATTERN…                    how many cases the patterns select
    report.py slice N OF PATTERN…               the N-th share of them, as a JSON list
    report.py check ROLE… --cases PATTERN…      merge, compare, print; exit 1 unless all is well

`check` reads what wstest left in .work/runs/ROLE/*/index.json, writes results/ROLE.json and
compares it with expected/ROLE.json. A case that was selected and has no result is a failure.
"""

import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
AGENT = "bowstring"

# Every case of autobahntestsuite 0.8.2, 517 of them: the family, and how many it has.
FAMILIES = {
    "1.1": 8, "1.2": 8, "2": 11, "3": 7, "4.1": 5, "4.2": 5, "5": 20,
    "6.1": 3, "6.2": 4, "6.3": 2, "6.4": 4, "6.5": 5, "6.6": 11, "6.7": 4, "6.8": 2,
    "6.9": 4, "6.10": 3, "6.11": 5, "6.12": 8, "6.13": 5, "6.14": 10, "6.15": 1, "6.16": 3,
    "6.17": 5, "6.18": 5, "6.19": 5, "6.20": 7, "6.21": 8, "6.22": 34, "6.23": 7,
    "7.1": 6, "7.3": 6, "7.5": 1, "7.7": 13, "7.9": 9, "7.13": 2,
    "9.1": 6, "9.2": 6, "9.3": 9, "9.4": 9, "9.5": 6, "9.6": 6, "9.7": 6, "9.8": 6, "10.1": 1,
    "12.1": 18, "12.2": 18, "12.3": 18, "12.4": 18, "12.5": 18,
    "13.1": 18, "13.2": 18, "13.3": 18, "13.4": 18, "13.5": 18, "13.6": 18, "13.7": 18,
}
CASES = [f"{family}.{n}" for family, size in FAMILIES.items() for n in range(1, size + 1)]

SECTIONS = {
    "1": "framing", "2": "pings and pongs", "3": "reserved bits", "4": "opcodes",
    "5": "fragmentation", "6": "UTF-8", "7": "closing", "9": "limits", "10": "auto-fragmentation",
    "12": "compression, payloads", "13": "compression, parameters",
}

# The RFC leaves the outcome of these three open, so wstest never says OK to them.
ALWAYS_INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}

FIELDS = ("behavior", "behaviorClose", "remoteCloseCode")
MISSING = dict(zip(FIELDS, ("MISSING", "MISSING", None)))
# From best to worst; whatever else wstest may say ("FAILED BY CLIENT", …) is worse than all but MISSING.
VERDICTS = ["OK", "INFORMATIONAL", "NON-STRICT", "UNCLEAN", "FAILED"]


def select(patterns):
    """The cases that wstest itself would select: its patterns are not anchored at their end."""
    chosen = set()
    for pattern in patterns:
        if "*" in pattern:
            regex = re.compile(pattern.replace(".", r"\.").replace("*", ".*"))
            found = {case for case in CASES if regex.match(case)}
        else:
            found = {pattern} & set(CASES)
        if not found:
            sys.exit(f"report.py: {pattern!r} selects no case")
        chosen |= found
    return [case for case in CASES if case in chosen]


def merge(role):
    """The results of all slices: {case: {field: value}}."""
    results = {}
    for index in sorted((HERE / ".work" / "runs" / role).glob("*/index.json")):
        for agent, cases in json.loads(index.read_text()).items():
            if agent != AGENT:
                sys.exit(f"report.py: {index} speaks of {agent!r}, not of {AGENT!r}")
            for case, result in cases.items():
                results[case] = {field: result[field] for field in FIELDS}
    return results


def write(path, results):
    """One line a case, in the order of the cases and without times, so that a diff means something."""
    path.parent.mkdir(exist_ok=True)
    lines = [f"  {json.dumps(case)}: {json.dumps(results[case])}" for case in CASES if case in results]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def is_fine(case, result):
    allowed = {"INFORMATIONAL"} if case in ALWAYS_INFORMATIONAL else {"OK"}
    # How the connection was closed is judged even where what was said is not.
    return result["behavior"] in allowed and result["behaviorClose"] in allowed | {"OK"}


def worse(result):
    rank = {verdict: n for n, verdict in enumerate(VERDICTS)} | {"MISSING": 99}
    return max(result["behavior"], result["behaviorClose"], key=lambda verdict: rank.get(verdict, 98))


def show(result):
    if result is None:
        return "nothing"
    return "{behavior}, closing {behaviorClose}, code {remoteCloseCode}".format(**result)


def table(outcomes):
    """One row per section and role; a case is counted once, under the worse of its two verdicts."""
    seen = {worse(result) for results in outcomes.values() for result in results.values()}
    columns = VERDICTS + sorted(seen - set(VERDICTS))
    header = f"{'section':<28} {'role':<12} {'cases':>5}" + "".join(f"{c:>{len(c) + 2}}" for c in columns)
    print(header)

    def row(title, role, verdicts):
        numbers = "".join(f"{verdicts[c] or '.':>{len(c) + 2}}" for c in columns)
        print(f"{title:<28} {role:<12} {sum(verdicts.values()):>5}{numbers}")

    for section, title in SECTIONS.items():
        for role, results in outcomes.items():
            verdicts = Counter(worse(r) for case, r in results.items() if case.split(".")[0] == section)
            if verdicts:
                row(f"{section:>2}  {title}", role, verdicts)
    print("-" * len(header))
    for role, results in outcomes.items():
        row("    all", role, Counter(worse(r) for r in results.values()))
    print()


def check(roles, selected):
    outcomes, troubles = {}, []
    for role in roles:
        found = merge(role)
        write(HERE / "results" / f"{role}.json", found)
        if unasked := sorted(found.keys() - set(selected)):
            troubles.append(f"{role}: wstest ran cases that were not selected: {', '.join(unasked)}")
        outcomes[role] = {case: found.get(case, MISSING) for case in selected}
    table(outcomes)

    for role, results in outcomes.items():
        got = sum(result != MISSING for result in results.values())
        print(f"{role}: {got} of {len(selected)} cases have a result")
        bad = [case for case in selected if not is_fine(case, results[case])]
        troubles += [f"{role}: {case}: {show(results[case])}" for case in bad if results[case] != MISSING]
        if missing := [case for case in selected if results[case] == MISSING]:
            some = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
            troubles.append(f"{role}: {len(missing)} cases have no result: {some}")

        # Over HTTP/2 the same is expected.
        over = role.removesuffix("-http2")
        committed = HERE / "expected" / f"{over}.json"
        expected = json.loads(committed.read_text()) if committed.exists() else {}
        unknown = [case for case in selected if case not in expected]
        if unknown:
            print(f"{role}: expected/{over}.json does not know {len(unknown)} of these cases; see README.md")
        for case in selected:
            if case in expected and expected[case] != results[case]:
                troubles.append(f"{role}: {case}: - {show(expected[case])}\n{' ' * len(f'{role}: {case}: ')}+ {show(results[case])}")

    for trouble in troubles:
        print(trouble)
    print("FAILED" if troubles else "all is well")
    return 1 if troubles else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    count = commands.add_parser("count")
    share = commands.add_parser("slice")
    share.add_argument("n", type=int)
    share.add_argument("of", type=int)
    for command in (count, share):
        command.add_argument("patterns", nargs="+")
    checking = commands.add_parser("check")
    checking.add_argument("roles", nargs="+", choices=("server", "client", "server-http2", "client-http2"))
    checking.add_argument("--cases", dest="patterns", nargs="+", required=True)
    args = parser.parse_args()

    selected = select(args.patterns)
    if args.command == "count":
        print(len(selected))
    elif args.command == "slice":
        print(json.dumps(selected[args.n :: args.of]))
    else:
        return check(args.roles, selected)


if __name__ == "__main__":
    sys.exit(main())
