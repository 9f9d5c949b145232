SELECT count(pg_advisory_unlock(7162975207332773888 | (id & 281474976710655))) FROM unnest($1::bigint[]) AS id
