"""What runs on a target and looks: probes, parsers, snapshot, checks. Standard library, Python 3.9+."""
