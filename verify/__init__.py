"""What runs on a target: it looks, and changes nothing. Standard library only, Python 3.9 and newer."""
