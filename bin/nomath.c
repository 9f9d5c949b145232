/* nomath.c - no library of mathematics.
 *
 * SQLite's archive wants libm for SQL functions like sin(), which no statement of ours calls. To
 * map and relocate that library costs every start 8 system calls and 45 thousand
 * instructions, a twentieth of a send. So the linker finds these instead of it; a name that a
 * distributor's SQLite wants besides is still taken from libm. The library of this
 * project does not have them: a program that links it has its own use for sin(). */

#include <stdlib.h>

#define NOMATH(name)                                                                               \
    double name(double);                                                                           \
    double name(double x)                                                                          \
    {                                                                                              \
        (void)x;                                                                                   \
        abort();                                                                                   \
    }

#define NOMATH2(name)                                                                              \
    double name(double, double);                                                                   \
    double name(double x, double y)                                                                \
    {                                                                                              \
        (void)x, (void)y;                                                                          \
        abort();                                                                                   \
    }

NOMATH(acos)
NOMATH(acosh)
NOMATH(asin)
NOMATH(asinh)
NOMATH(atan)
NOMATH(atanh)
NOMATH(cos)
NOMATH(cosh)
NOMATH(exp)
NOMATH(log)
NOMATH(sin)
NOMATH(sinh)
NOMATH(sqrt)
NOMATH(tan)
NOMATH(tanh)
NOMATH(trunc)
NOMATH2(atan2)
NOMATH2(fmod)
NOMATH2(pow)
