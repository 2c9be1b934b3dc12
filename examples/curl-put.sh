#!/bin/sh
# curl-put.sh FILE: the key may hold folders, and `If-None-Match: *` refuses to replace.
exec curl --silent --show-error --fail-with-body --header 'If-None-Match: *' \
  --upload-file "$1" http://127.0.0.1:8080/uploads/examples/
