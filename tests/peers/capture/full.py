"""The gateway's program with the simulator's message centre, for a capture: texts in French and
Arabic, long ones both ways, receipts, and USSD in each dialect.

Environment: PEERS_JISR and PEERS_SIMULATOR the programs, PEERS_CONFIG the gateway's configuration
with gaps, PEERS_DIR a folder for the run, PEERS_PORTS the ports, of which the first is the message
centre's. It leaves counts.json there: how many PDUs of each command a capture must have at least.
"""

import json
import os
import re
import sys

from gateway import Gateway
from smsc import Smsc
from table import Table, until

AMINA = "+212661000001"
DRISS = "+212661000003"


def says(table, smsc, number, what, text, pattern):
    """A text, and the reply that it must have."""
    table.expect(f"{what}: taken", None, smsc.text(number, text))
    _, reply = smsc.read(number) or (None, None)
    table.expect(f"{what}: answered", re.compile(pattern), reply)


def texts(table, smsc, gateway):
    says(table, smsc, AMINA, "a text in French", "TNS cin BE740215 14062031 05031984", "Langue")
    says(table, smsc, AMINA, "the language", "2", "3 Mes données")
    says(table, smsc, AMINA, "the terms", "1", "BE740215")
    says(table, smsc, AMINA, "the summary", "1", "104882317")
    far = " " * 170
    says(table, smsc, DRISS, "a long text", f"TNS cin D3345{far}20012028 01071961", "اختر لغتك")
    says(table, smsc, DRISS, "an Arabic digit", "١", "[\u0621-\u064a]{3}")
    says(table, smsc, DRISS, "the terms in Arabic", "١", "D3345")
    says(table, smsc, DRISS, "the summary in Arabic", "1", "3939")
    says(table, smsc, AMINA, "a long text in Arabic digits", f"TNS cin BE740215{far}١٤٠٦٢٠٣١ ٠٥٠٣١٩٨٤", "BE740215")

    until(10, lambda: True if set(gateway.messages()) == {"delivered"} else None)
    table.expect("receipts bring all to delivered", {"delivered": 9}, gateway.messages())


# What a person answers to each screen, by what it says; the first that fits.
ANSWERS = (
    ("C'est juste", "1"), ("Continuer votre demande", "2"), ("Langue", "2"), ("Mes données", "1"),
    ("Que voulez-vous", "1"), ("Quelle carte", "1"), ("uméro de la carte", "BE740215"), ("xpir", "14/06/2031"),
    ("aissance", "5 mars 1984"),
)
STEPS_MAX = 14


def dials(table, smsc, dialect):
    """A journey from the dial to the last screen, and the message to keep."""
    smsc.say(f"DIAL {AMINA} *580#")
    text, last = smsc.screen(AMINA) or ("no screen", True)
    for _ in range(STEPS_MAX):
        answer = next((answer for says, answer in ANSWERS if says in text), None)
        if last or answer is None:
            break
        smsc.say(f"KEY {AMINA} {answer}")
        text, last = smsc.screen(AMINA) or ("no screen", True)
    table.expect(f"USSD, {dialect}: the last screen", re.compile("104882317"), text)
    table.expect(f"USSD, {dialect}: it is an end", True, last)
    _, message = smsc.read(AMINA) or (None, None)
    table.expect(f"USSD, {dialect}: the message to keep", re.compile("104882317"), message)


# 9 texts, of which 2 in two or three parts, and a receipt for each of 14 messages; 9 replies, some in
# parts, and 5 messages to keep; in each dialect 9 screens of a journey.
LEAST = {
    "bind_transceiver": 5, "bind_transceiver_resp": 5, "submit_sm": 14 + 45, "submit_sm_resp": 14 + 45,
    "deliver_sm": 11 + 14 + 45, "deliver_sm_resp": 11 + 14 + 45, "unbind": 5, "unbind_resp": 5,
    "enquire_link": 5, "enquire_link_resp": 5,
}


def main():
    table = Table("The gateway with the simulator's message centre")
    folder, port = os.environ["PEERS_DIR"], int(os.environ["PEERS_PORTS"].split()[0])
    try:
        for dialect in ("default", "sixdee", "mica", "pssr", "notify"):
            # Each with a centre and a gateway of its own.
            place = os.path.join(folder, dialect)
            settings = f'\n[link.ussd]\ndialect = "{dialect}"\n'
            gateway = Gateway(os.path.join(place, "gateway"), port, settings)
            with Smsc(place, port, "--dialect", dialect) as smsc, gateway:
                table.expect(f"{dialect}: bound", True, gateway.bound())
                table.expect(f"{dialect}: the centre's enquire_link is answered", 1, smsc.enquire())
                if dialect == "default":
                    texts(table, smsc, gateway)
                dials(table, smsc, dialect)
                table.expect(f"{dialect}: it ends well", 0, gateway.process.stop())
    except Exception as error:  # The table says it, whatever it is.
        table.expect("the run comes to its end", None, f"{type(error).__name__}: {error}")
    with open(os.path.join(folder, "counts.json"), "w", encoding="utf-8") as file:
        json.dump({"least": LEAST}, file)
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
