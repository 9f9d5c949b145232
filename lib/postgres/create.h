/* create.h - create the schema, and upgrade it. */

#ifndef POSTGRES_CREATE_H
#define POSTGRES_CREATE_H

#include "internal.h"

enum { PG_SCHEMA_VERSION = 3 }; /* as in schema.sql */

#endif
