"""Malformed PDUs over the loopback, each on a connection of its own, to prove that the reading of a
capture finds them. Prints their names as JSON, in the order of the connections; the first is good.

Environment: PEERS_PORTS, of which the first is listened on.
"""

import json
import os
import socket
import struct

DELIVER_SM, ENQUIRE_LINK, SUBMIT_SM_RESP = 0x05, 0x15, 0x80000004

HEAD = b"\0" + b"\1\1212661000001\0" + b"\0\x015800\0" + b"\0\0\0" + b"\0\0" + b"\0\0\0\0"


def pdu(command, body=b"", length=None):
    return struct.pack(">IIII", 16 + len(body) if length is None else length, command, 0, 1) + body


CASES = {
    "nothing wrong": pdu(DELIVER_SM, HEAD + b"\x03TNS"),
    "sm_length over the end": pdu(DELIVER_SM, HEAD + b"\xf0TNS"),
    "octets behind the text": pdu(DELIVER_SM, HEAD + b"\x02TNS"),
    "a parameter cut off": pdu(DELIVER_SM, HEAD + b"\x03TNS\x05\x01\x00"),
    "its_session_info of one octet": pdu(DELIVER_SM, HEAD + b"\x03TNS\x13\x83\x00\x01\x01"),
    "an address without its NUL": pdu(DELIVER_SM, b"\0\1\x01212661000001"),
    "a message_id without its NUL": pdu(SUBMIT_SM_RESP, b"abc"),
    "command_length under the header": pdu(DELIVER_SM, HEAD + b"\x03TNS", length=15),
    "command_length too short": pdu(DELIVER_SM, HEAD + b"\x03TNS", length=30),
    "command_length too long": pdu(DELIVER_SM, HEAD + b"\x03TNS", length=200),
    "command_length of two GiB": pdu(DELIVER_SM, HEAD + b"\x03TNS", length=0x7FFFFFFF),
    "an unknown command": pdu(0x0777),
    "another protocol": b"GET / HTTP/1.0\r\n\r\n",
    "half a PDU behind a good one": pdu(ENQUIRE_LINK) + pdu(DELIVER_SM, HEAD + b"\x03TNS")[:20],
}


def main():
    with socket.create_server(("127.0.0.1", int(os.environ["PEERS_PORTS"].split()[0]))) as server:
        for octets in CASES.values():
            with socket.create_connection(server.getsockname()) as to:
                taken, _ = server.accept()
                with taken:
                    taken.sendall(octets)
                    # What has arrived has been captured.
                    to.settimeout(5)
                    left = len(octets)
                    while left > 0:
                        left -= len(to.recv(left))
    print(json.dumps(list(CASES)))


if __name__ == "__main__":
    main()
