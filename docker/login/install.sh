#!/bin/sh
# Makes the virtual environment $1 with what the login service needs. The arguments are the Dockerfile's.
set -eu
here=$(dirname "$0")
env=$1

python3 -m venv "$env"
# pip trusts the public authorities and the site's.
{ cat "$("$env/bin/python" -c 'from pip._vendor import certifi; print(certifi.where())')"; echo; cat "$here/site-ca.crt"; } \
  > "$env/ca-bundle.crt"
export PIP_CERT="$env/ca-bundle.crt" PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
"$env/bin/python" -m pip install --progress-bar off --only-binary=:all: --requirement "$here/requirements.txt"
# Nothing is installed into it later.
"$env/bin/python" -m pip uninstall --yes pip >/dev/null
