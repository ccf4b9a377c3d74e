"""Where the octets and the records are: home, database, shared files, partial downloads."""
