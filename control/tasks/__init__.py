"""The commands of ``./gpuhost``, one module per kind.

Every start imports all of them: what a command needs is imported in its body.
"""
