DELETE FROM chat.sent WHERE token IN
    (SELECT token FROM chat.sent WHERE time < (SELECT chat.now()) - 3600000 ORDER BY time LIMIT 1024)
