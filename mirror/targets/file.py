"""A folder: a web server's root, a mounted disk, a USB stick. `file:/srv/mirror`, or just the path.

A file appears whole or not at all: it is written beside its place under a name no web server would hand out (in
`.tamizdat-tmp/`), then renamed onto it. Files get mode 0644 and folders 0755 whatever the umask says, because somebody
else, the web server, has to read them. The root must exist: making it would hide a disk that isn't mounted.

    mount    a folder at or above it on which a disk must be mounted; `target add` writes it for what lies on one.
             Without it, the folder of a stick that isn't plugged in is an ordinary one, and the mirror would fill this
             machine's own disk

Disks of other systems (FAT, exFAT, NTFS): no modes and no owners, which is fine; FAT takes files of less than 4 GiB and
some 16,000 with names as long as ours in one folder, which is enough, since files lie in 256 folders.

Power cuts: objects are synced together in `flush`, which costs a tenth of syncing each by itself; a pointer is synced
before it is renamed and its folder after it, so it never shows before what it points at.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from mirror.targets import Caps, Check, Kind, Meta, Secret, TargetError, check_key, refuse_unknown
from mirror.targets._probe import Failed, Step, files_steps, public_steps, walk

CAPS: Final = Caps(workers=4, headers=False, retries=True)
TEMPORARY: Final = ".tamizdat-tmp"
LOW_SPACE: Final = 256 * 2**20  # bytes; less than this is reported by the probe
_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC


class FileTarget:
    caps = CAPS

    def __init__(self, *, name: str, root: Path, mount: Path | None = None) -> None:
        self.name = name
        self.root = root
        self.mount = mount
        self.address = str(root)
        self._real: str | None = None
        self._folders: set[str] = set()  # known to exist inside the root
        self._unsynced: set[str] = set()  # files put since the last flush
        self._touched: set[str] = set()  # folders whose entries changed since then
        self._lock = threading.Lock()

    # --- the operations ---------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        place = self._write(key, data, sync=False)
        with self._lock:
            self._unsynced.add(place)
            self._touched.add(os.path.dirname(place))

    def flush(self) -> None:
        with self._lock:
            files, self._unsynced = self._unsynced, set()
            folders, self._touched = self._touched, set()
        for place in sorted(files):
            # A file deleted since then needs no sync; one replaced since then gets a second, harmless one.
            with self._telling(place), contextlib.suppress(FileNotFoundError):
                _sync(place, os.O_RDONLY)
        for folder in sorted(folders):
            self._sync_folder(folder)

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        self.flush()
        for key, data in pointers.items():
            self._sync_folder(os.path.dirname(self._write(key, data, sync=True)))

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        place = self._place(key)
        with self._telling(key):
            try:
                # Not through a link, and without waiting: the folder may hold anything by now.
                handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | _FLAGS)
            except (FileNotFoundError, NotADirectoryError):
                return None
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return None
                data = file.read() if cap is None else file.read(cap + 1)
        if cap is not None and len(data) > cap:
            raise TargetError(f"{self.name}: {place} has more than the {cap} bytes expected", kind="too_large")
        return data

    def list(self, prefix: str = "") -> Iterator[str]:
        root = self._root()
        # Only the part of the tree that the prefix can be in is walked.
        top = os.path.join(root, os.path.dirname(prefix)) if "/" in prefix else root
        found: list[str] = []
        for folder, names, files in os.walk(top):
            if folder == root and TEMPORARY in names:
                names.remove(TEMPORARY)
            inside = os.path.relpath(folder, root)
            found += [file if inside == "." else f"{inside}/{file}" for file in files]
        return (key for key in sorted(found) if key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            place = self._place(key)
            with self._telling(key):
                try:
                    os.unlink(place)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                # Folders left empty go too; the folder of the next put is made again, so nothing waits for that.
                folder = os.path.dirname(place)
                with contextlib.suppress(OSError), self._lock:
                    while folder != self._root():
                        os.rmdir(folder)
                        self._folders.discard(folder)
                        self._touched.discard(folder)
                        folder = os.path.dirname(folder)

    def close(self) -> None:
        """Removes what a broken-off push left in the folder for temporary files."""
        if self._real is not None:
            shutil.rmtree(os.path.join(self._real, TEMPORARY), ignore_errors=True)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _root(self) -> str:
        if self._real is None:
            if not self.root.is_absolute():
                raise TargetError(
                    f"{self.name}: {self.root} is a relative path", kind="config", hint="write the path from / on"
                )
            if self.mount is not None and not os.path.ismount(self.mount):
                raise TargetError(
                    f"{self.name}: nothing is mounted on {self.mount}",
                    kind="no_container",
                    hint=f"plug the disk in, or mount {self.mount}; or remove the setting mount",
                )
            if not self.root.exists():
                raise TargetError(
                    f"{self.name}: the folder {self.root} does not exist",
                    kind="no_container",
                    hint=f"mount the disk, or make the folder: mkdir -p {self.root}",
                )
            if not self.root.is_dir():
                hint = "give the path of a folder"
                raise TargetError(f"{self.name}: {self.root} is not a folder", kind="config", hint=hint)
            self._real = os.path.realpath(self.root)
        return self._real

    def _place(self, key: str) -> str:
        place = os.path.join(self._root(), check_key(key))
        folder = os.path.dirname(place)
        if folder not in self._folders and os.path.realpath(folder) != folder:
            raise self._leads_out(key, folder)
        return place

    def _leads_out(self, key: str, folder: str) -> TargetError:
        return TargetError(
            f"{self.name}: {key}: a link in {folder} leads to somewhere else",
            kind="config",
            hint="replace the link by a folder, or mount there instead",
        )

    def _write(self, key: str, data: bytes, *, sync: bool) -> str:
        place = self._place(key)
        with self._telling(key):
            folder = self._folder(os.path.dirname(place), key)
            temporary = os.path.join(self._folder(os.path.join(self._root(), TEMPORARY), key), secrets.token_hex(8))
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
            try:
                with os.fdopen(handle, "wb", buffering=0) as file:
                    view = memoryview(data)
                    while view:
                        view = view[file.write(view) :]
                    with contextlib.suppress(PermissionError):  # FAT has no modes
                        os.fchmod(file.fileno(), 0o644)
                    if sync:
                        os.fsync(file.fileno())
                try:
                    os.replace(temporary, place)
                except FileNotFoundError:
                    # The folder went away with the last file in it, between the check and here.
                    self._folders.discard(folder)
                    self._folder(folder, key)
                    os.replace(temporary, place)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        return place

    def _folder(self, folder: str, key: str) -> str:
        """The folder, made if need be, with everything above it. Refuses one that a link takes out of the root."""
        root = self._root()
        if folder == root or folder in self._folders:
            return folder
        with self._lock:
            missing: list[str] = []
            above = folder
            while above != root and above not in self._folders:
                missing.append(above)
                above = os.path.dirname(above)
            for each in reversed(missing):
                try:
                    os.mkdir(each)
                    self._touched.add(os.path.dirname(each))
                    with contextlib.suppress(PermissionError):
                        os.chmod(each, 0o700 if os.path.basename(each) == TEMPORARY else 0o755)
                except FileExistsError:
                    if os.path.realpath(each) != each:
                        raise self._leads_out(key, each) from None
                self._folders.add(each)
        return folder

    def _sync_folder(self, folder: str) -> None:
        with self._telling(folder), contextlib.suppress(FileNotFoundError):
            try:
                _sync(folder, os.O_RDONLY | os.O_DIRECTORY)
            except OSError as error:
                # Some file systems cannot sync a folder (those of other systems, through FUSE).
                if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                    raise

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Turns an OSError into the TargetError that says what to do about it."""
        try:
            yield
        except OSError as error:
            kind, hint = _KINDS.get(error.errno or 0, ("transient", "look at the disk (dmesg), then run again"))
            said = os.strerror(error.errno) if error.errno else str(error)
            # The whole folder is affected, whatever it was: the next file would meet the same.
            raise TargetError(
                f"{self.name}: {self.root}: {what}: {said}", kind=kind, scope="target", hint=hint.format(root=self.root)
            ) from error

    # --- the probe --------------------------------------------------------------------------------------------------

    def probe(self, public: str | None = None) -> Iterator[Check]:
        yield from walk(self, self._steps(public))

    def _steps(self, public: str | None) -> Iterator[Step]:
        yield Step("configuration", lambda: f"the folder {self.root}{f' on {self.mount}' if self.mount else ''}")
        yield Step("folder exists", self._root)
        yield Step("space", self._space, required=False)
        yield from files_steps(self)
        yield Step("readable by others", self._readable, required=False)
        if public:
            yield from public_steps(self, public)

    def _space(self) -> str:
        disk = os.statvfs(self._root())
        free = disk.f_bavail * disk.f_frsize
        detail = f"{free / 2**20:,.0f} MiB free ({file_system(self._root())[1]})"
        if free < LOW_SPACE:
            raise Failed(detail, "make room: one edition with pictures needs some hundred MiB")
        if disk.f_files and disk.f_favail < 10_000:
            raise Failed(f"{disk.f_favail} files more fit in", "make the file system again with more inodes")
        return detail

    def _readable(self) -> str:
        folder = Path(self._root())
        for each in (folder, *folder.parents):
            if not each.stat().st_mode & stat.S_IXOTH:
                raise Failed(
                    f"other accounts can't enter {each}", f"chmod o+x {each}, if a web server shall read the mirror"
                )
        return "files 0644, folders 0755, and every folder above can be entered"


_KINDS: Final[dict[int, tuple[Kind, str]]] = {
    errno.ENOSPC: ("quota", "make room on that disk, then run again"),
    errno.EDQUOT: ("quota", "make room or raise the quota, then run again"),
    errno.EACCES: ("forbidden", "give this account write access: chown -R USER {root}"),
    errno.EPERM: ("forbidden", "give this account write access: chown -R USER {root}"),
    errno.EROFS: ("forbidden", "the disk is mounted read-only: mount -o remount,rw"),
    errno.EIO: ("transient", "the disk is broken, or was unplugged: look at dmesg, plug it in again"),
    errno.ENODEV: ("no_container", "the disk was unplugged: plug it in and mount it again"),
    errno.ENXIO: ("no_container", "the disk was unplugged: plug it in and mount it again"),
    errno.ENOTCONN: ("no_container", "what was mounted there has gone: umount {root}, and mount it again"),
    errno.ESTALE: ("no_container", "what was mounted there has gone: umount {root}, and mount it again"),
    errno.EFBIG: ("too_large", "that file system takes no file of this size (FAT: 4 GiB); use exFAT or ext4"),
    errno.EINVAL: ("unsupported", "that file system doesn't take such names (FAT, NTFS); use ext4 or exFAT"),
    errno.ENAMETOOLONG: ("unsupported", "that file system has shorter names than a mirror needs"),
    errno.EISDIR: ("conflict", "a folder stands where a file belongs: remove it"),
    errno.ENOTDIR: ("conflict", "a file stands where a folder belongs: remove it"),
    errno.ELOOP: ("config", "a link stands where a file belongs: remove it"),
    errno.EMFILE: ("transient", "raise the limit of open files: ulimit -n"),
}


def _sync(place: str, flags: int) -> None:
    handle = os.open(place, flags | _FLAGS)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_system(path: str) -> tuple[str, str]:
    """Where the disk is mounted that holds this path, and its kind (`ext4`, `vfat`); ("/", "unknown") where the system
    doesn't say. The path need not exist."""
    found = ("/", "unknown")
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return found
    for line in lines:  # proc(5): 36 35 98:0 /root /mnt/point options … - type source options
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= len(found[0]):
            found = (point, after.split(" ")[0])
    return found


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> FileTarget:
    """For `file:/path`, `file:///path` or a plain path. Whether it exists is looked at when it is used."""
    refuse_unknown(name, settings, ("mount",))
    path = url
    if url.startswith("file:"):
        path = url.removeprefix("file:")
        if path.startswith("//"):
            host, slash, rest = path[2:].partition("/")
            if host not in ("", "localhost"):
                hint = "write file:/path with one slash, or mount that host's folder"
                raise TargetError(f"{name}: {url} names another host", kind="config", hint=hint)
            path = slash + rest
        path = unquote(path)
    if not path or "\0" in path:
        raise TargetError(f"{name}: no path in {url!r}", kind="config", hint="for instance file:/srv/mirror")
    root, mount = Path(path).expanduser(), Path(settings["mount"]) if settings.get("mount") else None
    if mount is not None and mount != root and mount not in root.parents:
        hint = "mount is the folder that the disk is mounted on"
        raise TargetError(f"{name}: {root} is not on {mount}", kind="config", hint=hint)
    return FileTarget(name=name, root=root, mount=mount)
