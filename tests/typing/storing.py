"""What must not type-check: writing octets that were not verified.

Each marked line must give exactly the marked error; a line without a mark must give none.
"""

from peertransfer.content.verified import Verified
from peertransfer.store.partial import PartialFile


async def a_partial_file_takes_verified_blocks_only(partial: PartialFile, block: Verified) -> None:
    await partial.write([(0, b"octets")])  # E: list-item
    await partial.write([(0, block.octets)])  # E: list-item
    await partial.write([(0, block)])
