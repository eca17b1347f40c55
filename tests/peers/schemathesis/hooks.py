"""What a document cannot say, and schemathesis has to know: operators that have refusals under the
status 200, and a query of which one parameter does away with the need for others."""

import json

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


@schemathesis.hook
def filter_case(ctx, case):
    """A clean-up at airtel has the parameter `clean` and needs no `input`. A query has no alternatives
    in OpenAPI, which calls that broken."""
    is_negative = case.meta is not None and case.meta.generation.mode.is_negative
    return not (case.path == "/ussd/airtel" and is_negative and "clean" in (case.query or {}))
