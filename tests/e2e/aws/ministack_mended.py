#!/usr/bin/env python3
"""ministack with four things mended that would make tests of a function guess, wait or miss something.

It runs a `bootstrap` for each event and ends it after the answer. As it comes,
1. what the function logged is lost: here it goes to the function's log group, as on AWS;
2. asked for the next event, it gives the same again, so that a bootstrap which is ended late does its work twice:
   here there is no next event, as on AWS;
3. a bootstrap that gives up at its start is waited for until the function's timeout: here that is an error at once;
4. keys in S3's notifications are as they are: here they are encoded as in a form, as on AWS.

And what it does not look at is written down, so that a test can: the function's requests to S3, one JSON line each,
in the file that the variable REQUESTS_OF_FUNCTION names.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import subprocess
import sys
import threading
import types
import urllib.parse

from ministack import app
from ministack.services import lambda_svc, s3

RUNTIME = "/2018-06-01/runtime"
FUNCTIONS_KEY = "000000000000"  # the account's number: the access key that ministack gives to functions
heard = threading.local()


class ListenedTo(subprocess.Popen):
    """Keeps what the process said for whoever started it, and tells at once that it gave up."""

    def __init__(self, *arguments, env: dict[str, str], **named) -> None:
        super().__init__(*arguments, env=env, **named)
        threading.Thread(target=self._tell_of_failure, args=(env["AWS_LAMBDA_RUNTIME_API"],), daemon=True).start()

    def communicate(self, *arguments, **named):
        output, errors = super().communicate(*arguments, **named)
        heard.log = b"".join(text for text in (output, errors) if isinstance(text, bytes)).decode(errors="replace")
        return output, errors

    def _tell_of_failure(self, runtime: str) -> None:
        if self.wait() <= 0:  # well, or by the signal that ends it after its answer
            return
        error = {"errorType": "Runtime.ExitError", "errorMessage": f"exit status {self.returncode}"}
        connection = http.client.HTTPConnection(runtime, timeout=5)
        with contextlib.suppress(OSError):  # it had answered before
            connection.request("POST", f"{RUNTIME}/init/error", json.dumps(error))
            connection.getresponse()


class OneEventEach(http.server.BaseHTTPRequestHandler):
    """A second request for an event waits until who asks is gone."""

    def parse_request(self) -> bool:
        is_good = super().parse_request()
        if not is_good or f"{RUNTIME}/invocation/next" not in self.path:
            return is_good
        if getattr(self.server, "has_given_its_event", False):
            self.connection.recv(1)
            return False
        self.server.has_given_its_event = True
        return True


def writing_down(application):
    """The ASGI application, with the requests written down that are signed, or presigned, by the function."""
    signed_by_function = f"Credential={FUNCTIONS_KEY}/"

    async def listening(scope, receive, send):
        if scope["type"] == "http":
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            query = urllib.parse.unquote(scope["query_string"].decode())
            if signed_by_function in headers.get("authorization", "") + query:
                line = {"method": scope["method"], "path": scope["path"], "query": query}
                with open(os.environ["REQUESTS_OF_FUNCTION"], "a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
        await application(scope, receive, send)

    return listening


def mend() -> None:
    app.app = writing_down(app.app)
    http.server.BaseHTTPRequestHandler = OneEventEach
    lambda_svc.subprocess = types.SimpleNamespace(**vars(subprocess) | {"Popen": ListenedTo})
    execute = lambda_svc._execute_function_provided

    def execute_and_listen(function: dict, event: dict) -> dict:
        heard.log = ""
        return execute(function, event) | {"log": heard.log}

    lambda_svc._execute_function_provided = execute_and_listen
    tell = s3._fire_s3_event
    s3._fire_s3_event = lambda bucket, key, *more: tell(bucket, urllib.parse.quote_plus(key, safe="/"), *more)


if __name__ == "__main__":
    mend()
    sys.argv = ["ministack"]
    app.main()
