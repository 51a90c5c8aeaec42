"""The modules of .ci/chaos."""
