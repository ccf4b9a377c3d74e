"""What a file is, and whether these octets are it.

Pure: octets in, values out. It opens no file, reads no clock and draws no random number.
"""
