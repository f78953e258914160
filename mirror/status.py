"""How a publication is doing, from its own records: nothing is contacted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mirror.commands.reader import span
from mirror.errors import PartlyDone
from mirror.publication import Publication


@dataclass(slots=True, kw_only=True)
class Status:
    """What `status` shows. `warnings` are what needs somebody."""

    name: str
    origin: str
    fingerprint: str
    log: dict[str, Any]
    outlets: list[dict[str, Any]] = field(default_factory=list)
    targets: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    running: str | None = None

    @property
    def status(self) -> int:
        return PartlyDone.status if self.warnings else 0

    def as_json(self) -> dict[str, Any]:
        names = (
            "name",
            "origin",
            "fingerprint",
            "running",
            "log",
            "outlets",
            "targets",
            "warnings",
            "advice",
            "status",
        )
        return {name: getattr(self, name) for name in names}

    def lines(self) -> list[str]:
        log = self.log
        lines = [f"{self.name} ({self.origin})", f"pinned by readers: {self.fingerprint}"]
        if self.running:
            lines.append(f"a run is going on: {self.running}")
        age = "none yet" if log["age_seconds"] is None else f"{span(log['age_seconds'])} old"
        lines.append(
            f"log {log['origin']}: {log['size']} entries, edition {log['serial']}, {age}, {log['pending']} waiting"
        )
        lines.append("")
        for one in self.outlets:
            lines.append(
                f"outlet {one['id']:18} {one['articles']:6} articles · last ok {one['ok_age'] or 'never'}"
                f" · last new {one['yield_age'] or 'never'}"
            )
        for one in self.targets:
            lines.append(
                f"target {one['name']:18} {one['backlog']:6} files behind · last ok {one['ok_age'] or 'never'}"
                f" · read back: {one['audit'] or 'not yet'}{' (paused)' if one['paused'] else ''}"
            )
        if self.warnings or self.advice:
            lines.append("")
            lines += [f"! {warning}" for warning in self.warnings]
            lines += [f"  {advice}" for advice in self.advice]
        return lines

    def html(self) -> bytes:
        """The same as a page: no script, nothing loaded from elsewhere."""
        from html import escape

        lines = "\n".join(escape(line) for line in self.lines())
        state = "needs attention" if self.warnings else "good"
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            f"<title>{escape(self.name)}: {state}</title>"
            "<style>:root{color-scheme:light dark}body{font:15px/1.5 ui-monospace,monospace;margin:1.5rem}"
            "pre{white-space:pre-wrap}</style>"
            f"<pre>{lines}</pre></html>\n"
        ).encode()


def gather(publication: Publication, *, now: datetime) -> Status:
    """The state of everything; reads the state database without the lock."""
    config = publication.config
    with publication.archive() as archive, archive.state.reading() as tx:
        head = tx.head()
        who = archive.holder()
        report = Status(
            name=config.publication.name,
            origin=config.publication.origin,
            fingerprint=publication.fingerprint(),
            running=f"process {who.pid} since {who.since}" if who else None,
            log={
                "origin": head.origin,
                "size": head.size,
                "root": head.root.hex(),
                "serial": head.serial,
                "time": head.time if head.serial else None,
                "age_seconds": _age(head.time, now) if head.serial else None,
                "pending": tx.pending_count(),
            },
        )
        last = tx.head_seq()
        for outlet in config.outlets.values():
            row = tx.outlet(outlet.id)
            report.outlets.append(
                {
                    "id": outlet.id,
                    "name": outlet.name,
                    "paused": outlet.paused,
                    "articles": tx.article_count(outlet.id),
                    "last_ok": row.last_ok,
                    "ok_age": _words(row.last_ok, now),
                    "last_yield": row.last_yield,
                    "yield_age": _words(row.last_yield, now),
                    "error": row.last_error,
                    "failures": row.failures,
                }
            )
            if row.last_error and not outlet.paused:
                report.warnings.append(f"outlet {outlet.id}: {row.last_error}")
        for target in config.targets.values():
            state = tx.target(target.name)
            report.targets.append(
                {
                    "name": target.name,
                    "url": target.url,
                    "public": target.public,
                    "paused": target.paused,
                    "backlog": last - state.cursor,
                    "last_ok": state.last_ok,
                    "ok_age": _words(state.last_ok, now),
                    "error": state.last_error,
                    "failures": state.failures,
                    "audit": state.audit_result,
                    "audited": state.last_audit,
                }
            )
            if target.paused:
                continue
            if state.last_error:
                report.warnings.append(f"target {target.name}: {state.last_error}")
            elif state.audit_result not in (None, "ok"):
                report.warnings.append(
                    f"target {target.name}: read back as {state.audit_result}: {state.audit_detail or ''}"
                )
        _advise(report, publication, now)
    return report


def _advise(report: Status, publication: Publication, now: datetime) -> None:
    config = publication.config
    age = report.log["age_seconds"]
    if age is not None and age > config.edition.due:
        report.warnings.append(f"the newest edition is {span(age)} old; readers are told it is stale. Is cron running?")
    if not config.outlets:
        report.advice.append("no outlets yet: tamizdat outlet add https://…")
    if not config.targets:
        report.advice.append("no targets yet: tamizdat target add NAME URL")
    elif len([one for one in config.targets.values() if not one.paused]) < 2:
        report.advice.append("one target only: when it is blocked, readers have nothing; add another")


def _age(time: str, now: datetime) -> int:
    then = datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return max(int((now - then).total_seconds()), 0)


def _words(time: str | None, now: datetime) -> str | None:
    return f"{span(_age(time, now))} ago" if time else None
