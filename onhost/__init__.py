"""What runs on a target and changes it: long steps, seals, the lease, secrets. Standard library, Python 3.9+."""
