"""Disposable hosts on this machine, and a mirror that stands in for the internet.

The functions a caller needs are in :mod:`control.lab.site`: ``up``, ``down``, ``status``, ``ssh_command``.
"""
