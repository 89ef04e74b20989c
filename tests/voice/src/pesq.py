# Reads [[said, heard]] of WAV files from standard input, prints the PESQ-WB score of each pair.
import json
import sys
import wave

import numpy
from pesq import pesq


def read(name):
    with wave.open(name) as file:
        return file.getframerate(), numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)


for said, heard in json.load(sys.stdin):
    rate, reference = read(said)
    _, degraded = read(heard)
    print(pesq(rate, reference, degraded, "wb"), flush=True)
