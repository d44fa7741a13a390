"""What runs on the control node: inventory, truth table, planner, runs, lab, report."""
