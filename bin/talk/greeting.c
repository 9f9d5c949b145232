/* greeting.c - the first line: how much is unread, and who is here. */

#include "greeting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/text.h"

static void add_since(struct text *text, int64_t milliseconds)
{
    time_t seconds = (time_t)(milliseconds / 1000), current = time(NULL);
    struct tm then, now;
    char since[64];
    if (localtime_r(&seconds, &then) == NULL || localtime_r(&current, &now) == NULL)
        return;
    bool today = then.tm_yday == now.tm_yday && then.tm_year == now.tm_year;
    strftime(since, sizeof since, today ? " since %H:%M" : " since %Y-%m-%d %H:%M", &then);
    text_add_string(text, since);
}

static void add_unread(struct text *text, int64_t unread, int64_t since)
{
    char part[64];
    snprintf(part, sizeof part, unread == 0 ? ": no unread messages" : ": %lld unread",
             (long long)unread);
    text_add_string(text, part);
    if (unread > 0)
        add_since(text, since);
}

static void add_here(struct text *text, const struct room *room, struct screen *screen)
{
    struct chat_reader *readers = NULL;
    size_t count = 0, here = 0;
    if (chat_readers(room->spool, room->name, 0, &readers, &count) != CHAT_OK)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        screen_expect(screen, readers[i].name);
        if (!readers[i].here || strcmp(readers[i].name, room->user) == 0)
            continue;
        text_add_string(text, here++ == 0 ? "; here: " : ", ");
        text_add_string(text, readers[i].name);
    }
    free(readers);
}

void greeting_show(const struct room *room, struct screen *screen, int64_t unread, int64_t since)
{
    struct text text = { .bytes = NULL };
    text_add_string(&text, room->name);
    add_unread(&text, unread, since);
    add_here(&text, room, screen);
    text_add(&text, "", 1);
    screen_note(screen, text.bytes);
    text_free(&text);
}
