"""The simulator's message centre with its phones, driven by the lines that it reads."""

import os
import re
import subprocess
import threading
import time

from process import READY_S, STOP_S
from table import until

SHORT_NUMBER = "5800"

# A line that begins a record: a phone and what happened on it. Further lines belong to it.
RECORD = re.compile(r"^(\+\d+)  (.*)$")
# The last line of a record is known to be the last after so much silence.
QUIET_S = 0.15
# A phone waits so long for the gateway, and then says that it has waited in vain.
WAIT_S = 35


class Smsc:
    """`simulator smsc` on a port of the loopback; `options` are further ones."""

    def __init__(self, folder, port, *options):
        os.makedirs(folder, exist_ok=True)
        self.log = open(os.path.join(folder, "smsc.log"), "w", encoding="utf-8")
        self.child = subprocess.Popen(
            [os.environ["PEERS_SIMULATOR"], "smsc", "--port", str(port), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, encoding="utf-8",
        )
        self.lock = threading.Lock()
        # Lines of the greeting and of counts; records as [phone, text]; when the last line came.
        self.others, self.records, self.last = [], [], time.monotonic()
        self.reading = threading.Thread(target=self.read_lines, daemon=True)
        self.reading.start()
        # Which records have been taken.
        self.taken = set()

    def __enter__(self):
        if until(READY_S, lambda: True if any("Until Ctrl-C" in line for line in self.others) else None) is None:
            self.stop()
            raise RuntimeError("the simulator's message centre does not listen")
        return self

    def __exit__(self, *_):
        self.stop()

    def read_lines(self):
        for line in self.child.stdout:
            self.log.write(line)
            line = line.rstrip("\n")
            with self.lock:
                self.last = time.monotonic()
                began = RECORD.match(line)
                if began:
                    self.records.append([began[1], began[2]])
                elif re.match(r"^\d+ answered enquire_link$", line):
                    self.others.append(line)
                elif self.records:
                    self.records[-1][1] += "\n" + line
                else:
                    self.others.append(line)

    def say(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def next(self, number, pattern, seconds=10):
        """The oldest record of a phone that fits and was not taken yet, as a match; None without."""
        wanted = re.compile(pattern, re.S)

        def look():
            with self.lock:
                quiet = time.monotonic() - self.last > QUIET_S
                for at, (phone, text) in enumerate(self.records):
                    whole = quiet or at + 1 < len(self.records)
                    found = wanted.match(text) if phone == number and whole and at not in self.taken else None
                    if found:
                        self.taken.add(at)
                        return found
            return None

        return until(seconds, look)

    def text(self, number, text):
        """Sends a text to the short number; None once every deliver_sm was answered with 0, or
        what was wrong."""
        self.say(f"TEXT {number} {SHORT_NUMBER} {text}")
        told = self.next(number, r"(the gateway .*|the message .*|no .*)$", WAIT_S)
        told = told[1] if told else "nothing was said"
        return None if told == "the gateway has it" else told

    def read(self, number, seconds=10):
        """The oldest message of a phone that was not read yet as (sender, text), or None."""
        found = self.next(number, r"SMS from ([^:]*): (.*)$", seconds)
        return (found[1], found[2]) if found else None

    def screen(self, number, seconds=10):
        """The next USSD screen of a phone as (text, whether it is the last), or None."""
        found = self.next(number, r"screen( \(end\))?: (.*)$", seconds)
        return (found[2], found[1] is not None) if found else None

    def enquire(self):
        """How many binds answered enquire_link."""
        before = len(self.others)
        self.say("ENQUIRE")

        def look():
            new = [line for line in self.others[before:] if line.endswith("answered enquire_link")]
            return int(new[0].split()[0]) if new else None

        return until(WAIT_S, look)

    def unbind(self):
        self.say("UNBIND")

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(STOP_S)
        self.reading.join(STOP_S)
        self.log.close()
