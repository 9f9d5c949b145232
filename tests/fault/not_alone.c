/* not_alone.c - linked with --wrap=chat_alone: SQLite is not told that it is alone, and so asks
 * malloc() for each piece of memory (lib/sqlite_memory.c). */

void __wrap_chat_alone(void);

void __wrap_chat_alone(void)
{
}
