/* nomath.c - stubs in place of libm.
 *
 * SQLite's archive wants libm for SQL functions such as sin(). No statement in sql/ calls one
 * (tests/build.bats). To map libm takes a command 6 to 8 percent longer (medians of 400 shuffled
 * rounds). libm.a cannot be linked instead: with a shared libc its functions miss
 * _dl_x86_cpu_features (glibc 2.36). So the linker finds these stubs first, and takes any other
 * name that an SQLite wants from libm. libchatspool does not contain them: a program that links it
 * may call sin() itself. */

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
