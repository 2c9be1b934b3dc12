#!/bin/sh
# curl-form.sh FILE...: one file is answered with its record, several with a list of records.
for file; do set -- "$@" --form "file=@$file"; shift; done
exec curl --silent --show-error --fail-with-body "$@" http://127.0.0.1:8080/uploads
