"""Python as Langue sees it on Windows, for the Python that starts with this folder on its path, and for its children.

It is no Windows: paths stay, and other libraries see the system that there is. But to Langue's own modules the modules
and calls of POSIX are missing, files that are open or mapped can be neither replaced nor removed, folders cannot be
opened, files that are only read cannot be synced, and processes start anew instead of by a fork.
"""

import builtins
import errno
import multiprocessing
import os
import shutil
import signal
import sys
import types
from collections.abc import Callable
from fcntl import F_GETFL, fcntl
from typing import Any

MODULES = {"fcntl", "grp", "pty", "pwd", "readline", "resource", "termios", "tty"}
OF_OS = """
    chown fchmod fchown fork forkpty getegid geteuid getgid getloadavg getpgid getpgrp getpriority getsid getuid killpg
    lchown mkfifo mknod nice pread pwrite register_at_fork sched_getaffinity sched_setaffinity setpgid setsid statvfs
    sync sysconf uname wait wait3 wait4 O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_SYNC WNOHANG
"""
OF_SIGNAL = """
    SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 ITIMER_REAL alarm getitimer
    pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigwait
"""
BETWEEN = ("pathlib", "shutil", "contextlib", "tempfile")
"""Modules that change files for whoever calls them."""


def _is_of_langue() -> bool:
    """True if Langue calls, itself or through what changes files for it."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "") in (*BETWEEN, __name__):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "langue"


def _is_held(path: Any) -> bool:
    """True if this process has a file open or mapped, or one within a folder."""
    place, names = os.path.realpath(path), []
    for number in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    with open("/proc/self/maps", encoding="utf-8") as maps:
        names += [line.split(maxsplit=5)[5].strip() for line in maps if line.count(" /")]
    return any(name == place or name.startswith(f"{place}/") for name in names)


def _refuse_held(*paths: Any) -> None:
    for path in paths:
        if isinstance(path, str | os.PathLike) and os.path.exists(path) and _is_held(path):
            raise PermissionError(errno.EACCES, "The process cannot access the file: it is being used", str(path))


def _refuse_taken(source: Any, target: Any) -> None:
    _refuse_held(source, target)
    if os.path.exists(target):
        raise FileExistsError(errno.EEXIST, "Cannot create a file when that file already exists", str(target))


def _refuse_folder(path: Any, *others: Any) -> None:
    if isinstance(path, str | os.PathLike) and os.path.isdir(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))


def _refuse_read_only(handle: Any) -> None:
    number = handle if isinstance(handle, int) else handle.fileno()
    if fcntl(number, F_GETFL) & (os.O_WRONLY | os.O_RDWR) == 0:
        raise OSError(errno.EBADF, "Bad file descriptor")


def _guarded(act: Callable[..., Any], rule: Callable[..., None]) -> Callable[..., Any]:
    """A call that refuses Langue what Windows would."""

    def acting(*arguments: Any, **options: Any) -> Any:
        if _is_of_langue():
            rule(*arguments)
        return act(*arguments, **options)

    return acting


def _without(module: types.ModuleType, names: list[str], **changed: Any) -> types.ModuleType:
    view = types.ModuleType(module.__name__)
    view.__dict__.update({name: value for name, value in vars(module).items() if name not in names} | changed)
    return view


def _import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    if level == 0 and globals and str(globals.get("__name__", "")).split(".")[0] == "langue":
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name in VIEWS:
            return VIEWS[name]
    return _plain_import(name, globals, locals, fromlist, level)


os.replace = _guarded(os.replace, _refuse_held)
os.rename = _guarded(os.rename, _refuse_taken)
os.unlink = os.remove = _guarded(os.unlink, _refuse_held)
os.open = _guarded(os.open, _refuse_folder)
os.fsync = _guarded(os.fsync, _refuse_read_only)
shutil._use_fd_functions = False  # which opens folders
VIEWS = {"os": _without(os, OF_OS.split(), name="nt", sep="/"), "signal": _without(signal, OF_SIGNAL.split())}
_plain_import, builtins.__import__ = builtins.__import__, _import
multiprocessing.set_start_method("spawn")
