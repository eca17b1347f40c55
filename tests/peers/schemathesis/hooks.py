"""What a document cannot say, and schemathesis has to know: operators that have refusals under the
status 200, and a query of which one parameter does away with the need for others."""

import json
import re

import schemathesis


def xml_rpc(text):
    return "<fault>" in text


def exit_code(text):
    return json.loads(text)["responseExitCode"] >= 400


# By the beginning of a path: how such an answer is seen to be a refusal, and whether the document
# says all that a request needs. Members of an XML-RPC struct have their names in their content,
# which a schema of an XML element cannot tell apart.
REFUSALS = {
    "/ussd/mtn-rwanda": (xml_rpc, False),
    "/ussd/trueafrican": (xml_rpc, False),
    "/ussd/infobip/": (exit_code, True),
}


@schemathesis.check
def refusal_says_so(ctx, response, case):
    """What breaks the schema is refused in the body where the status does not say so, and nothing
    else is."""
    refuses, is_whole = next((of for path, of in REFUSALS.items() if case.path.startswith(path)), (None, False))
    if refuses is None or response.status_code != 200 or case.meta is None:
        return
    if case.meta.generation.mode.is_negative:
        assert refuses(response.text), "it breaks the schema, and was taken"
    elif is_whole:
        assert not refuses(response.text), "it fits the schema, and was refused"


# By the path: what a request has that may be taken though it breaks the schema, because it is no step
# of a conversation.
NO_STEP = {
    "/ussd/mtech": rb"<status[ />]",
    "/ussd/restcomm": rb"mapUserAbortChoice|mapAbortProviderReason|mapRefuseReason|dialogTimedOut|invokeTimedOut|<errComponents",
    "/ussd/integrat": rb"<Response [^>]*Type=\"(?!OnUSSEvent\")|<OnUSSEvent [^>]*Type=\"(?i:new|close)\"|>REQ<",
}


@schemathesis.check
def taken_is_no_step(ctx, response, case):
    """What breaks the schema and is taken all the same says that it is an end or another message."""
    told = NO_STEP.get(case.path)
    if told is None or response.status_code != 200 or case.meta is None or case.meta.generation.mode.is_positive:
        return
    body = response.request.body or b""
    body = body.encode() if isinstance(body, str) else body
    assert re.search(told, body), "it breaks the schema, and was taken as a step"


# What is no character of XML 1.0 (section 2.2) is left out when a body is written, which makes another
# body of it than the one that was meant.
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def texts(value):
    """Every text in a body before it is written, names too."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


@schemathesis.hook
def filter_case(ctx, case):
    """A clean-up at airtel has the parameter `clean` and needs no `input`. A query has no alternatives
    in OpenAPI, which calls that broken."""
    is_negative = case.meta is not None and case.meta.generation.mode.is_negative
    if case.path == "/ussd/airtel" and is_negative and "clean" in (case.query or {}):
        return False
    is_xml = "xml" in (case.media_type or "")
    return not (is_xml and any(NO_XML.search(text) for text in texts(case.body)))
