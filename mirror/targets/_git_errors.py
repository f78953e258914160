"""What git, ssh, curl and the hosts say, and what becomes of it.

Each line: a pattern, the kind of error, why in our words, and what mends it. First match wins, so the server's verdicts
on what was pushed come before the broken pipe that follows them.
"""

from __future__ import annotations

import re
from typing import Final

from mirror.targets import WORTH_RETRYING, Kind, Scope, TargetError

_RENEW: Final = "make a new token that may write to this repository, and put it where token points"
_RIGHTS_FIX: Final = "allow this key or token to push to that repository: a deploy key with write access, or a token"
_GONE_FIX: Final = "correct the URL, or make the repository; hosts also say this of one the key may not see"

# What git, ssh, curl and the hosts say: first match wins. `{0}` is what the first group caught.
SAID: Final[tuple[tuple[str, Kind, str, str], ...]] = (
    # the server's verdicts on what was pushed
    (
        r"(GH0(?:06|13)[^\n]{0,120}|protected branch[^\n]{0,80}|You are not allowed to (?:force )?push[^\n]{0,80}"
        r"|denying non-fast-forward|deny updating[^\n]{0,60}|refusing to update[^\n]{0,80})",
        "forbidden",
        "the branch is protected: {0}",
        "let this key or token push to the branch, or use another one: …#BRANCH",
    ),
    (
        r"stale info|fetch first|non-fast-forward|cannot lock ref|reference already exists|failed to update ref",
        "conflict",
        "somebody else pushed at the same time",
        "one publication, one branch; the next run says whose commit it is",
    ),
    (
        r"(?:GH001|exceeds GitHub's file size limit|this exceeds (?:the )?(?:maximum|file size limit)"
        r"|larger than the maximum|file size limit|too large object|object exceeds)[^\n]{0,120}",
        "too_large",
        "the host refuses a file of that size",
        "another kind of host, or a light target, for large files",
    ),
    (
        r"((?:repository|repo|project|storage)[^\n]{0,40}(?:size|storage)? ?(?:limit|quota)[^\n]{0,80}"
        r"|[^\n]{0,60}[Qq]uota[^\n]{0,20}exceeded[^\n]{0,40}|exceed(?:s|ed)[^\n]{0,60}(?:limit|quota)[^\n]{0,40})",
        "quota",
        "over what the host allows: {0}",
        "set squash_at below that, make it a light target, or ask the host for more",
    ),
    (
        r"(?:remote: [^\n]*|unpack[^\n]*|file write error[^\n]*)No space left on device",
        "quota",
        "the server's disk is full",
        "make room there",
    ),
    (
        r"shallow update not allowed",
        "conflict",
        "the server lost the history",
        "remove the target's folder below state/targets, then run again",
    ),
    (r"archived so it is read-only|repository is archived", "forbidden", "the repository is archived", "un-archive it"),
    (
        r"remote: (?:error: |fatal: )?([^\n]{1,160})[\s\S]*hook declined|hook declined",
        "forbidden",
        "the server's rules refuse it: {0}",
        "the message is the server's; change its rule, or use another branch",
    ),
    # who we are
    (
        r"Permission denied \(|Too many authentication failures|Load key [^\n]*: (?:error|invalid)",
        "auth",
        "the server doesn't know this SSH key",
        "add its public half (ssh-keygen -y -f KEY) as a deploy key with write access",
    ),
    (
        r"could not read (?:Username|Password)|Authentication failed|returned error: 401|HTTP Basic: Access denied"
        r"|Invalid username or (?:password|token)|Support for password authentication was removed",
        "auth",
        "the server doesn't accept the token",
        _RENEW,
    ),
    (
        r"returned error: 403|Permission to [^\n]* denied|Write access to repository not granted"
        r"|marked as read.only|deploy key[^\n]*read.only|not allowed to upload code|access denied|DENIED by",
        "forbidden",
        "these credentials may not push there",
        _RIGHTS_FIX,
    ),
    (
        r"[Rr]epository not found|repository '[^\n']*' (?:not found|does not exist)|does not appear to be a git repo"
        r"|returned error: 404|could not be found|not a git repository|No such repository|Cannot find repository",
        "no_container",
        "there is no such repository",
        _GONE_FIX,
    ),
    (
        r"(unable to update url base from redirection|returned error: 30\d)",
        "config",
        "the repository has moved",
        "use its new address",
    ),
    (r"dubious ownership", "forbidden", "the repository belongs to another account", "chown it, or push over ssh"),
    # the way there
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|host key is known",
        "tls",
        "the server shows another host key than the one pinned",
        "somebody may be in between; if the host published the new one: --set host_key=SHA256:…",
    ),
    (
        r"(SSL certificate problem[^\n]{0,100}|server certificate verification failed[^\n]{0,100}|SSL: [^\n]{0,100}"
        r"|gnutls_handshake\(\) failed[^\n]{0,80}|TLS connect error[^\n]{0,80}|certificate[^\n]{0,80})",
        "tls",
        "no safe connection: {0}",
        "check the host's name and its certificate",
    ),
    (
        r"Could not resolve (?:host|proxy|hostname)|Name or service not known|Temporary failure in name resolution",
        "unreachable",
        "the host's name has no address",
        "correct it, or this machine's DNS",
    ),
    (
        r"((?:Connection refused|No route to host|Network is unreachable|Connection timed out"
        r"|Failed to connect to)[^\n]{0,60})",
        "unreachable",
        "can't be reached: {0}",
        "is the server up, and the port right?",
    ),
    (
        r"returned error: 429|[Rr]ate limit|Too Many Requests",
        "rate_limited",
        "too many pushes for the host",
        "run less often",
    ),
    (
        r"HTTP 413|returned error: 413|Request Entity Too Large|Payload Too Large",
        "too_large",
        "one push is larger than the server or a proxy before it takes",
        "raise its limit (nginx: client_max_body_size 0), or push over ssh",
    ),
    (r"returned error: 507|Insufficient Storage", "quota", "the server has no room left", "make room there"),
    (r"returned error: (5\d\d)|HTTP (?:code = )?5\d\d", "transient", "the server failed", "the next run goes on"),
    (
        r"hung up|early EOF|unexpected disconnect|[Cc]onnection reset|Broken pipe|closed by remote"
        r"|curl (?:5[256]|18|28|92)"
        r"|RPC failed|Empty reply|Operation timed out|Operation too slow|protocol error|bad line length",
        "transient",
        "the connection broke",
        "the next run goes on",
    ),
    (
        r"File size limit exceeded|signal 25|SIGXFSZ",
        "corrupt",
        "the server sends without end",
        "look at the repository",
    ),
    (
        r"fsck error|missingSpace|bad object|hash mismatch",
        "corrupt",
        "the server sends broken objects",
        "look at the repository",
    ),
    (r"transport '[^\n']*' not allowed", "config", "another protocol than the URL's", "correct the URL"),
)
HERE: Final[tuple[tuple[str, Kind, str, str], ...]] = (
    (
        r"No space left|write error|unable to write|cannot (?:write|create)",
        "quota",
        "this machine's disk is full",
        "make room",
    ),
    (r"Permission denied|Read-only file system", "config", "the store cannot be written", "chown it to this account"),
    (r"\.lock': File exists", "conflict", "another git works there", "let it end first"),
)


def explain(said: str, *, what: str, here: bool = False) -> TargetError:
    """The TargetError for what git said. `here`: it was about the store on this machine, not about the server."""
    text = re.sub(r"[^\x20-\x7e\n]", " ", said)
    for pattern, kind, why, hint in HERE if here else (*SAID, *HERE):
        found = re.search(pattern, text)
        if found:
            caught = next((group for group in found.groups() if group), "see the server's own log")
            # One push is all files at once, so what is wrong with one of them is wrong with the push.
            scope: Scope | None = None if kind in WORTH_RETRYING else "target"
            return TargetError(f"{what}: {why.format(' '.join(caught.split()))}", kind=kind, scope=scope, hint=hint)
    last = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("To ", "hint:"))]
    told = " / ".join(last[-2:])[:200] or "git failed without a word"
    return TargetError(f"{what}: {told}", kind="transient", hint="the next run goes on")
