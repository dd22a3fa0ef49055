"""Sends Ethernet frames through a tap: send-frames.py DESCRIPTOR, with a frame in hexadecimal a line."""
import os
import sys

tap = int(sys.argv[1])
for line in sys.stdin:
    # virtio_net_hdr of linux/virtio_net.h: nothing is left for the other end to compute.
    os.write(tap, bytes(10) + bytes.fromhex(line))
