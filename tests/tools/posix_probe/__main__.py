#!/usr/bin/env python3
"""Runs small programs in an empty directory and prints what they saw, a line each: `topic what: result`.

    posix_probe DIRECTORY [TOPIC]...

Two file systems that behave the same print the same. Run it as root.
"""

import os
import sys

import flags
import inherit
import limits
import setuid
import times

TOPICS = {
    "setuid": setuid.run,
    "inherit": inherit.run,
    "times": times.run,
    "flags": flags.run,
    "limits": limits.run,
}


def main():
    directory, *topics = sys.argv[1:]
    for topic in topics or TOPICS:
        place = os.path.join(directory, topic)
        os.mkdir(place)
        os.chmod(place, 0o777)
        os.chdir(place)
        os.umask(0o022)
        TOPICS[topic](lambda what, result, topic=topic: print(f"{topic} {what}: {result}", flush=True))


main()
