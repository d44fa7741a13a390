"""What runs on a target and changes it: long steps, seals, the lease, secrets. Only the standard library."""
