SELECT chat.forget($1::bigint)
