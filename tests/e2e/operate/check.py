#!/usr/bin/env python3
"""What operation goes by: alert rules, the dashboard, the unit, the Dockerfile, and links between documents.

   check.py FOLDER...    the tools promtool and hadolint are looked for there, then on PATH
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import REPOSITORY, contains, equal, run_checks  # noqa: E402
from links import anchors, dead_links  # noqa: E402
from metrics import OWN_METRICS, TARGET_LABELS, complaints, selectors, table  # noqa: E402

INFRA, DOCS = REPOSITORY / "infra", REPOSITORY / "docs"
RULES, RULE_TESTS, DASHBOARD = INFRA / "alerts.yaml", INFRA / "alerts_test.yaml", INFRA / "grafana.json"
UNIT, DOCKERFILE = INFRA / "thumbgate.service", REPOSITORY / "Dockerfile"
METRICS = table(DOCS / "metrics.md")
ALERTS = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
MIB = 1024 * 1024
# What Grafana puts in place of its variables, for a parser that does not know them.
VARIABLES = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "6h", "$job": "thumbgate", "$instance": ".*"}


def tool(name: str) -> str:
    found = shutil.which(name, path=":".join(sys.argv[1:])) or shutil.which(name)
    assert found, f"{name} is missing: tests/run installs it"
    return found


def run(*command: str | Path) -> str:
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


# --- Alerts ---


def alert_rules_are_rules_and_do_what_their_tests_say() -> None:
    run(tool("promtool"), "check", "rules", RULES)
    run(tool("promtool"), "test", "rules", RULE_TESTS)


def every_alert_fires_in_one_case_and_is_silent_in_another() -> None:
    """The cases' own expectations: each lists all alerts that fire in it."""
    expected = [
        set(re.findall(r'alertname="(\w+)"', str(question["exp_samples"])))
        for case in yaml.safe_load(RULE_TESTS.read_text())["tests"]
        for question in case.get("promql_expr_test", [])
    ]
    names = {alert["alert"] for alert in ALERTS}
    equal(set().union(*expected), names, "alerts that fire in some case")
    equal([name for name in names if all(name in firing for firing in expected)], [], "alerts that always fire")


def every_alert_says_what_to_do_and_where_that_is_written() -> None:
    known = anchors(DOCS / "operate.md")
    for alert in ALERTS:
        name, annotations = alert["alert"], alert["annotations"]
        assert alert["labels"].get("severity") in ("critical", "warning", "info"), f"severity of {name}"
        equal(sorted(annotations), ["description", "runbook", "summary"], f"annotations of {name}")
        equal(annotations["runbook"], f"docs/operate.md#{name.lower()}", f"the runbook of {name}")
        assert name.lower() in known, f"docs/operate.md has no section {name}"


def alerts_name_metrics_that_there_are() -> None:
    found = [f"{alert['alert']}: {complaint}" for alert in ALERTS for complaint in complaints(alert["expr"], METRICS)]
    equal(found, [], "what alerts name in vain")


def alarms_on_aws_have_their_sections_too() -> None:
    alarms = re.findall(r"^  (\w+Alarm):$", (INFRA / "template.yaml").read_text(), re.MULTILINE)
    assert len(alarms) >= 4, alarms
    known = anchors(DOCS / "operate.md")
    equal([alarm for alarm in alarms if alarm.lower() not in known], [], "alarms that docs/operate.md says nothing about")


def no_label_can_take_any_value() -> None:
    """But for what a build says of itself, once for each process."""
    for name, metric in METRICS.items():
        open_labels = [label for label, values in metric.labels.items() if not values]
        equal(open_labels, ["version", "commit", "features"] if name == "thumbgate_build_info" else [], name)


# --- The dashboard ---


def dashboard() -> dict:
    return json.loads(DASHBOARD.read_text())


def panels() -> list[dict]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def dashboard_expressions() -> list[tuple[str, str]]:
    found = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    notes = [(note["name"], note["expr"]) for note in dashboard()["annotations"]["list"] if "expr" in note]
    return [(title, filled_in(expression)) for title, expression in found + notes]


def filled_in(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, f"a variable that is not known: {expression}"
    return expression


def the_dashboard_can_be_imported_anywhere() -> None:
    whole = dashboard()
    equal((whole["id"], whole["uid"]), (None, "thumbgate"), "ids")
    assert whole["schemaVersion"] >= 39, whole["schemaVersion"]
    equal([variable["name"] for variable in whole["templating"]["list"]], ["datasource", "job", "instance"], "variables")
    ids = [panel["id"] for panel in whole["panels"]]
    equal(len(set(ids)), len(ids), "ids of panels")
    rows = [panel["title"] for panel in whole["panels"] if panel["type"] == "row"]
    equal(rows, ["Overview", "Uploads", "Latency", "Images", "Memory", "Store", "Events", "Process"], "rows")


def every_panel_has_title_unit_datasource_and_its_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        title, place = panel["title"], panel["gridPos"]
        assert title and panel["description"], f"title and description of {panel['id']}"
        assert panel["fieldConfig"]["defaults"].get("unit"), f"the unit of {title}"
        sources = {part["datasource"]["uid"] for part in [panel, *panel["targets"]]}
        equal(sources, {"${datasource}"}, f"the datasource of {title}")
        assert all(target["legendFormat"] for target in panel["targets"]), f"the legends of {title}"
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, f"the place of {title}"
        taken |= cells


def dashboard_names_metrics_that_there_are() -> None:
    found = [f"{title}: {complaint}" for title, expression in dashboard_expressions()
             for complaint in complaints(expression, METRICS)]
    equal(found, [], "what the dashboard names in vain")


def legends_name_labels_that_there_are() -> None:
    known = TARGET_LABELS | {"le"} | {label for metric in METRICS.values() for label in metric.labels}
    for panel in panels():
        for target in panel["targets"]:
            labels = set(re.findall(r"{{\s*(\w+)\s*}}", target["legendFormat"]))
            assert labels <= known, f"{panel['title']}: {target['legendFormat']}"
            summed = re.search(r"\bby \(([^)]*)\)", target["expr"])
            if summed and labels:
                assert labels <= set(re.split(r",\s*", summed[1])), f"{panel['title']}: {target['legendFormat']}"


def dashboard_expressions_parse() -> None:
    """As recording rules: promtool reads the expressions of those."""
    rules = [{"record": f"panel:{number}", "expr": expression}
             for number, (_, expression) in enumerate(dashboard_expressions())]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        contains(run(tool("promtool"), "check", "rules", file.name), f"{len(rules)} rules found", "promtool")


def every_metric_of_ours_is_shown() -> None:
    shown = {name for _, expression in dashboard_expressions() for name, _ in selectors(expression)}
    shown |= {re.sub("_(bucket|sum|count)$", "", name) for name in shown}
    ours = {name for name in METRICS if name.startswith("thumbgate_")}
    equal(sorted(ours - shown), [], "metrics that no panel shows")
    assert shown & OWN_METRICS.keys() == OWN_METRICS.keys(), shown


# --- The unit and the image ---


def unit_settings() -> dict[str, list[str]]:
    settings: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings.setdefault(name, []).append(value)
    return settings


def the_units_limits_fit_the_settings() -> None:
    settings = unit_settings()
    environment = dict(pair.split("=", 1) for pair in settings["Environment"])
    equal(settings["MemoryMax"], [f"{int(environment['MEMORY_BUDGET']) // MIB + 40}M"], "MemoryMax")
    assert int(settings["LimitNOFILE"][0]) >= 64 + 4 * 4096, "LimitNOFILE"
    assert int(settings["TimeoutStopSec"][0]) > 25 + 5, "TimeoutStopSec"
    equal(settings["DynamicUser"] + settings["ProtectSystem"], ["yes", "strict"], "who it runs as, and what it writes to")


def the_unit_is_one_and_hardened() -> None:
    if shutil.which("systemd-analyze") is None:
        return  # tests/run says so, and again at its end
    with tempfile.TemporaryDirectory() as folder:
        # What it starts need not be installed here.
        unit = Path(folder) / UNIT.name
        unit.write_text(UNIT.read_text().replace("/usr/local/bin/thumbgate", "/bin/true"))
        said = run("systemd-analyze", "verify", "--man=no", unit)
        equal([line for line in said.splitlines() if UNIT.name in line], [], "what systemd says about it")
        # In tenths of the ten points that a unit without any hardening has.
        run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit)


def the_dockerfile_is_well_made() -> None:
    run(tool("hadolint"), DOCKERFILE)
    last = DOCKERFILE.read_text().split("\nFROM ")[-1]
    assert last.startswith("scratch\n"), last
    assert re.search(r"^USER [1-9][0-9]*:[1-9][0-9]*$", last, re.MULTILINE), "a user who is none of the host's, by number"
    for wanted in ("HEALTHCHECK", '"/thumbgate", "health"', "EXPOSE 8080", "VOLUME /data", "ca-certificates.crt"):
        contains(last, wanted, "the Dockerfile's last stage")


# --- Documents ---


def links_lead_somewhere() -> None:
    pages = [REPOSITORY / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md")]
    pages += [*sorted(DOCS.glob("*.md")), INFRA / "README.md"]
    equal([dead for page in pages for dead in dead_links(page, REPOSITORY)], [], "links that lead nowhere")


CHECKS = [
    alert_rules_are_rules_and_do_what_their_tests_say,
    every_alert_fires_in_one_case_and_is_silent_in_another,
    every_alert_says_what_to_do_and_where_that_is_written,
    alerts_name_metrics_that_there_are,
    alarms_on_aws_have_their_sections_too,
    no_label_can_take_any_value,
    the_dashboard_can_be_imported_anywhere,
    every_panel_has_title_unit_datasource_and_its_place,
    dashboard_names_metrics_that_there_are,
    legends_name_labels_that_there_are,
    dashboard_expressions_parse,
    every_metric_of_ours_is_shown,
    the_units_limits_fit_the_settings,
    the_unit_is_one_and_hardened,
    the_dockerfile_is_well_made,
    links_lead_somewhere,
]

if __name__ == "__main__":
    sys.exit(run_checks("operate", CHECKS))
