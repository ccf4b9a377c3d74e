#!/bin/sh
# Print a Python of at least 3.11: the one named, else python3, else say what is missing.
for candidate in "$@" python3.11 python3.12 python3.13 python3; do
    if command -v "$candidate" > /dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
        command -v "$candidate"
        exit 0
    fi
done
echo "error: no Python 3.11 or newer. Peertransfer needs one. Install python3 and python3-venv." >&2
exit 1
