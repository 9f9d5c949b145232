-- A server of version 17 or newer ends long transactions, too, where somebody has set that.
SELECT set_config('transaction_timeout', '0', false)
