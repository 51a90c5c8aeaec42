/* A program that is linked to a shared library. */
#include <stdio.h>

const char *answer(void);

int main(void) { return puts(answer()) < 0; }
