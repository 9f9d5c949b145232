SELECT max(position) FROM message
