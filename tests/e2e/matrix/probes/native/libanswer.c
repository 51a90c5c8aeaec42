/* A shared library with one function. */
const char *answer(void) { return "the answer of a shared library"; }
