"""The modules of .ci/bench."""
