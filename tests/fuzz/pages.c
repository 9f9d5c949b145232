/* pages.c - fuzz the code that reads pages which SQLite cannot read any more. The input is a file
 * of pages. Each page begins with the byte for its kind, so the input is spread: 256 bytes of it
 * make a page, the first ones at its beginning, the others at its end, where the rows are. */

#include <stdlib.h>
#include <string.h>

#include "../../lib/sqlite/pages.h"
#include "fuzz.h"

enum { HEAD = 64, TAIL = 192 };

/* Read every byte of every column: the sanitizer reports bytes outside. */
static bool touch(void *context, const struct record *record)
{
    unsigned *sum = context;
    char name[CHAT_NAME_MAX + 1];
    expect(record->count <= COLUMNS_MOST, "at most COLUMNS_MOST columns");
    for (size_t i = 0; i < record->count; i++) {
        const struct column *column = &record->column[i];
        for (size_t k = 0; k < column->size; k++)
            *sum += column->bytes[k];
        *sum += (unsigned)pages_number(column);
        if (pages_name(column, name))
            expect(strlen(name) == column->size, "a name without NUL");
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    sqlite3 *db;
    unsigned sum = 0;
    size_t count = (size + HEAD + TAIL - 1) / (HEAD + TAIL) + 2;
    if (count > 64)
        return 0;
    unsigned char *image = sqlite3_malloc64(count * PAGE);
    expect(image != NULL, "memory");
    memset(image, 0, count * PAGE);
    for (size_t i = 0; i < size; i++) {
        size_t in = i % (HEAD + TAIL);
        image[(i / (HEAD + TAIL) + 2) * PAGE + (in < HEAD ? in : PAGE - HEAD - TAIL + in)] =
            bytes[i];
    }
    expect(sqlite3_open(":memory:", &db) == SQLITE_OK, "a database");
    expect(sqlite3_deserialize(db, "main", image, (sqlite3_int64)(count * PAGE),
                               (sqlite3_int64)(count * PAGE),
                               SQLITE_DESERIALIZE_FREEONCLOSE) == SQLITE_OK,
           "an image");
    pages_each_record(db, touch, &sum);
    sqlite3_close(db);
    return 0;
}
