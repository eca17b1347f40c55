"""Schemathesis against a running gateway: requests that its OpenAPI document allows, and requests
that it does not, on both listeners, with every check that there is. Each shape that is switched on
has a link of its own, under its own name.

The seed is 1, so that every run is the same; another one: PEERS_SEED=2 tests/peers/run schemathesis
One link or page alone, by a part of its path: PEERS_PATH=/ussd/airtel tests/peers/run schemathesis
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from gateway import Gateway
from table import Table

HERE = pathlib.Path(__file__).parent
SHAPES = HERE.parents[2] / "src" / "operator" / "shapes"
SCHEMATHESIS = os.environ["PEERS_SCHEMATHESIS"]
# Of one operation, without those that cover the schema's corners.
EXAMPLES_MAX = 30
# A run that takes longer has to be made smaller: what it leaves out is not tested.
SECONDS_MAX = 150
# Requests of an operation of a link at least; those of a page are one, where nothing varies.
REQUESTS_MIN = 30
# The credentials of the links that want some; the others pass them over.
HEADERS = {"Authorization": "Bearer a-sample-token-of-the-peers", "x-api-key": "a-sample-key-of-the-peers"}
METHODS = {"get", "post", "put", "delete", "patch"}


def shapes():
    """Name, channel and whether its screens are posted, of each that is switched on."""
    found = []
    for path in sorted(SHAPES.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        said = dict(re.findall(r"^(shape|channel|enabled): *(\S+)$", text, re.M))
        if said.get("enabled") != "false":
            found.append((said["shape"], said["channel"], bool(re.search(r"^push:", text, re.M))))
    return found


def link(shape, channel, is_posted):
    """The link of a shape, as jisr.toml has it."""
    # Nobody takes what is posted there.
    api = 'url = "http://127.0.0.1:9"\nuser = "sample"\nsecret = "sample"\n'
    if channel == "ussd":
        return (
            f'\n[[link]]\nkind = "sandbox"\nname = "{shape}"\nshape = "{shape}"\nservices = ["tns"]\n'
            + (api if is_posted else "")
        )
    # Nothing is sent: no service has its messages here.
    return (
        f'\n[[link]]\nkind = "sms-http"\nname = "{shape}"\nshape = "{shape}"\nservices = ["tns"]\n'
        f'{api}\n[[link.auth]]\nkind = "key"\nheader = "x-api-key"\nsecret = "{HEADERS["x-api-key"]}"\n'
    )


def operations(document):
    """Each operation of the document as reports name it: `POST /ussd/generic`."""
    return [
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item
        if method in METHODS
    ]


def run(folder, name, port, seed, paths):
    """What it says, its exit code (0 where it found nothing), and how many requests each operation
    had."""
    report = os.path.join(folder, f"{name}.ndjson")
    command = [
        SCHEMATHESIS, "--no-color", "--config-file", str(HERE / "schemathesis.toml"), "run", os.path.join(folder, "openapi.json"),
        "--url", f"http://127.0.0.1:{port}",
        "--mode", "all", "--seed", str(seed), "--workers", "1",
        "--max-examples", str(EXAMPLES_MAX), "--request-timeout", "15",
        "--report", "ndjson", "--report-ndjson-path", report,
    ]
    for path in paths:
        command += ["--include-path", path]
    for header, value in HEADERS.items():
        command += ["-H", f"{header}: {value}"]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "hooks.py")}
    with open(os.path.join(folder, f"{name}.log"), "w+", encoding="utf-8") as log:
        try:
            code = subprocess.run(command, cwd=folder, stdout=log, stderr=log, env=environment, timeout=SECONDS_MAX).returncode
        except subprocess.TimeoutExpired:
            code = "it does not end"
        log.seek(0)
        said = log.read()
    return said, code, requests(report)


def requests(report):
    """How many each operation had."""
    counted = collections.Counter()
    if not os.path.exists(report):
        return counted
    with open(report, encoding="utf-8") as lines:
        for line in lines:
            finished = json.loads(line).get("ScenarioFinished")
            if finished:
                counted[finished["recorder"]["label"]] += len(finished["recorder"].get("interactions", ()))
    return counted


def main():
    folder = os.environ["PEERS_DIR"]
    seed = int(os.environ.get("PEERS_SEED") or 1)
    print(f"seed {seed}", flush=True)
    os.environ["PEERS_CONFIG"] = str(HERE / "jisr.toml")
    known = shapes()
    gateway = Gateway(os.path.join(folder, "gateway"), 0, "".join(link(*shape) for shape in known))
    table = Table("schemathesis")
    with gateway:
        document = json.loads(gateway.get("/docs/openapi.json"))
        with open(os.path.join(folder, "openapi.json"), "w", encoding="utf-8") as file:
            json.dump(document, file)
        for shape, channel, _ in known:
            here = [path for path in document["paths"] if re.match(f"^/{channel}/{shape}(/|$)", path)]
            table.expect(f"{shape}: it is in the document", True, bool(here))
        only = os.environ.get("PEERS_PATH", "")
        paths = [path for path in document["paths"] if only in path]
        callbacks = [path for path in paths if re.match("^/(ussd|sms)/", path)]
        half = len(callbacks) // 2
        parts = [
            (name, port, mine)
            for name, port, mine in (
                ("callbacks-1", gateway.http, callbacks[:half]),
                ("callbacks-2", gateway.http, callbacks[half:]),
                ("administration", gateway.admin, [path for path in paths if path not in callbacks]),
            )
            if mine
        ]
        # Two at a time: half of the time is theirs, the other half the gateway's.
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda part: run(folder, part[0], part[1], seed, part[2]), parts))
        sent = collections.Counter()
        for (name, *_), (said, code, counted) in zip(parts, done):
            sent += counted
            if not table.expect(f"{name}: what it finds", 0, code):
                print(said)
        wanted = [operation for operation in operations(document) if operation.split()[1] in paths]
        for operation in wanted:
            least = REQUESTS_MIN if operation.split()[1] in callbacks else 1
            if sent[operation] < least:
                table.expect(f"{operation}: requests", f"at least {least}", sent[operation])
        table.expect("operations tested", len(wanted), sum(1 for operation in wanted if sent[operation]))
        table.expect("the gateway has gone on", "alive\n", gateway.get("/livez"))
        print(f"{len(known)} shapes, {len(wanted)} operations, {sum(sent.values())} requests")
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
