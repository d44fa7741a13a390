"""GPU work that proves a device: right numbers, sound memory, the rate that the card should have, and several cards at once.

Only :mod:`.worker` and what it calls import torch, in a process of its own for each device; :mod:`.runner` starts these
processes, and ends one that hangs. What they print is judged in :mod:`verify.checks`.
"""
