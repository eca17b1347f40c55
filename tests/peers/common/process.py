"""Programs as processes of ours on the loopback: started, looked after, ended by their id."""

import os
import signal
import socket
import subprocess

READY_S = 15
STOP_S = 10


def free_port():
    """A port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    """True where something takes connections, None where not, as `until` wants it."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return None
    return True


class Process:
    """A child with its output in a file. Use it with `with`, so that it never outlives the run."""

    def __init__(self, name, command, folder):
        os.makedirs(folder, exist_ok=True)
        self.name = name
        self.log = os.path.join(folder, f"{name}.log")
        # What is set for another gateway is not meant for one of ours.
        env = {key: value for key, value in os.environ.items() if not key.startswith("JISR_")}
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def running(self):
        return self.child.poll() is None

    def kill(self):
        self.child.kill()
        return self.child.wait(STOP_S)

    def stop(self):
        """Asks it to end, and kills it where it does not; its exit code, negative for a signal."""
        if self.running():
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            return self.kill()

    def last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-20:])
