/* keys.c - what the keys of the editor do. */

#include "keys.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "common/cli.h"
#include "modes.h"

/* --- the line -------------------------------------------------------------- */

/* With EL_EDITMODE off, el_reset() leaves the modes of the terminal alone. */
void keys_clear_line(EditLine *el)
{
    el_wset(el, EL_EDITMODE, 0);
    el_reset(el);
    el_wset(el, EL_EDITMODE, 1);
}

static void add_to_history(struct editor *e, const wchar_t *line)
{
    HistEventW event;
    if (line[0] != L'\0')
        history_w(e->history, &event, H_ENTER, line);
}

static void add_character(struct text *text, wchar_t c)
{
    mbstate_t state = { 0 };
    char bytes[MB_LEN_MAX];
    size_t size = wcrtomb(bytes, c, &state);
    if (size != (size_t)-1)
        text_add(text, bytes, size);
}

static unsigned char send_line(EditLine *el, wint_t key)
{
    struct editor *e = edit_of(el);
    const LineInfoW *line = el_wline(el);
    size_t size = (size_t)(line->lastchar - line->buffer);
    struct text text = { .bytes = NULL };
    (void)key;
    for (size_t i = 0; i < size; i++)
        add_character(&text, line->buffer[i]);
    text_add(&text, "", 1);
    wchar_t *copy = calloc(size + 1, sizeof *copy);
    if (copy == NULL)
        cli_no_memory();
    memcpy(copy, line->buffer, size * sizeof *copy);
    enum answer answer = commands_typed(e->talk, text.bytes, text.size - 1);
    if (answer != ANSWER_KEEP) {
        add_to_history(e, copy);
        keys_clear_line(el);
    }
    free(copy);
    text_free(&text);
    return answer == ANSWER_LEAVE ? CC_EOF : CC_REFRESH;
}

static unsigned char drop_line(EditLine *el, wint_t key)
{
    struct editor *e = edit_of(el);
    const LineInfoW *line = el_wline(el);
    (void)key;
    if (line->lastchar == line->buffer && !e->hinted) {
        screen_note(&e->talk->screen, "Ctrl-D or /quit leaves");
        e->hinted = true;
    }
    keys_clear_line(el);
    return CC_REFRESH;
}

static unsigned char stop_here(EditLine *el, wint_t key)
{
    (void)key;
    modes_suspend(edit_of(el), true);
    return CC_REFRESH;
}

static unsigned char clear_screen(EditLine *el, wint_t key)
{
    (void)key;
    screen_clear(&edit_of(el)->talk->screen);
    return CC_REFRESH;
}

/* Read the pasted text up to the mark of its end. The caller frees it; NULL: the terminal is gone.
 */
static wchar_t *read_paste(EditLine *el, size_t *size)
{
    static const wchar_t mark[] = L"\033[201~";
    enum { MARK = sizeof mark / sizeof mark[0] - 1 };
    wchar_t *text = NULL, c;
    size_t capacity = 0;
    *size = 0;
    while (el_wgetc(el, &c) == 1) {
        if (*size + 2 > capacity) {
            capacity = capacity * 2 + 1024;
            wchar_t *larger = realloc(text, capacity * sizeof *text);
            if (larger == NULL)
                cli_no_memory();
            text = larger;
        }
        text[(*size)++] = c;
        if (*size >= MARK && wmemcmp(text + *size - MARK, mark, MARK) == 0) {
            *size -= MARK;
            break;
        }
    }
    return text;
}

/* Put pasted text into the line. Terminals paste a newline as the key Enter. Drop a newline at the
 * end. */
static unsigned char paste(EditLine *el, wint_t key)
{
    size_t size, kept = 0;
    wchar_t *text = read_paste(el, &size);
    (void)key;
    if (text == NULL)
        return CC_REFRESH;
    for (size_t i = 0; i < size; i++)
        if (text[i] != L'\n' || i == 0 || text[i - 1] != L'\r')
            text[kept++] = text[i];
    for (size_t i = 0; i < kept; i++)
        if (text[i] == L'\r')
            text[i] = L'\n';
    if (kept > 0 && text[kept - 1] == L'\n')
        kept--;
    text[kept] = L'\0';
    el_winsertstr(el, text);
    free(text);
    return CC_REFRESH;
}

/* --- bindings -------------------------------------------------------------- */

static void bind(EditLine *el, const wchar_t *key, const wchar_t *function)
{
    el_wset(el, EL_BIND, key, function, NULL);
}

void keys_bind_usual(EditLine *el)
{
    el_wset(el, EL_EDITOR, L"emacs");
    bind(el, L"^R", L"em-inc-search-prev");
    bind(el, L"^W", L"ed-delete-prev-word");
    bind(el, L"\\e[3~", L"ed-delete-next-char");
    bind(el, L"\\e[H", L"ed-move-to-beg");
    bind(el, L"\\e[1~", L"ed-move-to-beg");
    bind(el, L"\\e[F", L"ed-move-to-end");
    bind(el, L"\\e[4~", L"ed-move-to-end");
    bind(el, L"\\e[1;5C", L"em-next-word");
    bind(el, L"\\e[1;5D", L"ed-prev-word");
}

void keys_bind_own(EditLine *el)
{
    static const struct {
        const wchar_t *name, *key;
        unsigned char (*function)(EditLine *el, wint_t key);
    } own[] = { { L"chat-send", L"^M", send_line },     { L"chat-send", L"^J", send_line },
                { L"chat-drop", L"^C", drop_line },     { L"chat-stop", L"^Z", stop_here },
                { L"chat-clear", L"^L", clear_screen }, { L"chat-paste", L"\\e[200~", paste } };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (i == 0 || own[i].function != own[i - 1].function)
            el_wset(el, EL_ADDFN, own[i].name, L"chat-talk", own[i].function);
        bind(el, own[i].key, own[i].name);
        el_wset(el, EL_BIND, L"-a", own[i].key, own[i].name, NULL);
    }
}
