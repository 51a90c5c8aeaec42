"""The parts of .ci/bench; it alone runs them."""
