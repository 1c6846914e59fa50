"""Runs a program under a seccomp profile as container engines write them, for a process without capabilities.

    confined.py run PROFILE PROGRAM ARGUMENT...
    confined.py flatten PROFILE    the same for Kubernetes' nodes: conditions decided, nothing else changed

It talks to libseccomp, which engines compile profiles with, too.
"""

import ctypes
import ctypes.util
import errno
import json
import os
import sys

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
ACTIONS = {"SCMP_ACT_ALLOW": lambda number: ALLOW, "SCMP_ACT_ERRNO": lambda number: ERRNO | number}
COMPARISONS = {"NE": 1, "LT": 2, "LE": 3, "EQ": 4, "GE": 5, "GT": 6, "MASKED_EQ": 7}
PR_SET_NO_NEW_PRIVS = 38
# As the profiles call them; what conditions are decided for.
ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def applies(rule, arches):
    """Whether a rule's conditions hold without capabilities, on a kernel of this decade."""
    includes, excludes = rule.get("includes", {}), rule.get("excludes", {})
    if includes.get("caps") or includes.get("arches") and not set(includes["arches"]) & arches:
        return False
    return not set(excludes.get("arches", [])) & arches


def flatten(profile, arches):
    rules = [rule for rule in profile["syscalls"] if applies(rule, arches)]
    kept = ("names", "action", "errnoRet", "args")
    flat = {key: profile[key] for key in ("defaultAction", "defaultErrnoRet")}
    known = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    flat["architectures"] = known
    flat["syscalls"] = [{key: rule[key] for key in kept if key in rule} for rule in rules]
    return flat


def load(profile):
    library = ctypes.CDLL(ctypes.util.find_library("seccomp") or "libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    default = ACTIONS[profile["defaultAction"]](profile.get("defaultErrnoRet", errno.EPERM))
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(default)))
    for rule in profile["syscalls"]:
        if not applies(rule, {ARCHES[os.uname().machine]}):
            continue
        action = ACTIONS[rule["action"]](rule.get("errnoRet", errno.EPERM))
        for name in rule["names"]:
            add(library, context, action, name, rule.get("args") or [])
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if library.seccomp_load(context) != 0:
        sys.exit("the filter cannot be loaded")


def add(library, context, action, name, args):
    number = library.seccomp_syscall_resolve_name(name.encode())
    # -1: a call this libseccomp has never heard of; below: one of other architectures. Engines leave them out, too.
    if number < 0:
        return
    comparisons = (Comparison * len(args))()
    for place, arg in enumerate(args):
        op = COMPARISONS[arg["op"].removeprefix("SCMP_CMP_")]
        comparisons[place] = Comparison(arg["index"], op, arg["value"], arg.get("valueTwo", 0))
    outcome = library.seccomp_rule_add_array(
        context, ctypes.c_uint32(action), ctypes.c_int(number), ctypes.c_uint(len(args)), comparisons
    )
    if outcome not in (0, -errno.EEXIST):
        sys.exit(f"{name}: {os.strerror(-outcome)}")


def main(verb, *rest):
    if verb == "run":
        with open(rest[0]) as file:
            load(json.load(file))
        os.execvp(rest[1], rest[1:])
    else:
        with open(rest[0]) as file:
            print(json.dumps(flatten(json.load(file), set(ARCHES.values())), indent="\t"))


main(*sys.argv[1:])
