#!/bin/sh
# install-room.sh ROOM TARGET: a virtual environment with one room, what it needs of ours, and nothing else.
# Versions and hashes are those of requirements.lock; uv only says which of them the room needs.
set -eu

room=${1:?room} target=${2:?target folder}
case "$room" in
    member-svc | card-svc | insurance-svc | claims-svc) folders="shared services/$room" ;;
    workflows) folders="shared workflows" ;;
    sandbox) folders="shared" ;;
    operations) folders="shared services/member-svc services/card-svc services/insurance-svc services/claims-svc workflows deploy" ;;
    *) echo "no room '$room': member-svc, card-svc, insurance-svc, claims-svc, workflows, sandbox or operations" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# pick FILE: the entries of requirements.lock, hashes included, whose names the file lists as name==version
pick() {
    awk 'FNR == NR { sub(/==.*/, ""); wanted[$1] = 1; next }
         /^[a-zA-Z0-9]/ { name = $1; sub(/==.*/, "", name); taken = name in wanted }
         taken' "$1" requirements.lock
}

printf "%s==\n" uv hatchling editables packaging pathspec pluggy tomlkit trove-classifiers > "$work/tools"
pick "$work/tools" > "$work/tools.txt"
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$work/tools.txt"
uv() { "$work/venv/bin/uv" --quiet "$@"; }

sources=
for folder in $folders; do sources="$sources $folder/pyproject.toml"; done
# shellcheck disable=SC2086  # words are meant
uv pip compile --no-header --no-annotate -c requirements.lock --python "$work/venv/bin/python" \
    -o "$work/needed" $sources
grep '==' "$work/needed" > "$work/pinned"
pick "$work/pinned" > "$work/room.txt"

python3 -m venv --without-pip "$target"
uv pip install --python "$target/bin/python" --require-hashes --no-deps -r "$work/room.txt"
for folder in $folders; do
    uv build --wheel --no-build-isolation --python "$work/venv/bin/python" -o "$work/wheels" "$folder"
done
uv pip install --python "$target/bin/python" --no-deps --no-index "$work"/wheels/*.whl
if [ "$room" = sandbox ]; then
    cp -R deploy/sandbox/partner_sandbox "$("$target/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/"
fi
"$target/bin/python" -m compileall -q "$target/lib" || true
