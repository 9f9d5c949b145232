/* create.h - the schema of a spool. */

#ifndef POSTGRES_CREATE_H
#define POSTGRES_CREATE_H

#include "internal.h"

enum { PG_SCHEMA_VERSION = 3 }; /* as in schema.sql */

#endif
