"""Reads a capture with tshark: no PDU is malformed, and the PDUs are there that must be.

    check.py CAPTURE PORT,… --counts FILE    the capture of a run; FILE has, as JSON, how many PDUs of
                                             each command there are ("exact") or are at least ("least")
    check.py CAPTURE PORT,… --planted FILE   a capture of planted.py, FILE its output: every malformed
                                             PDU is found

tshark alone is not enough: it passes over a header that it cannot read and over an unknown command
as other data, without a word. So every octet on the ports has to belong to a PDU.
"""

import collections
import json
import subprocess
import sys

from table import Table

READ_S = 60

# Of wireshark's epan/proto.h: PI_ERROR.
SEVERITY_ERROR = 0x00800000

COMMANDS = {
    0x80000000: "generic_nack", 0x01: "bind_receiver", 0x02: "bind_transmitter", 0x03: "query_sm",
    0x04: "submit_sm", 0x05: "deliver_sm", 0x06: "unbind", 0x07: "replace_sm", 0x08: "cancel_sm",
    0x09: "bind_transceiver", 0x0B: "outbind", 0x15: "enquire_link", 0x102: "alert_notification",
    0x103: "data_sm",
}

FIELDS = (
    "frame.number", "tcp.stream", "tcp.srcport", "tcp.len", "smpp.command_id", "smpp.command_length",
    "_ws.malformed", "_ws.expert.severity", "tcp.reassembled_in",
)

# Frames of TCP itself that carry octets once more.
AGAIN = "tcp.analysis.retransmission || tcp.analysis.keep_alive"


def name(command):
    known = COMMANDS.get(command) or COMMANDS.get(command & 0x7FFFFFFF, hex(command))
    return known if command in COMMANDS else f"{known}_resp"


class Reading:
    """What tshark sees in a capture."""

    def __init__(self, capture, ports):
        command = ["tshark", "-n", "-2", "-r", capture, "-T", "fields", "-E", "occurrence=a"]
        for port in ports:
            command += ["-d", f"tcp.port=={port},smpp"]
        where = " || ".join(f"tcp.port == {port}" for port in ports)
        command += ["-Y", f"tcp.len > 0 && ({where}) && !({AGAIN})"]
        for field in FIELDS:
            command += ["-e", field]
        read = subprocess.run(command, capture_output=True, text=True, timeout=READ_S, check=True)
        self.counts = collections.Counter()
        # What is wrong in each stream, with the number of the frame.
        self.wrong = collections.defaultdict(list)
        # Octets less those of PDUs, for each direction of a stream.
        self.left = collections.Counter()
        for line in read.stdout.splitlines():
            self.take(dict(zip(FIELDS, line.split("\t"))))
        for (stream, _), octets in self.left.items():
            if octets != 0:
                self.wrong[stream].append(f"stream {stream}: {octets} octets are left over")

    def take(self, frame):
        wrong = self.wrong[int(frame["tcp.stream"])]
        where = f"frame {frame['frame.number']}"
        commands = [int(each, 16) for each in frame["smpp.command_id"].split(",") if each]
        self.counts.update(map(name, commands))
        lengths = [int(each) for each in frame["smpp.command_length"].split(",") if each]
        self.left[int(frame["tcp.stream"]), frame["tcp.srcport"]] += int(frame["tcp.len"]) - sum(lengths)
        severities = [int(each) for each in frame["_ws.expert.severity"].split(",") if each]
        if frame["_ws.malformed"]:
            wrong.append(f"{where}: malformed")
        elif SEVERITY_ERROR in severities:
            wrong.append(f"{where}: an error of tshark's experts")
        elif not commands and not frame["tcp.reassembled_in"]:
            wrong.append(f"{where}: octets that are no PDU")

    def all_wrong(self):
        return [each for stream in sorted(self.wrong) for each in self.wrong[stream]]


def missing(counts, wanted):
    """Where the counts are not as wanted."""
    exact, least = wanted.get("exact", {}), wanted.get("least", {})
    wrong = {each: counts[each] for each, count in exact.items() if counts[each] != count}
    wrong.update({each: counts[each] for each, count in least.items() if counts[each] < count})
    if not exact and not least:
        wrong["nothing"] = "is wanted"
    return wrong


def run(table, reading, wanted):
    table.expect("no malformed PDU, and nothing but PDUs", [], reading.all_wrong())
    table.expect("other counts than wanted", {}, missing(reading.counts, wanted))
    for command, count in sorted(reading.counts.items()):
        table.expect(command, count, count)


def planted(table, reading, names):
    for stream, what in enumerate(names):
        wrong = reading.wrong[stream]
        table.expect(f"{what}: found", stream > 0, bool(wrong))
    table.expect("streams in the capture", len(names), len(reading.wrong))
    table.expect("what is not there is missed", {"submit_sm": 0}, missing(reading.counts, {"least": {"submit_sm": 1}}))
    table.expect("an empty capture is none", True, bool(missing(collections.Counter(), {"exact": {"deliver_sm": 1}})))


def main():
    _, capture, ports, how, file = sys.argv
    reading = Reading(capture, ports.split(","))
    with open(file, encoding="utf-8") as wanted:
        wanted = json.load(wanted)
    table = Table(f"{capture.rsplit('/', 1)[-1]}, read by tshark")
    if how == "--planted":
        planted(table, reading, wanted)
    else:
        run(table, reading, wanted)
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
