"""Who takes what is in records: pieces in a list, or octets in the memory that was named for them."""


class Pieces:
    """Takes octets as they come; the next ``named`` of them, where a record is not longer, into memory."""

    appetite = 1 << 20

    def __init__(self, named=0):
        self.came = []
        self._room = memoryview(bytearray(named))
        self._placed = 0

    def room_for(self, size):
        """Return memory while there is some for the whole record."""
        left = self._room[self._placed :]
        return left[:size] if size <= len(left) else None

    def take_placed(self, size):
        """Take octets that are in the memory."""
        self.came.append(bytes(self._room[self._placed : self._placed + size]))
        self._placed += size

    def take(self, octets):
        """Take octets."""
        self.came.append(octets)


def opened(opener, octets, named=0):
    """Return what is in the records of ``octets``, each by itself."""
    taker = Pieces(named)
    view = memoryview(octets)
    while view:
        view = view[opener.open_next(view, taker) :]
    return taker.came
