SELECT next_id, max_length FROM spool WHERE one = 1
