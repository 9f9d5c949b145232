/* nearest.h - finding the name that a mistyped word probably means. */

#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/* Set only WORD at first. After all candidates BEST is the most similar one, or NULL if none is
 * similar. */
struct nearest {
    const char *word, *best;
    size_t distance; /* of BEST */
};

void nearest_try(struct nearest *nearest, const char *candidate);

#endif
