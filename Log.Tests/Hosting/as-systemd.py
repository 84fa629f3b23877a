"""Starts what a systemd unit starts, as systemd would: for tests, where there is no systemd to start it.

    as-systemd.py PROGRAMS STATE CONFIGURATION UNIT [DROP-IN...]

PROGRAMS stands in for /opt/logkit, STATE for the unit's state directory and CONFIGURATION for /etc/logkit. Takes over user, directories,
mounts, capabilities, limits, credentials, variables and the filters of system calls and address families from the unit. Ends with exit
code 125 where it must not do what that takes, and says what.
"""
import ctypes
import os
import pathlib
import resource
import shlex
import signal
import socket
import subprocess
import sys

USER = 61184  # the first of those that systemd gives to dynamic users
CREDENTIALS = "/run/credentials/logkit.service"
CLONE_NEWNS, MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 0x20000, 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 38, 24
SCMP_ACT_ALLOW, SCMP_ACT_KILL_PROCESS, SCMP_CMP_EQ = 0x7FFF0000, 0x80000000, 4
libc = ctypes.CDLL(None, use_errno=True)


class Unit:
    def __init__(self, files):
        self.settings = {}
        section = None
        for line in "\n".join(pathlib.Path(file).read_text() for file in files).splitlines():
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and line[0] not in "#;":
                name, _, value = line.partition("=")
                self.settings.setdefault(name, []).append(value)

    def all(self, name):
        return self.settings.get(name, [])

    def one(self, name, default=None):
        return self.all(name)[-1] if self.all(name) else default

    def is_set(self, name):
        return self.one(name) in ("yes", "true", "strict", "invisible", "pid")


def give_up(what):
    sys.exit(print(what, file=sys.stderr) or 125)


def call(what, result):
    if result != 0:
        give_up(f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, kind=None, flags=0, options=None):
    encoded = [None if text is None else text.encode() for text in (source, target, kind)]
    call(f"mount {target}", libc.mount(*encoded, ctypes.c_ulong(flags), None if options is None else options.encode()))


def expand(names):
    """The system calls of a filter's names: a set's name begins with @, and it may have other sets in it."""
    calls = set()
    for name in names:
        if not name.startswith("@"):
            calls.add(name)
            continue
        listed = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
        calls |= expand(line.strip() for line in listed.splitlines()[1:] if line.strip() and not line.strip().startswith("#"))
    return calls


def allowed_calls(unit):
    calls = set()
    for line in unit.all("SystemCallFilter"):  # the first lists what is allowed, and the others add to it, or take from it
        calls = calls - expand(line[1:].split()) if line.startswith("~") else calls | expand(line.split())
    return calls | expand(["@default"])


def error_number(unit):
    name = unit.one("SystemCallErrorNumber")
    return SCMP_ACT_KILL_PROCESS if name is None else 0x00050000 | getattr(__import__("errno"), name)


def load_filter(unit, calls):
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    others = error_number(unit)

    class Compare(ctypes.Structure):
        _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]

    seccomp.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Compare)]
    families = [getattr(socket, name) for name in unit.one("RestrictAddressFamilies", "").split()]
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(others)))
    for name in sorted(calls):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            continue  # of another architecture
        if name == "socket" and families:
            for family in families:
                compare = (Compare * 1)(Compare(0, SCMP_CMP_EQ, family, 0))
                seccomp.seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number, 1, compare)
        else:
            seccomp.seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number, 0, None)
    if "execve" not in calls:
        give_up("the filter does not let the program start")
    call("seccomp_load", seccomp.seccomp_load(context))


def main():
    programs, state, configuration, *files = sys.argv[1:]
    if os.getuid() != 0:
        give_up("only root can start a program as systemd does")
    unit = Unit(files)
    calls = allowed_calls(unit)
    credentials = {}
    for line in unit.all("LoadCredential"):
        name, _, path = line.partition(":")
        credentials[name] = pathlib.Path(path.replace("/etc/logkit", configuration)).read_bytes()
    # Without HOME, which systemd sets to / and a container's user may lack.
    variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8", "STATE_DIRECTORY": "/var/lib/logkit",
                 "CONFIGURATION_DIRECTORY": "/etc/logkit", "NOTIFY_SOCKET": os.environ["NOTIFY_SOCKET"], "INVOCATION_ID": "0" * 32}
    if credentials:
        variables["CREDENTIALS_DIRECTORY"] = CREDENTIALS
    for line in unit.all("Environment"):
        variables.update(entry.replace("%d", CREDENTIALS).split("=", 1) for entry in shlex.split(line))
    for path in unit.all("EnvironmentFile"):
        file = pathlib.Path(path.removeprefix("-").replace("/etc/logkit", configuration))
        if file.exists() or not path.startswith("-"):
            variables.update(line.split("=", 1) for line in file.read_text().splitlines() if line)

    call("unshare", libc.unshare(CLONE_NEWNS))
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount(programs, "/mnt", None, MS_BIND)  # kept reachable under what is mounted below
    programs_fd, state_fd = os.open("/mnt", os.O_PATH), os.open(state, os.O_PATH)
    for place in ("/opt", "/var/lib", "/run", "/home", "/root"):
        if os.path.isdir(place):
            mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for source, target in ((programs_fd, "/opt/logkit"), (state_fd, "/var/lib/logkit")):
        os.mkdir(target)
        mount(f"/proc/self/fd/{source}", target, None, MS_BIND)
        os.close(source)
    os.chown("/var/lib/logkit", USER, USER)
    os.chmod("/var/lib/logkit", int(unit.one("StateDirectoryMode", "0755"), 8))
    if credentials:
        os.makedirs(CREDENTIALS)
        for name, content in credentials.items():
            file = os.open(f"{CREDENTIALS}/{name}", os.O_WRONLY | os.O_CREAT, 0o400)
            os.write(file, content)
            os.fchown(file, USER, USER)
            os.close(file)
        os.chown(CREDENTIALS, USER, USER)
        os.chmod(CREDENTIALS, 0o500)
    if unit.is_set("PrivateTmp"):
        mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    if unit.is_set("ProtectSystem"):
        mount("none", "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    if unit.is_set("ProcSubset"):
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid,hidepid=invisible")

    limit = int(unit.one("LimitNOFILE", "524288"))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    os.umask(int(unit.one("UMask", "0022"), 8))
    os.chdir(unit.one("WorkingDirectory", "/"))
    for number in range(64):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    call("no_new_privs", libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    load_filter(unit, calls)
    command = shlex.split(unit.one("ExecStart"))
    os.execve(command[0], command, variables)


main()
