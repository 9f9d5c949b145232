SELECT chat.fold($1::bigint)
