"""`audit`: read mirrors back as a reader would; `--full`: all of each; `--repair`: mend what is ours to mend."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mirror.errors import DoNotTrust, PartlyDone, TamizdatError, TwoHistories, UsageError
from mirror.output import Output, count, one_line
from mirror.publication import Publication

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.audit import Audited
    from mirror.config import TargetConfig
    from mirror.findings import Verdict
    from mirror.gradual import Portion


def audit(args: argparse.Namespace, out: Output) -> int:
    """A look at every mirror, or all of each; the worst of what was found is the exit status."""
    publication = Publication.open(args.config)
    targets = publication.config.targets
    names = args.mirrors or [name for name, one in targets.items() if not one.paused]
    if not names:
        out.say("no targets yet: tamizdat target add NAME URL")
        out.result({"mirror": None, "state": "none", "detail": "no targets yet", "verdict": None})
        return 0
    worst = 0
    ours = [targets[name] for name in names if name in targets]
    if ours:
        with _archive(publication, out, lock=args.repair) as archive:
            worst = _Rounds(publication, archive, out).go(ours, full=args.full, repair=args.repair)
    for name in names:
        if name not in targets:
            worst = max(worst, _address(publication, name, out))
    return worst


@contextlib.contextmanager
def _archive(publication: Publication, out: Output, *, lock: bool) -> Iterator[Archive]:
    from mirror.run import newest

    with publication.archive() as archive:
        if not lock:
            yield archive
            return
        # Whoever sends something must know that this archive is no old copy.
        with newest(publication, archive, out) as locked:
            yield locked


class _Rounds:
    """Looks at our own mirrors, and what follows from them."""

    def __init__(self, publication: Publication, archive: Archive, out: Output) -> None:
        self._publication, self._archive, self._out = publication, archive, out
        self._now = datetime.now(UTC)

    def go(self, targets: list[TargetConfig], *, full: bool, repair: bool) -> int:
        from mirror.watching import watch

        found: dict[str, Audited] = {}
        verdicts: dict[str, Verdict] = {}
        if full:
            for target in targets:
                found[target.name] = self._whole(target, verdicts)
        else:
            looked = watch(
                self._publication, self._archive, self._out, now=self._now, names=[one.name for one in targets],
                thorough=True, mend=False,
            )  # fmt: skip
            found = {one.target: one for one in looked}
        worst = 0
        for target in targets:
            one = found.get(target.name)
            if one is None:
                self._out.say(f"{target.name:20} not looked at: the time was up ([audit] deadline)")
                worst = max(worst, PartlyDone.status)
                continue
            mended = self._mend(target, one) if repair else None
            one = mended or one
            worst = max(worst, self._tell(one, verdicts.get(target.name), repaired=mended is not None))
        return worst

    def _tell(self, found: Audited, verdict: Verdict | None, *, repaired: bool) -> int:
        self._out.result(
            {
                "mirror": found.target,
                "state": found.state,
                "detail": found.detail,
                "settled": found.settled,
                "serial": found.serial,
                "lag_serial": found.lag_serial,
                "lag_seconds": found.lag_seconds,
                "damaged": [{"path": one.path, "problem": one.problem} for one in found.damaged],
                "evidence": found.evidence,
                "repaired": repaired,
                "verdict": verdict.as_json() if verdict else None,
            }
        )
        self._out.say(one_line(f"{found.target:20} {found.state}: {found.detail}"))
        return status_of(found.state)

    # --- all of one ---------------------------------------------------------------------------------------------------

    def _whole(self, target: TargetConfig, verdicts: dict[str, Verdict]) -> Audited:
        """Everything a mirror serves, once as any reader checks it and once against our journal."""
        from mirror.audit import Audited, look, opened
        from mirror.watching import note

        with contextlib.ExitStack() as stack:
            try:
                own = None
                if not target.public:
                    own = stack.enter_context(contextlib.closing(self._publication.open_target(target)))
                mirror = stack.enter_context(contextlib.closing(opened(own, target, self._publication)))
            except TamizdatError as error:
                found = Audited(target=target.name, state="dead", detail=str(error), anonymous=False)
                return note(self._archive, target, found, self._now)
            found = look(mirror, own, target, self._publication, self._archive, now=self._now, sample=10)
            swept = None
            if found.state in ("ok", "slow", "filling", "incomplete", "tampered"):
                found, swept = self._read(target, mirror, found, verdicts)
        return note(self._archive, target, found, self._now, swept=swept)

    def _read(
        self, target: TargetConfig, mirror: Any, found: Audited, verdicts: dict[str, Verdict]
    ) -> tuple[Audited, Portion]:
        from dataclasses import replace

        from mirror.expected import Expected
        from mirror.gradual import portion
        from mirror.known import Memory
        from mirror.sweep import check_mirror

        with self._out.bar(f"audit {target.name}", unit="entry") as bar:
            verdict = check_mirror(
                mirror, pin=self._publication.fingerprint(), memory=Memory(None), now=self._now, bar=bar
            )
        verdicts[target.name] = verdict
        swept = portion(
            mirror, Expected(self._archive, target), self._archive, self._publication.folder,
            files=1 << 40, seconds=float("inf"), now=self._now, after=0, known=dict(mirror.got),
        )  # fmt: skip
        state, detail = state_of(verdict)
        if found.ok and state in ("tampered", "forked"):
            found = replace(found, state=state, detail=detail, evidence=found.evidence or verdict.evidence)
        elif found.ok:
            found = replace(found, detail=f"{found.detail}; all {count(swept.files, 'file')} compared")
        return found, swept

    # --- mending ------------------------------------------------------------------------------------------------------

    def _mend(self, target: TargetConfig, found: Audited) -> Audited | None:
        """Sends again what is wrong, and looks once more; None when nothing was to be done."""
        from mirror.repair import clean, repair
        from mirror.run import publish_all
        from mirror.watching import watch

        with self._archive.state.writing() as tx:
            # Somebody asks for it: the host gets another chance.
            tx.change_target(target.name, relapses=0)
        try:
            made = repair(
                self._publication, self._archive, target, now=self._now, emptied=found.emptied, again=True, most=1 << 30
            )
            with contextlib.closing(self._publication.open_target(target)) as opened:
                removed = clean(opened)
        except TamizdatError as error:
            self._out.say(f"{target.name:20} can't be mended: {error}")
            return None
        if removed:
            self._out.say(f"{target.name:20} {count(removed, 'file')} that a probe had left removed")
        if made is None:
            return None
        if made.detail:
            self._out.say(f"{target.name:20} {made.detail}")
        publish_all(self._publication, self._archive, self._out, [target.name])
        with self._archive.state.reading() as tx:
            wrong = tx.damaged(target.name)
        again = watch(
            self._publication, self._archive, self._out, now=datetime.now(UTC), names=[target.name], thorough=True,
            mend=False, recheck={target.name: [one.path for one in wrong]},
        )  # fmt: skip
        return again[0] if again else None


def status_of(state: str) -> int:
    """The exit status for what a mirror was found to be."""
    if state in ("ok", "slow", "filling"):
        return 0
    return {"forked": TwoHistories.status, "tampered": DoNotTrust.status}.get(state, PartlyDone.status)


# --- any address ---------------------------------------------------------------------------------------------------


def state_of(verdict: Verdict) -> tuple[Any, str]:
    """A reader's verdict on a whole mirror as one of the states of `mirror.audit`, with its first problem."""
    state = "tampered"
    if verdict.evidence:
        state = "forked"
    elif verdict.authentic:
        state = "ok" if verdict.status == 0 else "stale"
    elif verdict.status == TamizdatError.status:
        state = "dead"
    elif all(problem.state == "missing" for problem in verdict.problems):
        state = "incomplete"
    detail = f"{verdict.files} files"
    if verdict.problems:
        detail = f"{verdict.problems[0].path}: {verdict.problems[0].detail}"
    return state, detail


def _address(publication: Publication, address: str, out: Output) -> int:
    """All of a mirror that is none of our targets: somebody else's copy."""
    from mirror.known import Memory
    from mirror.read import ReadError, open_mirror
    from mirror.sweep import check_mirror

    try:
        mirror = open_mirror(address)
    except ReadError as error:
        if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", address):
            known = ", ".join(publication.config.targets) or "none yet"
            raise UsageError(
                f"there is no target {address!r}, nor a folder of that name", hint=f"known: {known}"
            ) from None
        out.result({"mirror": address, "state": "dead", "detail": str(error), "verdict": None})
        out.say(f"{address:20} dead: {error}")
        return PartlyDone.status
    with contextlib.closing(mirror), out.bar(f"audit {address}", unit="entry") as bar:
        verdict = check_mirror(
            mirror, pin=publication.fingerprint(), memory=Memory(None), now=datetime.now(UTC), bar=bar
        )
    state, detail = state_of(verdict)
    out.result({"mirror": address, "state": state, "detail": detail, "verdict": verdict.as_json()})
    out.say(one_line(f"{address:20} {state}: {detail}"))
    return PartlyDone.status if state == "dead" else verdict.status
