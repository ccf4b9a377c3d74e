"""Write ``policy.schema.json``, the shape of a policy file, from the lists of the parsers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from peertransfer.policy.schema import policy_schema

PATH = Path(__file__).resolve().parent.parent / "node" / "peertransfer" / "policy" / "policy.schema.json"


def main() -> int:
    """Write the file anew."""
    PATH.write_text(json.dumps(policy_schema(), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
