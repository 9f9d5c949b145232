/* nearest.h - the name that a mistyped word was probably meant to be. */

#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/* Begin with only WORD set; after all candidates BEST is the nearest one, or NULL if none is near.
 */
struct nearest {
    const char *word, *best;
    size_t distance; /* of BEST */
};

void nearest_try(struct nearest *nearest, const char *candidate);

#endif
