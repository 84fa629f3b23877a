#!/usr/bin/env python3
"""Runs the commands of the README and of every page in docs/, in order, and compares what they print with what the page shows.

In a block ```console, a line `$ command` is run, and the lines below it are what it prints; `...` stands for anything, within a
line or for any lines. A command that serves or follows for ever is left running once what is shown has come, and stopped at the end.
Arguments are commands that have been run already. Prints one line a command; the last line is `N passed, N failed`.
"""
import pathlib
import re
import subprocess
import sys
import threading
import time

TIMEOUT_SECONDS = 300
ALREADY_RUN = set(sys.argv[1:])  # commands that the caller has run itself
FOR_EVER = re.compile(r"--project Log\.Server|\btail\b(?!.*--stop-at-end)(?!.* -n )")


def commands(readme):
    for block in re.findall(r"^```console\n(.*?)^```", readme, re.M | re.S):
        command, shown = None, []
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, shown
                command, shown = line[2:], []
            else:
                shown.append(line)
        if command:
            yield command, shown


def pattern(shown):
    lines = [".*?" if line.strip() == "..." else "[^\n]*?".join(map(re.escape, line.split("..."))) for line in shown]
    return re.compile("\n".join(lines), re.S)


def run(command, shown):
    """Runs a command until it ends, or, if it never does, until it has printed what is shown."""
    process = subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    output = []
    reader = threading.Thread(target=lambda: output.extend(iter(lambda: process.stdout.read(1), "")), daemon=True)
    reader.start()
    expected, deadline = pattern(shown), time.monotonic() + TIMEOUT_SECONDS
    stays = FOR_EVER.search(command) and "--help" not in command
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        if ended:
            reader.join()
        text = "".join(output)
        if expected.search(text) and (stays or ended):
            return process, text, True if stays else process.returncode == 0
        if ended:
            return process, text, False
        time.sleep(0.1)
    return process, "".join(output), False


passed, failed, running = 0, 0, []
pages = [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").glob("*.md"))]
try:
    for command, shown in (found for page in pages for found in commands(page.read_text(encoding="utf-8"))):
        if command in ALREADY_RUN:
            continue
        process, output, is_as_shown = run(command, shown)
        print(("ok: " if is_as_shown else "FAILED: ") + command, flush=True)
        passed, failed = passed + is_as_shown, failed + (not is_as_shown)
        if not is_as_shown:
            print(f"--- shown (exit code {process.returncode})\n" + "\n".join(shown) + f"\n--- printed\n{output}---", flush=True)
        if process.poll() is None:
            running.append(process)
finally:
    for process in reversed(running):
        subprocess.run(["kill", "-TERM", "--", f"-{process.pid}"], check=False)
        process.wait(timeout=30)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
