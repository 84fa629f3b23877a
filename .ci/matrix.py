#!/usr/bin/env python3
"""Writes the conformance matrix, backends by rules, into docs/conformance.md, from a report of the whole suite.

    LOGKIT_REPORT=DIR dotnet test && .ci/matrix.py DIR/report.json            writes it
    .ci/matrix.py DIR/report.json --check                                     fails if the page differs
"""
import json
import pathlib
import sys

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "conformance.md"
BEGIN, END = "<!-- matrix -->", "<!-- end of matrix -->"
COLUMNS = {
    "InMemoryHarness": "memory",
    "DiskHarness": "disk",
    "SimulatedDiskHarness": "simulated disk",
    "PostgresHarness": "PostgreSQL",
    "GrpcOverInMemoryHarness": "gRPC, memory",
    "GrpcOverDiskHarness": "gRPC, disk",
    "GrpcOverSimulatedDiskHarness": "gRPC, simulated disk",
    "GrpcOverPostgresHarness": "gRPC, PostgreSQL",
}
SIGNS = {"passed": "✓", "failed": "**✗**", "skipped": "–", "knownDeviation": "≠"}


def matrix(report):
    harnesses = {harness["name"]: harness for harness in report["harnesses"]}
    missing = [name for name in COLUMNS if name not in harnesses]
    if missing:
        sys.exit(f"the report has no {', '.join(missing)}")
    outcomes = {name: {rule["id"]: rule["outcome"] for rule in harnesses[name]["rules"]} for name in COLUMNS}
    rules = harnesses["InMemoryHarness"]["rules"]
    lines = [f"| rule | {' | '.join(COLUMNS.values())} |", f"|---|{':-:|' * len(COLUMNS)}"]
    for rule in rules:
        signs = [SIGNS.get(outcomes[name].get(rule["id"]), "?") for name in COLUMNS]
        lines.append(f"| {rule['id']} | {' | '.join(signs)} |")
    counts = [sum(outcome == "passed" for outcome in outcomes[name].values()) for name in COLUMNS]
    lines.append(f"| passed of {len(rules)} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


report = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
page = PAGE.read_text(encoding="utf-8")
before, _, rest = page.partition(BEGIN)
_, _, after = rest.partition(END)
expected = f"{before}{BEGIN}\n\n{matrix(report)}\n\n{END}{after}"
if "--check" not in sys.argv:
    PAGE.write_text(expected, encoding="utf-8")
elif page != expected:
    old = set(page.splitlines())
    print(*[line for line in expected.splitlines() if line not in old], sep="\n")
    sys.exit(f"{PAGE.name} is not what this run found: write it with .ci/matrix.py {sys.argv[1]}")
