"""What schemathesis cannot know of operators that have refusals under the status 200."""

import json

import schemathesis

# How an answer with that status is seen to be a refusal.
REFUSALS = {
    "/ussd/mtn-rwanda": lambda text: "<fault>" in text,
    "/ussd/infobip/": lambda text: json.loads(text)["responseExitCode"] >= 400,
}


@schemathesis.check
def refusal_says_so(ctx, response, case):
    """What breaks the schema is refused in the body where the status does not say so, and nothing
    else is."""
    refuses = next((of for path, of in REFUSALS.items() if case.path.startswith(path)), None)
    if refuses is None or response.status_code != 200 or case.meta is None:
        return
    is_negative = case.meta.generation.mode.is_negative
    assert refuses(response.text) == is_negative, "refused" if not is_negative else "taken"
