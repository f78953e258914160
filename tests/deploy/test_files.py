"""The other files in deploy/, each judged by the program it is for."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import ROOT, program

DEPLOY = ROOT / "deploy"
SERVICE = DEPLOY / "systemd/tamizdat.service"
TIMER = DEPLOY / "systemd/tamizdat.timer"


def ran(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=dict(os.environ) | {"LC_ALL": "C", "SYSTEMD_LOG_COLOR": "0"} | environment,
    )


def value(unit: Path, key: str) -> str:
    found = re.findall(rf"^{key}=(.*)$", unit.read_text("utf-8"), flags=re.MULTILINE)
    assert len(found) == 1, key
    return str(found[0])


def options_of(command: list[str]) -> set[str]:
    """The words of a command line that the tool itself must understand."""
    return {word for word in command if word.startswith("--")}


def known_to_run() -> str:
    """What `tamizdat run --help` prints."""
    return ran(sys.executable, "-c", "from mirror.cli import main; main()", "run", "--help").stdout


# ── systemd ──


def test_the_service_can_be_given_the_passphrase_of_the_keys() -> None:
    """A line to take the # from, and the page that says what else; both name the credential that the tool asks for."""
    assert re.findall(r"^#LoadCredential=keys:(.*)$", SERVICE.read_text("utf-8"), re.MULTILINE) == [
        "/etc/tamizdat/keys-passphrase"
    ]
    page = (DEPLOY / "README.md").read_text("utf-8")
    assert 'passphrase = "cred:keys"' in page
    assert "runbooks/two-of-three.md" in page.partition("4. **Say whom to take")[0]


def test_systemd_finds_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    # The tool is not installed in /opt here: a program that is stands in its place, and nothing else is changed.
    units = []
    for unit in sorted(SERVICE.parent.iterdir()):
        text = unit.read_text("utf-8")
        assert text.count("\nExecStart=/opt/tamizdat/bin/tamizdat ") == (unit.suffix == ".service")
        units.append(tmp_path / unit.name)
        units[-1].write_text(re.sub("^ExecStart=/opt/tamizdat/bin/tamizdat", "ExecStart=/bin/true", text, flags=re.M))
    assert len(units) == 5
    checked = ran(program("systemd-analyze"), "verify", "--man=no", *units)
    # An unknown key is only a warning with status 0, so silence is what is asked for.
    assert (checked.returncode, checked.stderr) == (0, "")
    broken = tmp_path / "broken.service"
    broken.write_text((tmp_path / SERVICE.name).read_text().replace("ProtectHome=", "ProtectHoome="))
    assert "ProtectHoome" in ran(program("systemd-analyze"), "verify", "--man=no", broken).stderr


def test_the_services_are_well_confined() -> None:
    services = sorted(SERVICE.parent.glob("*.service"))
    assert len(services) == 3
    for service in services:
        checked = ran(program("systemd-analyze"), "security", "--offline=true", "--threshold=30", "--no-pager", service)
        assert checked.returncode == 0, checked.stdout[-400:]


def test_the_folder_of_a_service_is_made_before_anything_is_made_in_it() -> None:
    """`useradd --system` makes no home, and a unit whose condition fails is not started and makes no folder either."""
    for name in ("tamizdat", "tamizdat-witness"):
        unit = (SERVICE.parent / f"{name}.service").read_text("utf-8")
        made, used = f"#   install -d -o {name} -g {name} -m 700 /var/lib/{name}\n", f"#   runuser -u {name} -- "
        assert f"ConditionPathExists=/var/lib/{name}/" in unit
        assert unit.index(f"--home-dir /var/lib/{name} ") < unit.index(made) < unit.index(used)


def test_the_timer_fires_every_quarter_of_an_hour() -> None:
    checked = ran(program("systemd-analyze"), "calendar", "--iterations=3", value(TIMER, "OnCalendar"))
    assert checked.returncode == 0, checked.stderr
    minutes = re.findall(r"\d\d:(\d\d):00 UTC", checked.stdout)
    assert set(minutes) <= {"00", "15", "30", "45"}
    assert len(minutes) >= 3


def test_a_run_that_finds_another_one_is_no_failure_but_a_partial_one_is() -> None:
    assert value(SERVICE, "SuccessExitStatus") == "75"
    assert value(SERVICE, "Type") == "oneshot"


# ── cron ──


def test_cron_accepts_the_crontab() -> None:
    checked = ran(program("crontab"), "-n", DEPLOY / "crontab")
    if "invalid option" in checked.stderr or "usage" in checked.stderr:
        pytest.skip("this cron cannot check a file without installing it")
    assert checked.returncode == 0, checked.stderr


def test_the_crontab_is_one_line_of_five_fields_and_a_command() -> None:
    lines = [line for line in (DEPLOY / "crontab").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert len(lines) == 1
    *fields, command = lines[0].split(None, 5)
    assert len(fields) == 5
    assert all(re.fullmatch(r"\*|\d+(,\d+)*", field) for field in fields)
    minutes = [int(minute) for minute in fields[0].split(",")]
    assert all(0 <= minute < 60 for minute in minutes)
    assert 0 not in minutes  # where everybody's cron fires
    assert "%" not in command  # cron reads that as the end of the line
    assert ran("sh", "-n", "-c", command).returncode == 0


def test_cron_and_systemd_give_options_that_the_tool_has() -> None:
    command = (DEPLOY / "crontab").read_text("utf-8").splitlines()[-1].split(None, 5)[5]
    help_text = known_to_run()
    for words in (shlex.split(command), shlex.split(value(SERVICE, "ExecStart"))):
        assert "run" in words
        for option in options_of(words):
            assert option in help_text, option


# ── container ──


def test_hadolint_has_nothing_to_say_about_the_containerfile() -> None:
    checked = ran(program("hadolint"), DEPLOY / "Containerfile")
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_container_gets_every_package_and_no_more_rights_than_it_needs() -> None:
    lines = (DEPLOY / "Containerfile").read_text("utf-8").splitlines()
    copied = {
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    }
    assert {"pyproject.toml", "README.md", "mirror", "signing", "schemas"} <= copied
    for name in copied:
        assert (ROOT / name).exists(), name
    last_stage = lines[max(index for index, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert "USER 10001" in last_stage
    entry = [json.loads(line.removeprefix("ENTRYPOINT ")) for line in last_stage if line.startswith("ENTRYPOINT ")]
    assert entry == [["tamizdat"]]
    assert ran(sys.executable, "-c", "import mirror.cli").returncode == 0


# ── the page about them ──


def test_the_page_about_deployment_names_every_file_and_no_other() -> None:
    text = (DEPLOY / "README.md").read_text("utf-8")
    there = {str(path.relative_to(DEPLOY)) for path in DEPLOY.rglob("*") if path.is_file()} - {"README.md"}
    for name in there:
        assert name in text, name
    named = set(re.findall(r"\]\(([^)#:]+)\)", text))
    for name in named:
        assert (DEPLOY / name).exists(), name


# ── witness and monitor ──

WATCHERS = [DEPLOY / "systemd" / f"tamizdat-{name}" for name in ("witness.service", "monitor.service", "monitor.timer")]


def test_systemd_finds_nothing_to_say_about_witness_and_monitor(tmp_path: Path) -> None:
    for unit in WATCHERS:
        text = unit.read_text("utf-8")
        (tmp_path / unit.name).write_text(text.replace("/opt/tamizdat/bin/tamizdat", "/bin/true"))
    checked = ran(program("systemd-analyze"), "verify", "--man=no", *(tmp_path / unit.name for unit in WATCHERS))
    assert (checked.returncode, checked.stderr) == (0, "")
    for unit in WATCHERS[:2]:
        secure = ran(program("systemd-analyze"), "security", "--offline=true", "--threshold=30", "--no-pager", unit)
        assert secure.returncode == 0, secure.stdout[-400:]
    assert ran(program("systemd-analyze"), "calendar", value(WATCHERS[2], "OnCalendar")).returncode == 0


@pytest.mark.parametrize(("unit", "words"), [(WATCHERS[0], ["witness", "serve"]), (WATCHERS[1], ["monitor"])])
def test_witness_and_monitor_are_started_with_options_that_the_tool_has(unit: Path, words: list[str]) -> None:
    command = shlex.split(value(unit, "ExecStart"))
    assert command[1 : 1 + len(words)] == words
    shown = ran(sys.executable, "-c", "from mirror.cli import main; main()", *words, "--help").stdout
    for option in options_of(command):
        assert option in shown, option
