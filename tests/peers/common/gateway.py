"""The gateway's program as a process of ours, with a store of its own."""

import os
import re
import shutil
import urllib.request

from process import READY_S, Process, free_port
from table import until


class Gateway:
    def __init__(self, folder, smpp_port, settings=""):
        """`settings` are further lines of the SMPP link."""
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.folder, self.admin, self.http = folder, free_port(), free_port()
        with open(os.environ["PEERS_CONFIG"], encoding="utf-8") as template:
            config = template.read()
        for word, value in (("HTTP", self.http), ("ADMIN", self.admin), ("SMPP", smpp_port)):
            config = config.replace(f"@{word}@", str(value))
        with open(os.path.join(folder, "jisr.toml"), "w", encoding="utf-8") as file:
            file.write(config + settings)
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.process.stop()

    def start(self):
        self.process = Process("jisr", [os.environ["PEERS_JISR"], "serve"], self.folder)
        if until(READY_S, lambda: self.get("/readyz")) is None:
            self.process.stop()
            raise RuntimeError(f"the gateway is not ready:\n{self.process.last_words()}")

    def get(self, page):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{page}", timeout=2) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def messages(self):
        """How many messages are in each state, without the empty ones."""
        counts = re.findall(r'^jisr_messages\{state="(\w+)"\} (\d+)', self.get("/metrics") or "", re.M)
        return {state: int(count) for state, count in counts if count != "0"}

    def bound(self, seconds=READY_S):
        """True once its link is bound, None where it is not in time."""
        up = lambda: re.search(r"^jisr_link_up\{[^}]*\} 1$", self.get("/metrics") or "", re.M)
        return until(seconds, lambda: True if up() else None)
