"""What somebody runs who watches a publication from outside: `monitor`."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirror.errors import UsageError
from mirror.output import Output, count, entries, one_line

if TYPE_CHECKING:
    from mirror.monitor import Monitor, Report
    from signing.policy import Policy

HOOK_TIMEOUT = 60.0


def monitor(args: argparse.Namespace, out: Output) -> int:
    """Look at all mirrors once, or again and again; the status of the last look."""
    from mirror import durable
    from mirror.monitor import Monitor

    hook = _hook_words(args.hook)
    if args.every is not None and not 1 <= args.every <= 86_400 * 30:
        raise UsageError("--every is from 1 second to 30 days")
    if not args.mirrors and not args.acknowledge:
        raise UsageError("monitor needs the address of at least one mirror")
    pin = _pin(args)
    folder = args.state or _default_state(pin, args.mirrors)
    try:
        durable.make_folder(folder)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}") from None
    with durable.only_one(folder / "lock", "another monitor is at work here"):
        watching = Monitor(args.mirrors, pin=pin, folder=folder, policy=_policy(args.witness), warn=out.note)
        if args.acknowledge:
            known = watching.acknowledge()
            for alarm in known:
                out.say(f"acknowledged: {alarm.text}")
            if not known:
                out.say("there is no alarm to acknowledge")
            if not args.mirrors:
                out.result({"acknowledged": [alarm.key for alarm in known], "status": 0})
                return 0
        while True:
            report = watching.look(datetime.now(UTC))
            _show(report, out)
            status = max(report.status, _tell(watching, report, hook, out))
            if args.every is None:
                return status
            time.sleep(args.every)


def _tell(watching: Monitor, report: Report, hook: list[str], out: Output) -> int:
    """Run the hook when there is something to tell that it was not told yet. 1 when it failed: it is told again at the
    next look."""
    if not hook or not report.changed:
        return 0
    problem = None
    try:
        done = subprocess.run(
            hook, input=json.dumps(report.as_json()).encode(), timeout=HOOK_TIMEOUT, check=False, stdout=2
        )
        if done.returncode:
            problem = f"ended with status {done.returncode}"
    except subprocess.TimeoutExpired:
        problem = f"was stopped after {HOOK_TIMEOUT:.0f} s"
    except OSError as error:
        problem = error.strerror or str(error)
    if problem:
        out.note(f"hook {hook[0]}: {problem}; it is tried again at the next look")
        return 1
    watching.told()
    return 0


def _show(report: Report, out: Output) -> None:
    out.say(f"{report.time}  {one_line(report.publication or 'unknown publication')}")
    for log in report.logs:
        counted = entries(log["size"])
        closed = ", closed" if log["frozen"] else ""
        out.say(f"  log {one_line(log['origin'])}: {counted}, {count(log['editions'], 'edition')}{closed}")
    for one in report.mirrors:
        size = "" if one["size"] is None else f" at {one['size']}"
        detail = f": {one_line(one['detail'])}" if one["detail"] else ""
        out.say(f"  mirror {one['address']}: {one['state']}{size}{detail}")
    for finding in report.findings:
        out.say(f"! {one_line(finding.text)}")
    for alarm in report.alarms:
        out.say(f"!! {alarm.time}  {one_line(alarm.text)}")
        if alarm.evidence:
            out.say(f"   evidence: {alarm.evidence}")
    if report.alarms:
        out.say("   --acknowledge says that these are known")
    if not report.findings and not report.alarms:
        out.say("  all is well")
    out.result(report.as_json())


def _hook_words(command: str | None) -> list[str]:
    if command is None:
        return []
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--hook: {error}") from None
    if not words:
        raise UsageError("--hook is empty")
    return words


def _policy(path: Path | None) -> Policy | None:
    from signing.errors import SigningError
    from signing.policy import MAX_BYTES, Policy

    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return Policy.parse(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except SigningError as error:
        raise UsageError(f"{path}: {error}") from None


def _pin(args: argparse.Namespace) -> str | bytes | None:
    from mirror.commands.reader import _own_pin
    from mirror.commands.reader import _pin as given_pin

    given = given_pin(args.trust)
    return given if given is not None else _own_pin(args.config)


def _default_state(pin: str | bytes | None, mirrors: list[str]) -> Path:
    """A folder of this publication's, or without a pin of these mirrors'."""
    text: Any = pin.encode() if isinstance(pin, str) else pin
    if text is None:
        raise UsageError(
            "monitor needs --trust, or the --state DIR of an earlier time",
            hint="get the publication's fingerprint from a channel you trust, then give --trust sha256:…",
        )
    if isinstance(pin, bytes):
        text = f"sha256:{hashlib.sha256(pin).hexdigest()}".encode()
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "tamizdat" / "monitor" / hashlib.sha256(text).hexdigest()[:16]
