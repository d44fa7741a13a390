"""What each command of gpuhost does, one module a command; ``control/tasks`` parses their options."""
