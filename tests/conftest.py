"""Tests run on several cores, each worker with one thread of its own: two torch processes that share cores wait for one
another many times as long as they compute."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, for this process and those it starts

from hypothesis import settings

settings.register_profile("shared cores", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("shared cores")
