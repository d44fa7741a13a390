#!/bin/sh
# Makes the virtual environment $1 with JupyterLab in it, beside the base image's Python and never into it: what the base
# has (its PyTorch above all) stays as it is and can be imported. The arguments are the Dockerfile's.
set -eu
here=$(dirname "$0")
env=$1
torch=$(mktemp -d)

torch_of() { "$1" -c 'from importlib.metadata import version; print(version("torch"))' 2>/dev/null || echo none; }
before=$(torch_of python3)
if [ "$before" = none ] && [ -z "$TORCH_REQUIREMENT" ]; then
  echo "neither the base image nor TORCH_REQUIREMENT brings PyTorch" >&2
  exit 1
fi

python3 -m venv --system-site-packages --without-pip "$env"
site=$("$env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# A base whose python3 is itself of a virtual environment (rocm/pytorch's is): "system" would mean the one below it.
python3 -c 'import site; [print(f"import site; site.addsitedir({path!r})") for path in site.getsitepackages()]' \
  > "$site/base_image.pth"

cp "$here/gpuhost_files.py" "$site/"

# What a notebook's `!pip` finds: this environment's, and not the base's.
printf '#!/bin/sh\nexec %s -m pip "$@"\n' "$env/bin/python" > "$env/bin/pip"
chmod 755 "$env/bin/pip"

# pip and the running container trust the public authorities and the site's.
{ cat "$(python3 -c 'from pip._vendor import certifi; print(certifi.where())')"; echo; cat "$here/site-ca.crt"; } \
  > "$env/ca-bundle.crt"
export PIP_CERT="$env/ca-bundle.crt" PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
pip() { command=$1; shift; "$env/bin/python" -m pip "$command" --progress-bar off --only-binary=:all: "$@"; }

# Only PyTorch itself comes from its index; everything else from the one index of the site.
if [ -n "$TORCH_REQUIREMENT" ]; then
  pip download --no-deps --dest "$torch" ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} "$TORCH_REQUIREMENT"
  pip install --requirement "$here/requirements.txt" "$torch"/*.whl numpy
else
  pip install --requirement "$here/requirements.txt"
fi

# Each by itself and without dependencies: what they need is pinned above, and one that is missing takes no other along.
for extension in $EXTENSIONS; do
  if pip install --no-deps "$extension"; then
    continue
  fi
  echo "extension $extension: the package index does not have it, or gave it up" >&2
  if [ -n "$EXTENSIONS_REQUIRED" ]; then
    echo "services_jupyter_extensions_required: false goes on without it" >&2
    exit 1
  fi
done

have=$(torch_of "$env/bin/python")
if [ -z "$TORCH_REQUIREMENT" ] && [ "$have" != "$before" ]; then
  echo "the base image's PyTorch $before is hidden by PyTorch $have" >&2
  exit 1
fi
echo "PyTorch $have"
