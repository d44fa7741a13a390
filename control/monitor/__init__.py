"""The live view of hosts: how each is reached, what came from it, and how it looks."""
