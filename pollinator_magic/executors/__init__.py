"""Takes processes from a colony and runs them: one worker, several engines."""
