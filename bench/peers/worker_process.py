"""The driver's handle of one worker process (host.h has the language)."""

import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class WorkerFailed(RuntimeError):
    pass


def run_first(pid):
    """Puts a process ahead of other work. True where the system allowed it (root only).

    Round robin, not a nice value: Linux weighs whole sessions against each other before it looks at nice values,
    and a heavy session's two threads stay on one processor; real-time threads are spread.
    """
    try:
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))
    except (PermissionError, ProcessLookupError):
        return False
    return True


class Worker:
    """Starts, waits for the first output, and from then on sleeps (SIGSTOP) except when asked.

    A stopped worker's spinning threads cannot disturb the one whose turn it is.
    """

    def __init__(self, command, stem, threads, batch):
        self.error_log = f"{stem}.stderr"
        self.stopped = False
        with open(self.error_log, "w") as log:
            begin = time.perf_counter()
            self.process = subprocess.Popen(
                [*command, stem, str(threads), str(batch), f"{stem}-b{batch}.input"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=HERE)
            run_first(self.process.pid)
            self.ready = self.read()
            self.cold_s = time.perf_counter() - begin
        self.stop()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            with open(self.error_log) as f:
                tail = f.read().strip().splitlines()[-1:] or ["no message"]
            raise WorkerFailed(f"ended with {self.process.returncode}: {tail[0]}")
        return json.loads(line)

    def stop(self):
        if not self.stopped and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGSTOP)
            self.stopped = True

    def ask(self, command):
        if self.stopped:
            os.kill(self.process.pid, signal.SIGCONT)
            self.stopped = False
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        try:
            return self.read()
        finally:
            self.stop()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def python_worker(interpreter, engine):
    return [interpreter, os.path.join(HERE, "worker.py"), engine]


def interpreter_with(module, candidates=(sys.executable, "/usr/bin/python3")):
    """The first interpreter that can import `module`, or None."""
    for path in candidates:
        if os.path.exists(path) and subprocess.run([path, "-c", f"import {module}"], capture_output=True).returncode == 0:
            return path
    return None
