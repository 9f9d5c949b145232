/* nomath.c - stubs in place of libm.
 *
 * SQLite's archive needs libm for SQL functions such as sin(). No statement in sql/ calls one
 * (tests/build.bats), and mapping libm makes a command 6 to 8 percent slower (medians of 400
 * shuffled rounds). libm.a is not an alternative: with a shared libc its functions need
 * _dl_x86_cpu_features, which is missing (glibc 2.36). So the linker finds these stubs first, and
 * takes any other name that SQLite needs from libm. libchatspool does not contain the stubs: a
 * program that links it may call sin() itself. */

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
