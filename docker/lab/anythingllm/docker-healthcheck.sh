#!/bin/bash
# Where the real image has its own; the same question, the same exit codes.
status=$(curl --silent --output /dev/null --write-out '%{http_code}' "http://localhost:${SERVER_PORT:-3001}/api/ping")
if [ "$status" = 200 ]; then
  echo "Server is up"
else
  echo "Server is down"
  exit 1
fi
