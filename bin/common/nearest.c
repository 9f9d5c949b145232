/* nearest.c - finding the name that a mistyped word probably means. */

#include "nearest.h"

#include <string.h>

enum { LONGEST = 24 }; /* the longest name in this project */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Return how many letters have to be inserted, removed, replaced or swapped with the next one to
 * turn A into B; both have at most LONGEST bytes. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][LONGEST + 1]; /* the last two rows and the current one, in rotation */
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        const size_t *before = rows[(i + 1) % 3], *last = rows[(i - 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]), least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[strlen(a) % 3][width];
}

void nearest_try(struct nearest *nearest, const char *candidate)
{
    size_t length = strlen(nearest->word);
    if (length < 2 || length > LONGEST || strlen(candidate) > LONGEST)
        return;
    size_t mistakes = distance(nearest->word, candidate);
    if (mistakes > 1 + length / 5 || (nearest->best != NULL && mistakes >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = mistakes;
}
