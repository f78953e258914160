"""How a publication is doing, from its own records: nothing is contacted."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mirror import limits, roster
from mirror.errors import PartlyDone
from mirror.output import count, entries, one_line
from mirror.publication import Publication
from mirror.words import span
from signing.errors import SigningError

if TYPE_CHECKING:
    from mirror.archive import Archive

# What `run` renews by itself, in days: the files' lifetimes (`signing.authority`).
RENEWED = {"timestamp": 14, "snapshot": 90}


@dataclass(slots=True, kw_only=True)
class Status:
    """What `status` shows. `warnings` are what needs somebody."""

    name: str
    origin: str
    fingerprint: str
    log: dict[str, Any]
    outlets: list[dict[str, Any]] = field(default_factory=list)
    targets: list[dict[str, Any]] = field(default_factory=list)
    diversity: dict[str, Any] | None = None
    held: list[dict[str, Any]] = field(default_factory=list)
    witnesses: dict[str, Any] | None = None
    trust: dict[str, str] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    running: str | None = None
    troubles: list[str] = field(default_factory=list)
    """Of mirrors: in the text each of them is said where the mirror is."""
    everything: bool = False
    """Every mirror has its line, however many there are."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def status(self) -> int:
        return PartlyDone.status if self.warnings or self.troubles else 0

    def as_json(self) -> dict[str, Any]:
        names = (
            "name",
            "origin",
            "fingerprint",
            "running",
            "log",
            "outlets",
            "targets",
            "diversity",
            "held",
            "witnesses",
            "trust",
            "evidence",
            "warnings",
            "advice",
            "status",
        )
        return {name: getattr(self, name) for name in names} | {"warnings": [*self.warnings, *self.troubles]}

    def lines(self) -> list[str]:
        log = self.log
        lines = [f"{self.name} ({self.origin})", f"pinned by readers: {self.fingerprint}"]
        if self.running:
            lines.append(f"a run is going on: {self.running}")
        age = "none yet" if log["age_seconds"] is None else f"{span(log['age_seconds'])} old"
        lines.append(
            f"log {log['origin']}: {entries(log['size'])}, edition {log['serial']}, {age}, {log['pending']} waiting"
        )
        if self.witnesses is not None:
            lines.append(
                f"witnesses: {len(self.witnesses['cosigned'])} of {len(self.witnesses['known'])} cosigned the newest "
                f"checkpoint, {self.witnesses['need']} needed"
            )
            for name, one in self.witnesses["known"].items():
                lines.append(f"  {name:18} {one['ago'] or 'nothing cosigned of the newest checkpoint'}")
        if self.trust:
            lines.append("trust files valid until: " + ", ".join(f"{k} {v[:10]}" for k, v in self.trust.items()))
        lines.append("")
        for one in self.outlets:
            lines.append(
                f"outlet {one['id']:18} {one['articles']:6} article{' ' if one['articles'] == 1 else 's'}"
                f" · last ok {one['ok_age'] or 'never'}"
                f" · last new {one['yield_age'] or 'never'}"
                + (f" · {one['removed']} removed there" if one["removed"] else "")
            )
            lines += [one_line(f"  removed there: {gone['title']} <{gone['url']}>") for gone in one["removed_newest"]]
        lines += roster.lines(self.targets, self.now, everything=self.everything)
        if self.diversity and self.diversity["line"]:
            lines.append(f"for whoever blocks or closes them: {self.diversity['line']}")
        if self.held:
            lines += ["", "held back, not published:"]
            for one in self.held:
                newest = one["newest"]
                lines.append(
                    f"  {one['outlet']:18} {count(one['count'], 'page')}: {one['state']}"
                    f" · newest {newest['ago']}: {newest['url']}: {newest['reason']}"
                )
            lines.append("  tamizdat held list · held show URL · held release · held drop")
        if self.warnings or self.advice:
            lines.append("")
            lines += [f"! {warning}" for warning in self.warnings]
            lines += [f"  {advice}" for advice in self.advice]
        return lines

    def html(self) -> bytes:
        """The same as a page: no script, nothing loaded from elsewhere."""
        from html import escape

        lines = "\n".join(escape(line) for line in self.lines())
        state = "needs attention" if self.status else "good"
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            f"<title>{escape(self.name)}: {state}</title>"
            "<style>:root{color-scheme:light dark}body{font:15px/1.5 ui-monospace,monospace;margin:1.5rem}"
            "pre{white-space:pre-wrap}</style>"
            f"<pre>{lines}</pre></html>\n"
        ).encode()


def gather(publication: Publication, *, now: datetime, everything: bool = False) -> Status:
    """The state of everything; reads the state database without the lock. `everything`: a line for every mirror."""
    from mirror.archive import judged
    from mirror.held import summary

    config = publication.config
    with publication.archive() as archive, archive.state.reading() as tx:
        head = tx.head()
        who = archive.holder()
        report = Status(
            now=now,
            everything=everything,
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
        report.held = summary(judged.groups(tx))
        for one in report.held:
            one["newest"]["ago"] = _words(one["newest"]["since"], now)
        for outlet in config.outlets.values():
            row = tx.outlet(outlet.id)
            removed = tx.removed_articles(outlet.id)
            report.outlets.append(
                {
                    "id": outlet.id,
                    "name": outlet.name,
                    "paused": outlet.paused,
                    "articles": tx.article_count(outlet.id),
                    "removed": len(removed),
                    "removed_newest": [
                        {name: getattr(one, name) for name in ("url", "title", "digest")} for one in removed[:5]
                    ],
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
        report.targets = roster.gather(config, tx, now)
        report.troubles = [
            f"target {one['name']}: {trouble}"
            for one in report.targets
            if roster.needs_somebody(one)
            if (trouble := one["error"] or f"read back as {one['audit']}: {one['detail'] or ''}")
        ]
        for line in limits.of_targets((one for one in config.targets.values() if not one.paused), tx):
            (report.warnings if " is over " in line else report.advice).append(line)
        _advise(report, publication, now)
    with publication.archive() as archive:
        _watch(report, publication, archive, now)
    return report


def _watch(report: Status, publication: Publication, archive: Archive, now: datetime) -> None:
    """Witnesses, dates of the trust files, reminders about keys, and evidence that somebody must look at."""
    from mirror.changes import reminders

    _watch_witnesses(report, archive, now)
    for role, days in RENEWED.items():
        expires = _expires(publication, role)
        if expires is None:
            continue
        report.trust[role] = f"{expires:%Y-%m-%dT%H:%M:%SZ}"
        if expires <= now:
            report.warnings.append(
                f"the {role} file expired on {expires:%Y-%m-%d}: readers are warned. Is cron running?"
            )
        elif role == "timestamp" and expires - now < timedelta(days=days) / 2:
            left = (expires - now).days
            report.warnings.append(
                f"the {role} file expires in {left} days and no run has renewed it. Is cron running?"
            )
    for role in ("targets", "root"):
        if (expires := _expires(publication, role)) is not None:
            report.trust[role] = f"{expires:%Y-%m-%dT%H:%M:%SZ}"
    for line in reminders(publication, archive, now):
        # The year's end is known in advance; whatever else is reminded of is due.
        (report.advice if "ends with the year" in line else report.warnings).append(line)
    folder = publication.folder / "evidence"
    report.evidence = sorted(str(file) for file in folder.glob("*.json")) if folder.is_dir() else []
    if report.evidence:
        many = count(len(report.evidence), "file")
        report.warnings.append(
            f"evidence of two histories is in {folder} ({many}): tamizdat verify says what each "
            "proves. When it is dealt with, move it elsewhere"
        )


def _watch_witnesses(report: Status, archive: Archive, now: datetime) -> None:
    from mirror.cosign import policy_of
    from signing.cosignature import cosigners

    head, policy = archive.head(), policy_of(archive)
    if policy is not None and policy.witnesses:
        times = {}
        if head.checkpoint:
            with contextlib.suppress(SigningError):
                times = cosigners(head.checkpoint, policy.keys)
        known = {}
        for one in policy.witnesses:
            at = times.get(one.key)
            then = None if at is None else datetime.fromtimestamp(at, UTC)
            known[one.name] = {
                "url": one.url,
                "time": then and f"{then:%Y-%m-%dT%H:%M:%SZ}",
                "ago": then and f"{span(max(int((now - then).total_seconds()), 0))} ago",
            }
        cosigned = [one.name for one in policy.witnesses if one.key in times]
        waits = archive.uncosigned() is not None
        report.witnesses = {"known": known, "cosigned": cosigned, "need": policy.need, "waiting": waits}
        if waits:
            report.warnings.append(
                f"the newest seal waits for witnesses: {len(cosigned)} cosigned, {policy.need} needed; "
                "nothing new is published until then"
            )


def _expires(publication: Publication, role: str) -> datetime | None:
    """When the newest file of this role expires; None when it can't be read: `doctor` says what is wrong with it."""
    folder = publication.tree / "trust"
    names = [path.name for path in folder.glob(f"*.{role}.json") if path.name.partition(".")[0].isdecimal()]
    name = (
        "timestamp.json" if role == "timestamp" else max(names, key=lambda one: int(one.partition(".")[0]), default="")
    )
    try:
        found = json.loads((folder / name).read_bytes())["signed"]["expires"]
        return datetime.strptime(found, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (OSError, ValueError, KeyError, TypeError):
        return None


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
    _compare_mirrors(report, publication, now)


def _compare_mirrors(report: Status, publication: Publication, now: datetime) -> None:
    """How many of the mirrors one decision takes away, from what was found when they were looked at last."""
    from mirror import diversity

    targets = [one for one in publication.config.targets.values() if not one.paused]
    spots = diversity.current(publication.folder / "state", targets, now=now, again=None)
    judged = diversity.judge(spots.values())
    if judged.mirrors > 1:
        report.diversity = {
            "line": judged.line(),
            "mirrors": judged.mirrors,
            "independent": judged.independent,
            "weakest": judged.weakest,
            "counts": dict(judged.counts),
        }
        report.advice += judged.advice


def _age(time: str, now: datetime) -> int:
    then = datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return max(int((now - then).total_seconds()), 0)


def _words(time: str | None, now: datetime) -> str | None:
    return f"{span(_age(time, now))} ago" if time else None
